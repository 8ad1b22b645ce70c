-- name: put_reading
-- Keeps what a document says; reading it again replaces it.
INSERT INTO reading_document (patient_key, unique_id, terms, results, has_profile, sealed)
VALUES (:patient_key, :unique_id, :terms, :results, :has_profile, :sealed)
ON CONFLICT (patient_key, unique_id) DO UPDATE SET terms = excluded.terms, results = excluded.results,
    has_profile = excluded.has_profile, sealed = excluded.sealed;

-- name: find_by_terms
-- Documents of a patient that hold all the terms.
SELECT unique_id FROM reading_document WHERE patient_key = :patient_key AND terms @> :terms;

-- name: find_by_result
-- Documents of a patient with a result of one of the analyses; all with any result if none is given.
SELECT unique_id FROM reading_document
WHERE patient_key = :patient_key AND (results && :results OR (cardinality(:results::bigint[]) = 0 AND results <> '{}'));

-- name: find_profile
-- Documents of a patient that say something for the medical profile.
SELECT unique_id FROM reading_document WHERE patient_key = :patient_key AND has_profile;

-- name: read_sealed
-- What documents of a patient say, sealed.
SELECT unique_id, sealed FROM reading_document WHERE patient_key = :patient_key AND unique_id = ANY(:unique_ids);

-- name: list_read
-- Which of these documents were read.
SELECT unique_id FROM reading_document WHERE patient_key = :patient_key AND unique_id = ANY(:unique_ids);

-- name: put_line
-- Keeps a line of the citizen; writing it again replaces it.
INSERT INTO reading_citizen_line (patient_key, id, sealed, at) VALUES (:patient_key, :id, :sealed, :at)
ON CONFLICT (patient_key, id) DO UPDATE SET sealed = excluded.sealed, at = excluded.at;

-- name: delete_line
-- Takes a line of the citizen away.
DELETE FROM reading_citizen_line WHERE patient_key = :patient_key AND id = :id;

-- name: list_lines
-- All lines of the citizen.
SELECT id, sealed FROM reading_citizen_line WHERE patient_key = :patient_key ORDER BY at;

-- name: put_document
-- Keeps the words and the text of a document; reading it again replaces them.
INSERT INTO reading_document (patient_key, unique_id, index_id, terms, sealed_text)
VALUES (:patient_key, :unique_id, :index_id, :terms, :sealed_text)
ON CONFLICT (patient_key, unique_id) DO UPDATE SET index_id = excluded.index_id, terms = excluded.terms,
    sealed_text = excluded.sealed_text;

-- name: find_by_terms
-- Documents of a patient that hold all the terms.
SELECT unique_id FROM reading_document
WHERE patient_key = :patient_key AND index_id = :index_id AND terms @> :terms;

-- name: list_read
-- Which documents of a patient were read. They are compared with the current ones outside: what the planner knows of two
-- columns that go together makes it join two thousand names with two thousand one by one.
SELECT unique_id FROM reading_document WHERE patient_key = :patient_key AND index_id = :index_id;

-- name: find_texts
-- Texts of documents, sealed.
SELECT unique_id, sealed_text FROM reading_document
WHERE patient_key = :patient_key AND index_id = :index_id AND unique_id = ANY(:unique_ids);

-- name: find_stamp
-- The stamp of the documents of a patient when all of them were read; nothing if the key died with which they were.
SELECT stamp FROM reading_digest WHERE patient_key = :patient_key AND index_id = :index_id;

-- name: put_stamp
-- All of these documents are read.
UPDATE reading_digest SET stamp = :stamp WHERE patient_key = :patient_key AND index_id = :index_id;

-- name: find_results
-- The results of a patient, sealed.
SELECT sealed FROM reading_digest WHERE patient_key = :patient_key AND index_id = :index_id;

-- name: find_facts
-- The facts of a patient, sealed.
SELECT sealed_facts AS sealed FROM reading_digest WHERE patient_key = :patient_key AND index_id = :index_id;

-- name: lock_digest
-- Results and facts of a patient, of which the caller is the only one to write until the transaction ends.
INSERT INTO reading_digest AS d (patient_key, index_id, sealed) VALUES (:patient_key, :index_id, '')
ON CONFLICT (patient_key) DO UPDATE SET index_id = excluded.index_id,
    sealed = CASE WHEN d.index_id = excluded.index_id THEN d.sealed ELSE '' END,
    sealed_facts = CASE WHEN d.index_id = excluded.index_id THEN d.sealed_facts ELSE '' END,
    stamp = CASE WHEN d.index_id = excluded.index_id THEN d.stamp ELSE '' END
RETURNING sealed, sealed_facts;

-- name: put_digest
-- Keeps the results and the facts of a patient.
UPDATE reading_digest SET sealed = :sealed, sealed_facts = :sealed_facts WHERE patient_key = :patient_key;

-- name: put_line
-- Keeps a line of the citizen; writing it again replaces it.
INSERT INTO reading_citizen_line (patient_key, id, sealed, at) VALUES (:patient_key, :id, :sealed, :at)
ON CONFLICT (patient_key, id) DO UPDATE SET sealed = excluded.sealed, at = excluded.at;

-- name: delete_line
-- Takes a line of the citizen away.
DELETE FROM reading_citizen_line WHERE patient_key = :patient_key AND id = :id;

-- name: list_lines
-- All lines of the citizen.
SELECT id, sealed, at FROM reading_citizen_line WHERE patient_key = :patient_key ORDER BY at;

-- name: delete_documents
-- Forgets the words of a patient's documents.
DELETE FROM reading_document WHERE patient_key = :patient_key;

-- name: delete_digest
-- Forgets what they say.
DELETE FROM reading_digest WHERE patient_key = :patient_key;

-- name: delete_lines
-- Forgets what the citizen wrote.
DELETE FROM reading_citizen_line WHERE patient_key = :patient_key;

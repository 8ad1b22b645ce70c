-- What was read out of documents can be read again: no row is kept. Text and facts part, since most pages need facts alone.
DROP TABLE reading_document;

-- One document: its words as keyed hashes, its text sealed under the patient's key. `index_id` names the key of the hashes:
-- a row of a key that was destroyed counts as not read.
CREATE TABLE reading_document (
    patient_key uuid NOT NULL,
    unique_id text NOT NULL,
    index_id bigint NOT NULL,
    terms bigint[] NOT NULL,
    sealed_text bytea NOT NULL,
    PRIMARY KEY (patient_key, unique_id)
);

-- One patient: the results and facts of all documents that were read, sealed together.
CREATE TABLE reading_digest (
    patient_key uuid PRIMARY KEY,
    index_id bigint NOT NULL,
    sealed bytea NOT NULL
);

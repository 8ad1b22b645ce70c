-- What one document says: words and analyses as keyed hashes, content sealed under the patient's key.
CREATE TABLE reading_document (
    patient_key uuid NOT NULL,
    unique_id text NOT NULL,
    terms bigint[] NOT NULL,
    results bigint[] NOT NULL,
    has_profile boolean NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (patient_key, unique_id)
);

-- What the citizen wrote in the medical profile, sealed likewise.
CREATE TABLE reading_citizen_line (
    patient_key uuid NOT NULL,
    id uuid NOT NULL,
    sealed bytea NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (patient_key, id)
);

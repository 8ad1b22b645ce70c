-- Contexts of the simulated Appli carte Vitale: shown once as a code, read once, soon over.
CREATE TABLE ins_vitale_context (
    digest bytea PRIMARY KEY,
    patient_key uuid NOT NULL,
    expires_at timestamptz NOT NULL
);

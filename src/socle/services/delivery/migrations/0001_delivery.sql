-- Acts of sending, and their ways out. The document is the vault object (patient_key, object).

CREATE TABLE delivery (
    patient_key uuid NOT NULL,
    delivery_id uuid NOT NULL,
    author_id text NOT NULL,
    object text NOT NULL,
    -- Who asks, what and how: sealed with the patient's key.
    sealed bytea NOT NULL,
    document_id text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (patient_key, delivery_id)
);

CREATE TABLE delivery_target (
    patient_key uuid NOT NULL,
    delivery_id uuid NOT NULL,
    address text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    proof text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    attempts integer NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (patient_key, delivery_id, address)
);

-- Data keys of patients and mailboxes, wrapped by a master key.
CREATE TABLE key_ring (
    patient_key uuid NOT NULL,
    version integer NOT NULL,
    master_id text NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (patient_key, version)
);

-- The last link of each patient's chain of traces.
CREATE TABLE audit_head (
    patient_key uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    hash bytea NOT NULL
);

-- One trace. `event` is the exact JSON that was hashed; the other columns are copies for searching.
CREATE TABLE audit_event (
    patient_key uuid NOT NULL,
    sequence bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    actor_id text NOT NULL,
    transaction text NOT NULL,
    action text NOT NULL,
    outcome smallint NOT NULL,
    event bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (patient_key, sequence)
);
CREATE INDEX audit_event_by_actor ON audit_event (actor_id, recorded_at);
CREATE INDEX audit_event_by_time ON audit_event USING brin (recorded_at);

-- The head of a chain at the end of a day, signed: what a citizen checks offline.
CREATE TABLE audit_daily_head (
    patient_key uuid NOT NULL,
    day date NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    signature bytea NOT NULL,
    PRIMARY KEY (patient_key, day)
);

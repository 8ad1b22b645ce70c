-- One DMP. `rights_version` changes with the record and with every right on it.
CREATE TABLE dmp_record (
    patient_key uuid PRIMARY KEY,
    matricule text NOT NULL,
    oid text NOT NULL,
    state text NOT NULL,
    birth_date date,
    settings bytea NOT NULL,
    informed_at timestamptz,
    opens_after timestamptz,
    opened_at timestamptz,
    closed_at timestamptz,
    closing_reason text,
    closing_text text NOT NULL DEFAULT '',
    destroyed_after timestamptz,
    merged_into uuid,
    rights_version bigint NOT NULL DEFAULT 0
);
CREATE INDEX dmp_record_to_open ON dmp_record (opens_after) WHERE state = 'informed';
CREATE INDEX dmp_record_to_destroy ON dmp_record (destroyed_after) WHERE state = 'closed';

-- Whom the patient lets read: a professional, or the care team of a structure.
CREATE TABLE dmp_authorization (
    patient_key uuid NOT NULL,
    holder_id text NOT NULL,
    holding text NOT NULL,
    name text NOT NULL,
    profession text NOT NULL,
    granted_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    is_medecin_traitant boolean NOT NULL,
    is_secret boolean NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (patient_key, holder_id)
);
CREATE INDEX dmp_authorization_by_holder ON dmp_authorization (holder_id, granted_at);

-- Whom the patient shuts out, from consulting or (for a legitimate reason) from feeding.
CREATE TABLE dmp_block (
    patient_key uuid NOT NULL,
    target_id text NOT NULL,
    scope text NOT NULL,
    holding text NOT NULL,
    name text NOT NULL,
    reason text NOT NULL,
    blocked_at timestamptz NOT NULL,
    blocked_by text NOT NULL,
    PRIMARY KEY (patient_key, target_id, scope)
);

-- Who acts for the holder.
CREATE TABLE dmp_mandate (
    patient_key uuid NOT NULL,
    agent_id text NOT NULL,
    kind text NOT NULL,
    scope text NOT NULL,
    name text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    revoked_at timestamptz,
    proof text NOT NULL,
    PRIMARY KEY (patient_key, agent_id)
);
CREATE INDEX dmp_mandate_by_agent ON dmp_mandate (agent_id);

-- What the holder (or a médecin traitant) is told. The dedupe key keeps the same thing from being told twice.
CREATE TABLE dmp_notice (
    patient_key uuid NOT NULL,
    notice_id uuid NOT NULL,
    dedupe_key text NOT NULL,
    kind text NOT NULL,
    at timestamptz NOT NULL,
    recipient_id text NOT NULL,
    text_fr text NOT NULL,
    text_en text NOT NULL,
    delivered_at timestamptz,
    PRIMARY KEY (patient_key, notice_id),
    UNIQUE (patient_key, dedupe_key)
);
CREATE INDEX dmp_notice_to_deliver ON dmp_notice (at) WHERE delivered_at IS NULL;

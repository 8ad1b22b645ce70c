-- Local accounts of citizens and operators. They are found by login, so they distribute by account, not by patient.
CREATE TABLE identity_account (
    id            uuid PRIMARY KEY,
    kind          text NOT NULL,
    login         text NOT NULL,
    name          text NOT NULL,
    password_hash text NOT NULL,
    totp_sealed   bytea,
    totp_step     bigint NOT NULL DEFAULT 0,
    upstream_sub  text UNIQUE,
    ins           text NOT NULL,
    ins_oid       text NOT NULL,
    failures      smallint NOT NULL DEFAULT 0,
    locked_until  timestamptz,
    created_at    timestamptz NOT NULL,
    closed_at     timestamptz
);
CREATE UNIQUE INDEX identity_account_login ON identity_account (kind, login) WHERE login <> '';
CREATE INDEX identity_account_ins ON identity_account (ins, ins_oid) WHERE ins <> '';

CREATE TABLE identity_passkey (
    credential_id bytea PRIMARY KEY,
    account       uuid NOT NULL REFERENCES identity_account ON DELETE CASCADE,
    public_key    bytea NOT NULL,
    sign_count    bigint NOT NULL,
    name          text NOT NULL,
    created_at    timestamptz NOT NULL
);
CREATE INDEX identity_passkey_account ON identity_passkey (account);

CREATE TABLE identity_recovery_code (
    account     uuid NOT NULL REFERENCES identity_account ON DELETE CASCADE,
    code_sha256 bytea NOT NULL,
    PRIMARY KEY (account, code_sha256)
);

-- The provisional code of the letter that opens a space.
CREATE TABLE identity_activation (
    code_sha256 bytea PRIMARY KEY,
    ins         text NOT NULL,
    ins_oid     text NOT NULL,
    name        text NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz
);

-- Who may act on whose record: read from the patient's side by key, from the account's side at login.
CREATE TABLE identity_mandate (
    patient_key uuid NOT NULL,
    id          uuid NOT NULL,
    ins         text NOT NULL,
    ins_oid     text NOT NULL,
    holder_name text NOT NULL,
    birth_date  text NOT NULL,
    account     uuid NOT NULL,
    role        text NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,
    evidence    text NOT NULL,
    granted_by  text NOT NULL,
    created_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    PRIMARY KEY (patient_key, id)
);
CREATE INDEX identity_mandate_account ON identity_mandate (account);

-- Logins into the base's own pages.
CREATE TABLE identity_session (
    cookie_sha256 bytea PRIMARY KEY,
    space         text NOT NULL,
    subject       text NOT NULL,
    record        text NOT NULL,
    acting        text NOT NULL,
    upstream_sid  text NOT NULL,
    id_token      text NOT NULL,
    csrf          text NOT NULL,
    started_at    timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL
);
CREATE INDEX identity_session_upstream ON identity_session (upstream_sid) WHERE upstream_sid <> '';
CREATE INDEX identity_session_subject ON identity_session (space, subject);
CREATE INDEX identity_session_seen ON identity_session (seen_at);

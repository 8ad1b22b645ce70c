-- Mailboxes and their messages. Everything of a box is found by its mailbox_key, which is also its vault owner key.

CREATE TABLE mss_mailbox (
    mailbox_key uuid PRIMARY KEY,
    address text NOT NULL UNIQUE,
    kind text NOT NULL,
    state text NOT NULL,
    display_name text NOT NULL DEFAULT '',
    person_id text NOT NULL DEFAULT '',
    structure_id text NOT NULL DEFAULT '',
    service text NOT NULL DEFAULT '',
    responsible text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    is_red_listed boolean NOT NULL DEFAULT false,
    rank integer NOT NULL DEFAULT 1,
    accepts_paperless boolean NOT NULL DEFAULT false,
    -- Citizens' boxes: whose, under which authority.
    matricule text NOT NULL DEFAULT '',
    ins_oid text NOT NULL DEFAULT '',
    -- Applicative boxes: subject of the client certificate (RFC 4514).
    certificate_subject text NOT NULL DEFAULT '',
    -- Argon2 hash, sandbox only.
    password_hash text NOT NULL DEFAULT '',
    quota_bytes bigint NOT NULL,
    used_bytes bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    last_used_at timestamptz,
    warned_at timestamptz,
    purge_at timestamptz
);
CREATE INDEX mss_mailbox_person ON mss_mailbox (person_id) WHERE person_id <> '';
CREATE INDEX mss_mailbox_structure ON mss_mailbox (structure_id) WHERE structure_id <> '';

-- Who else may use a box (organisational, cabinet, delegation).
CREATE TABLE mss_right (
    mailbox_key uuid NOT NULL,
    person_id text NOT NULL,
    may_send boolean NOT NULL,
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (mailbox_key, person_id)
);
CREATE INDEX mss_right_person ON mss_right (person_id);

CREATE TABLE mss_folder (
    mailbox_key uuid NOT NULL,
    folder_id integer NOT NULL,
    name text NOT NULL,
    special_use text NOT NULL DEFAULT '',
    is_subscribed boolean NOT NULL DEFAULT true,
    uid_validity bigint NOT NULL,
    uid_next bigint NOT NULL DEFAULT 1,
    highest_modseq bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (mailbox_key, folder_id),
    UNIQUE (mailbox_key, name)
);

-- One message in one folder. The content is the vault object (mailbox_key, object); the summary is sealed with the
-- box's key: header, IMAP envelope and structure, so that lists are shown without opening the object.
CREATE TABLE mss_message (
    mailbox_key uuid NOT NULL,
    folder_id integer NOT NULL,
    uid bigint NOT NULL,
    object text NOT NULL,
    size_bytes integer NOT NULL,
    summary bytea NOT NULL,
    -- Keyed hash of the thread's first Message-ID, and of the message's own.
    thread bytea NOT NULL,
    message_hash bytea NOT NULL,
    flags text[] NOT NULL DEFAULT '{}',
    modseq bigint NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_key, folder_id, uid)
);
CREATE INDEX mss_message_thread ON mss_message (mailbox_key, thread);
CREATE INDEX mss_message_hash ON mss_message (mailbox_key, message_hash);
ALTER TABLE mss_message ALTER COLUMN summary SET STORAGE EXTERNAL;

-- What was accepted: the same message for the same recipient is never delivered twice.
CREATE TABLE mss_accepted (
    recipient text NOT NULL,
    fingerprint bytea NOT NULL,
    queue_id uuid NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (recipient, fingerprint)
);
CREATE INDEX mss_accepted_time ON mss_accepted (accepted_at);

-- Messages that wait for another operator: one row a recipient. The content is the vault object (owner_key, object).
CREATE TABLE mss_queue (
    queue_id uuid NOT NULL,
    recipient text NOT NULL,
    sender text NOT NULL,
    owner_key uuid NOT NULL,
    object text NOT NULL,
    size_bytes integer NOT NULL,
    notify text NOT NULL DEFAULT '',
    original_recipient text NOT NULL DEFAULT '',
    envelope_id text NOT NULL DEFAULT '',
    wants_full_return boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL,
    warned_at timestamptz,
    last_reply text NOT NULL DEFAULT '',
    PRIMARY KEY (queue_id, recipient)
);
CREATE INDEX mss_queue_due ON mss_queue (next_attempt_at);

-- What a citizen may answer: opened by the professional, closed by FIN.
CREATE TABLE mss_exchange (
    mailbox_key uuid NOT NULL,
    contact text NOT NULL,
    is_open boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_key, contact)
);

-- Which contacts a sender opened: [FIN] takes back the Reply-To ones too.
CREATE TABLE mss_exchange_origin (
    mailbox_key uuid NOT NULL,
    sender text NOT NULL,
    contact text NOT NULL,
    PRIMARY KEY (mailbox_key, sender, contact)
);

-- The operator's traces: never content. Indicators are computed from them.
CREATE TABLE mss_trace (
    trace_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at timestamptz NOT NULL,
    action text NOT NULL,
    mailbox text NOT NULL DEFAULT '',
    mailbox_kind text NOT NULL DEFAULT '',
    person_id text NOT NULL DEFAULT '',
    peer text NOT NULL DEFAULT '',
    queue_id uuid,
    message_hash bytea,
    size_bytes integer NOT NULL DEFAULT 0,
    reply text NOT NULL DEFAULT '',
    cda_codes text[] NOT NULL DEFAULT '{}',
    has_ins text NOT NULL DEFAULT '',
    product text NOT NULL DEFAULT '',
    is_success boolean NOT NULL DEFAULT true
);
CREATE INDEX mss_trace_time ON mss_trace (happened_at);
CREATE INDEX mss_trace_mailbox ON mss_trace (mailbox, happened_at);

-- Messages in which a virus was found, kept apart for the operator.
CREATE TABLE mss_quarantine (
    quarantine_id uuid PRIMARY KEY,
    found_at timestamptz NOT NULL,
    signature text NOT NULL,
    sender text NOT NULL,
    recipients text[] NOT NULL,
    owner_key uuid NOT NULL,
    object text NOT NULL
);

-- The last valid white lists, newest used.
CREATE TABLE mss_whitelist (
    list_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    content bytea NOT NULL,
    digest bytea NOT NULL UNIQUE,
    signed_by text NOT NULL,
    issued_on date NOT NULL,
    loaded_at timestamptz NOT NULL
);

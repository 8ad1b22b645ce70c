-- What was done with documents that came by mail. The message is the vault object (mailbox_key, content_key).
CREATE TABLE delivery_intake (
    mailbox_key uuid NOT NULL,
    content_key text NOT NULL,
    document_id text NOT NULL,
    -- Into the DMP, or into the citizen's own documents: when, by whom, under which uniqueId.
    filed_at timestamptz,
    filed_by text NOT NULL DEFAULT '',
    filed_as text NOT NULL DEFAULT '',
    -- Why the last attempt was refused.
    refusal text NOT NULL DEFAULT '',
    -- Into the software of the box's holder.
    taken_at timestamptz,
    taken_by text NOT NULL DEFAULT '',
    PRIMARY KEY (mailbox_key, content_key, document_id)
);

-- Acts are listed by author, and forgotten when they are old.
CREATE INDEX delivery_author ON delivery (author_id, created_at);
CREATE INDEX delivery_age ON delivery (created_at);

-- What came back about messages that a box sent: one row a recipient and kind, found by the sent message's own hash.
CREATE TABLE mss_notice (
    mailbox_key uuid NOT NULL,
    message_hash bytea NOT NULL,
    recipient text NOT NULL,
    -- delivery (DSN), receipt (MDN), bounce (Mon espace santé)
    kind text NOT NULL,
    outcome text NOT NULL,
    status text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    happened_at timestamptz NOT NULL,
    PRIMARY KEY (mailbox_key, message_hash, recipient, kind)
);

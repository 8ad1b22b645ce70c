-- Applicative boxes whose incoming documents go to the DMP by themselves.
ALTER TABLE mss_mailbox ADD COLUMN files_to_dmp boolean NOT NULL DEFAULT false;

-- Certificates that peers were seen with, by the SHA-256 of their DER: a front such as Postfix gives only that.
CREATE TABLE mss_peer_certificate (
    fingerprint bytea PRIMARY KEY,
    certificate bytea NOT NULL,
    seen_at timestamptz NOT NULL
);

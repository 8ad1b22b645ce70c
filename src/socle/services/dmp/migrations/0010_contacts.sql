-- Where someone wants to be told of what happens in a record: the holder, or who acts for the holder. The address is
-- sealed under the patient's key; it counts once the code that was sent to it came back.
CREATE TABLE dmp_contact (
    patient_key uuid NOT NULL,
    account_id text NOT NULL,
    actor_kind text NOT NULL,
    address bytea NOT NULL,
    kinds text[] NOT NULL,
    language text NOT NULL,
    verified_at timestamptz,
    refused_at timestamptz,
    code_sha256 bytea,
    code_sent_at timestamptz,
    codes_sent integer NOT NULL DEFAULT 0,
    wrong_codes integer NOT NULL DEFAULT 0,
    PRIMARY KEY (patient_key, account_id)
);

-- What is to be sent of it. `taken_at` is set before sending: what may have left is never sent again.
CREATE TABLE dmp_delivery (
    patient_key uuid NOT NULL,
    notice_id uuid NOT NULL,
    account_id text NOT NULL,
    taken_at timestamptz,
    PRIMARY KEY (patient_key, notice_id, account_id)
);

DROP INDEX dmp_notice_to_deliver;
ALTER TABLE dmp_notice DROP COLUMN delivered_at;

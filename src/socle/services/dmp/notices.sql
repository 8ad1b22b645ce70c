-- name: add_notice
-- Something to tell, nothing if it was told; returns the accounts to which it is to be sent.
WITH told AS (
    INSERT INTO dmp_notice (patient_key, notice_id, dedupe_key, kind, at, recipient_id, text_fr, text_en, sealed_words)
    VALUES (:patient_key, :notice_id, :dedupe_key, :kind, :at, :recipient_id, :text_fr, :text_en, :sealed_words)
    ON CONFLICT (patient_key, dedupe_key) DO NOTHING RETURNING patient_key, notice_id, kind, recipient_id
)
INSERT INTO dmp_delivery (patient_key, notice_id, account_id)
SELECT told.patient_key, told.notice_id, c.account_id FROM told JOIN dmp_contact c ON c.patient_key = told.patient_key
WHERE told.recipient_id = '' AND told.kind = ANY (c.kinds) AND c.verified_at IS NOT NULL AND c.refused_at IS NULL
RETURNING account_id;

-- name: list_notices
-- What one recipient was told about a record (the holder: ''), newest first.
SELECT * FROM dmp_notice WHERE patient_key = :patient_key AND recipient_id = :recipient_id
ORDER BY at DESC, notice_id LIMIT :count;

-- name: take_deliveries
-- What waits to be sent to one account about one record, taken so that nobody else sends it.
WITH taken AS (
    UPDATE dmp_delivery SET taken_at = :now
    WHERE patient_key = :patient_key AND account_id = :account_id AND taken_at IS NULL RETURNING patient_key, notice_id
)
SELECT n.notice_id, n.kind FROM taken JOIN dmp_notice n ON n.patient_key = taken.patient_key
    AND n.notice_id = taken.notice_id;

-- name: give_back_deliveries
-- What surely did not leave waits again.
UPDATE dmp_delivery SET taken_at = NULL
WHERE patient_key = :patient_key AND account_id = :account_id AND notice_id = ANY (:notice_ids::uuid[]);

-- name: find_contact
-- Where one account wants to be told about a record.
SELECT * FROM dmp_contact WHERE patient_key = :patient_key AND account_id = :account_id;

-- name: put_contact
-- An address to be verified, in place of the one before.
INSERT INTO dmp_contact AS c (patient_key, account_id, actor_kind, address, kinds, language, code_sha256, code_sent_at,
    codes_sent)
VALUES (:patient_key, :account_id, :actor_kind, :address, :kinds, :language, :code_sha256, :now, 1)
ON CONFLICT (patient_key, account_id) DO UPDATE SET actor_kind = excluded.actor_kind, address = excluded.address,
    kinds = excluded.kinds, language = excluded.language, verified_at = NULL, refused_at = NULL,
    code_sha256 = excluded.code_sha256, code_sent_at = excluded.code_sent_at, wrong_codes = 0,
    codes_sent = CASE WHEN c.code_sent_at > :now::timestamptz - interval '1 day' THEN c.codes_sent + 1 ELSE 1 END;

-- name: count_wrong_code
-- One more wrong code.
UPDATE dmp_contact SET wrong_codes = wrong_codes + 1 WHERE patient_key = :patient_key AND account_id = :account_id;

-- name: verify_contact
-- The code came back.
UPDATE dmp_contact SET verified_at = :now, code_sha256 = NULL
WHERE patient_key = :patient_key AND account_id = :account_id;

-- name: choose_kinds
-- Of what the account wants to be told.
UPDATE dmp_contact SET kinds = :kinds, language = :language
WHERE patient_key = :patient_key AND account_id = :account_id;

-- name: refuse_contact
-- The address refuses mail: nothing is sent to it any more.
UPDATE dmp_contact SET refused_at = :now WHERE patient_key = :patient_key AND account_id = :account_id;

-- name: delete_contact
-- An account is told no more about a record.
DELETE FROM dmp_contact WHERE patient_key = :patient_key AND account_id = :account_id;

-- name: delete_contacts
-- Nobody is told any more about a record.
DELETE FROM dmp_contact WHERE patient_key = :patient_key;

-- name: delete_deliveries
-- What was to be sent about a record is sent no more.
DELETE FROM dmp_delivery WHERE patient_key = :patient_key;

-- name: delete_notices
-- Destroys the notices of a patient.
DELETE FROM dmp_notice WHERE patient_key = :patient_key;

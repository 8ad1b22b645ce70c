-- name: add_delivery
-- One act; the same act again changes nothing.
INSERT INTO delivery (patient_key, delivery_id, author_id, object, sealed, document_id, created_at)
VALUES (:patient_key, :delivery_id, :author_id, :object, :sealed, :document_id, :now)
ON CONFLICT DO NOTHING;

-- name: add_target
-- One way out; returns nothing when it is there already.
INSERT INTO delivery_target (patient_key, delivery_id, address, kind, state, updated_at)
VALUES (:patient_key, :delivery_id, :address, :kind, 'waiting', :now)
ON CONFLICT DO NOTHING RETURNING address;

-- name: find_delivery
-- One act.
SELECT author_id, object, sealed, document_id, created_at FROM delivery
WHERE patient_key = :patient_key AND delivery_id = :delivery_id;

-- name: find_targets
-- The ways out of an act, the DMP first.
SELECT address, kind, state, proof, reason, attempts, updated_at FROM delivery_target
WHERE patient_key = :patient_key AND delivery_id = :delivery_id ORDER BY kind, address;

-- name: find_target
-- One way out.
SELECT address, kind, state, proof, reason, attempts, updated_at FROM delivery_target
WHERE patient_key = :patient_key AND delivery_id = :delivery_id AND address = :address;

-- name: settle_target
-- What became of a way out.
UPDATE delivery_target SET state = :state, proof = :proof, reason = :reason, attempts = attempts + 1, updated_at = :now
WHERE patient_key = :patient_key AND delivery_id = :delivery_id AND address = :address AND state = 'waiting';

-- name: list_contents
-- Every document kept here.
SELECT patient_key, object FROM delivery;

-- name: find_object
-- Whether an act refers to an object.
SELECT 1 FROM delivery WHERE patient_key = :patient_key AND object = :object LIMIT 1;

-- name: note_failure
-- One more attempt that did not end: why, as a person reads it.
UPDATE delivery_target SET attempts = attempts + 1, reason = :reason, updated_at = :now
WHERE patient_key = :patient_key AND delivery_id = :delivery_id AND address = :address AND state = 'waiting';

-- name: list_acts
-- The acts of one author, newest first.
SELECT patient_key, delivery_id FROM delivery WHERE author_id = :author_id ORDER BY created_at DESC LIMIT :count;

-- name: forget_acts
-- Acts past their retention, with their ways out.
WITH old AS (
    DELETE FROM delivery WHERE (patient_key, delivery_id) IN (
        SELECT patient_key, delivery_id FROM delivery WHERE created_at < :before LIMIT :count)
    RETURNING patient_key, delivery_id),
ways AS (
    DELETE FROM delivery_target USING old
    WHERE delivery_target.patient_key = old.patient_key AND delivery_target.delivery_id = old.delivery_id)
SELECT delivery_id FROM old;

-- name: find_intake
-- What was done with a document that came by mail.
SELECT filed_at, filed_by, filed_as, refusal, taken_at, taken_by FROM delivery_intake
WHERE mailbox_key = :mailbox_key AND content_key = :content_key AND document_id = :document_id;

-- name: note_filed
-- The document is in the record.
INSERT INTO delivery_intake (mailbox_key, content_key, document_id, filed_at, filed_by, filed_as)
VALUES (:mailbox_key, :content_key, :document_id, :now, :by, :filed_as)
ON CONFLICT (mailbox_key, content_key, document_id) DO UPDATE
SET filed_at = excluded.filed_at, filed_by = excluded.filed_by, filed_as = excluded.filed_as, refusal = '';

-- name: note_refused
-- The document was not filed.
INSERT INTO delivery_intake (mailbox_key, content_key, document_id, refusal)
VALUES (:mailbox_key, :content_key, :document_id, :refusal)
ON CONFLICT (mailbox_key, content_key, document_id) DO UPDATE SET refusal = excluded.refusal;

-- name: note_taken
-- The holder's software has the document.
INSERT INTO delivery_intake (mailbox_key, content_key, document_id, taken_at, taken_by)
VALUES (:mailbox_key, :content_key, :document_id, :now, :by)
ON CONFLICT (mailbox_key, content_key, document_id) DO UPDATE
SET taken_at = coalesce(delivery_intake.taken_at, excluded.taken_at),
    taken_by = CASE WHEN delivery_intake.taken_at IS NULL THEN excluded.taken_by ELSE delivery_intake.taken_by END;

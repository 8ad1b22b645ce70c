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

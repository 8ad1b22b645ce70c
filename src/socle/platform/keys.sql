-- name: find_current_key
-- The newest data key of an owner.
SELECT version, master_id, wrapped FROM key_ring WHERE patient_key = :patient_key ORDER BY version DESC LIMIT 1;

-- name: find_key
-- One version of an owner's data key.
SELECT master_id, wrapped FROM key_ring WHERE patient_key = :patient_key AND version = :version;

-- name: add_first_key
-- The first data key of an owner; of two writers at once, the first wins.
INSERT INTO key_ring (patient_key, version, master_id, wrapped)
VALUES (:patient_key, 1, :master_id, :wrapped)
ON CONFLICT DO NOTHING;

-- name: delete_ring
-- Destroys all data keys of an owner.
DELETE FROM key_ring WHERE patient_key = :patient_key;

-- name: lock_stale_keys
-- Data keys that another master key than the active one wraps.
SELECT patient_key, version, master_id, wrapped FROM key_ring
WHERE master_id <> :master_id LIMIT :count FOR UPDATE SKIP LOCKED;

-- name: replace_wrapping
-- The same data key, wrapped by another master key.
UPDATE key_ring SET master_id = :master_id, wrapped = :wrapped
WHERE patient_key = :patient_key AND version = :version;

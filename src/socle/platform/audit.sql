-- name: append
-- Adds one trace to its chain and returns its place; the chain's row is locked until the transaction ends.
WITH head AS (
    INSERT INTO audit_head AS h (patient_key, sequence, hash)
    VALUES (:patient_key, 1, sha256(:genesis::bytea || sha256(:event::bytea)))
    ON CONFLICT (patient_key) DO UPDATE SET sequence = h.sequence + 1, hash = sha256(h.hash || sha256(:event::bytea))
    RETURNING sequence, hash
)
INSERT INTO audit_event (patient_key, sequence, recorded_at, actor_id, transaction, action, outcome, event, hash)
SELECT :patient_key, head.sequence, :recorded_at, :actor_id, :transaction, :action, :outcome, :event, head.hash FROM head;

-- name: find_by_patient
-- Traces of one patient, newest first, before a sequence number, but for those of some actors.
SELECT sequence, event FROM audit_event
WHERE patient_key = :patient_key AND sequence < :before AND recorded_at >= :since AND recorded_at < :until
    AND actor_id <> ALL (:without::text[])
ORDER BY sequence DESC LIMIT :count;

-- name: find_by_actor
-- Traces of one actor, newest first.
SELECT patient_key, sequence, event FROM audit_event
WHERE actor_id = :actor_id AND recorded_at >= :since AND recorded_at < :until
ORDER BY recorded_at DESC, patient_key, sequence DESC LIMIT :count OFFSET :skip;

-- name: find_by_time
-- Traces of everybody in a span of time (operator's export), newest first.
SELECT patient_key, sequence, event FROM audit_event
WHERE recorded_at >= :since AND recorded_at < :until
ORDER BY recorded_at DESC, patient_key, sequence DESC LIMIT :count OFFSET :skip;

-- name: read_chain
-- The whole chain of one patient, oldest first, after a sequence number.
SELECT sequence, event, hash FROM audit_event
WHERE patient_key = :patient_key AND sequence > :after ORDER BY sequence LIMIT :count;

-- name: find_first
-- The oldest trace of one patient that was not forgotten.
SELECT min(sequence) AS sequence FROM audit_event WHERE patient_key = :patient_key HAVING count(*) > 0;

-- name: chains_to_shorten
-- Chains with traces that were recorded before a day and are vouched for by a head that was signed before it.
SELECT d.patient_key, max(d.sequence) AS sequence FROM audit_daily_head d
WHERE d.patient_key > :after AND d.day < :before
    AND EXISTS (SELECT FROM audit_event e WHERE e.patient_key = d.patient_key AND e.sequence <= d.sequence)
GROUP BY d.patient_key ORDER BY d.patient_key LIMIT :count;

-- name: forget_traces
-- Forgets the traces of a chain up to one.
DELETE FROM audit_event WHERE patient_key = :patient_key AND sequence <= :sequence;

-- name: forget_heads
-- Forgets the heads of a chain before the one from which it is checked.
DELETE FROM audit_daily_head WHERE patient_key = :patient_key AND sequence < :sequence;

-- name: find_head
-- Where the chain of one patient ends.
SELECT sequence, hash FROM audit_head WHERE patient_key = :patient_key;

-- name: list_heads
-- Where all chains end, by key.
SELECT patient_key, sequence, hash FROM audit_head WHERE patient_key > :after ORDER BY patient_key LIMIT :count;

-- name: heads_to_sign
-- Chains that grew since they were last signed.
SELECT h.patient_key, h.sequence, h.hash FROM audit_head h
WHERE h.patient_key > :after AND NOT EXISTS (
    SELECT FROM audit_daily_head d WHERE d.patient_key = h.patient_key AND d.sequence >= h.sequence)
ORDER BY h.patient_key LIMIT :count;

-- name: add_daily_head
-- Keeps a signed head; a second signature of the same day replaces the first.
INSERT INTO audit_daily_head (patient_key, day, sequence, hash, signature)
VALUES (:patient_key, :day, :sequence, :hash, :signature)
ON CONFLICT (patient_key, day) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash,
    signature = excluded.signature;

-- name: find_daily_heads
-- Signed heads of one patient, oldest first.
SELECT day, sequence, hash, signature FROM audit_daily_head WHERE patient_key = :patient_key ORDER BY day;

-- name: count_by_sender
-- How often each actor did each transaction in a span of time, and how often it was refused; the most refused first.
SELECT actor_id, transaction, count(*) AS done, count(*) FILTER (WHERE outcome > 0) AS refused FROM audit_event
WHERE recorded_at >= :since AND recorded_at < :until
GROUP BY actor_id, transaction ORDER BY refused DESC, done DESC LIMIT :count;

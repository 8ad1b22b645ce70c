-- name: read_switches
-- What is switched, if anything ever was.
SELECT state FROM sandbox_switch;

-- name: lock_switches
-- One change at a time.
SELECT pg_advisory_xact_lock(5263842);

-- name: write_switches
-- The new state.
INSERT INTO sandbox_switch (state, changed_at) VALUES (:state, :now)
ON CONFLICT (only_row) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at;

-- name: clear_switches
-- Everything works again.
DELETE FROM sandbox_switch;

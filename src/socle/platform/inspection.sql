-- name: list_tables
-- Tables with their estimated rows and their size with indexes, the largest first.
SELECT c.relname AS name, c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS size_bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY size_bytes DESC, name LIMIT 50;

-- name: list_waiting
-- Jobs that wait or run, by kind.
SELECT entrypoint AS task, status::text AS status, count(*) AS count, min(created) AS oldest, max(attempts) AS attempts
FROM pgqueuer GROUP BY entrypoint, status ORDER BY count DESC;

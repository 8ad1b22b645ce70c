-- Keys of the BAL API (header ESANTE-API-KEY), by their SHA-256.
CREATE TABLE mss_api_key (
    key_hash bytea PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);

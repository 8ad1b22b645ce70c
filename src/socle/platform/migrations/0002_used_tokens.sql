-- Identifiers of assertions already used, until they would be refused by their date anyway.
-- Not durable on purpose: after a crash an assertion could be used again within its few minutes, and no document doubles.
CREATE UNLOGGED TABLE used_token (
    token bytea PRIMARY KEY,
    until timestamptz NOT NULL
);

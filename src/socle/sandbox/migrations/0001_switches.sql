-- One row: everything that the sandbox makes fail on purpose, as JSON.
CREATE TABLE sandbox_switch (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    state      text NOT NULL,
    changed_at timestamptz NOT NULL
);

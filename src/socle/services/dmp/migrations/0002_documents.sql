-- One version of the metadata of one document. `metadata` is the whole DocumentEntry (MessagePack); the other columns
-- are what statements filter on. `tokens` are 64-bit hashes of "kind|value" for every code and reference id.
-- `visibility` are the bits by which this version is hidden: its own flags, those of the newest version, and those of
-- the documents that replaced it. `announced_at` is when INVISIBLE_PATIENT stops hiding, null for never.
CREATE TABLE dmp_entry (
    patient_key uuid NOT NULL,
    entry_uuid uuid NOT NULL,
    logical_id uuid NOT NULL,
    lineage uuid NOT NULL,
    unique_id text NOT NULL,
    version integer NOT NULL,
    is_latest boolean NOT NULL,
    status text NOT NULL,
    visibility smallint NOT NULL,
    announced_at timestamptz,
    owner_ids text[] NOT NULL,
    type_token bigint NOT NULL,
    tokens bigint[] NOT NULL,
    author_persons text[] NOT NULL,
    creation_time text COLLATE "C",
    service_start text COLLATE "C",
    service_stop text COLLATE "C",
    title text NOT NULL,
    registered_at timestamptz NOT NULL,
    submission_set uuid NOT NULL,
    object_address text NOT NULL,
    metadata bytea NOT NULL,
    verdict bytea,
    PRIMARY KEY (patient_key, entry_uuid),
    UNIQUE (patient_key, unique_id, version)
);
CREATE INDEX dmp_entry_awaiting ON dmp_entry (announced_at) WHERE announced_at IS NOT NULL AND is_latest;

CREATE TABLE dmp_submission_set (
    patient_key uuid NOT NULL,
    entry_uuid uuid NOT NULL,
    unique_id text NOT NULL,
    status text NOT NULL,
    owner_ids text[] NOT NULL,
    tokens bigint[] NOT NULL,
    author_person text NOT NULL,
    submission_time text COLLATE "C" NOT NULL,
    title text NOT NULL,
    registered_at timestamptz NOT NULL,
    door text NOT NULL,
    metadata bytea NOT NULL,
    PRIMARY KEY (patient_key, entry_uuid)
);

CREATE TABLE dmp_folder (
    patient_key uuid NOT NULL,
    entry_uuid uuid NOT NULL,
    logical_id uuid NOT NULL,
    unique_id text NOT NULL,
    status text NOT NULL,
    owner_ids text[] NOT NULL,
    tokens bigint[] NOT NULL,
    title text NOT NULL,
    registered_at timestamptz NOT NULL,
    metadata bytea NOT NULL,
    PRIMARY KEY (patient_key, entry_uuid)
);

-- A link; `source` and `target` are entry UUIDs (of a document version, a set, a folder, or another link).
CREATE TABLE dmp_association (
    patient_key uuid NOT NULL,
    source uuid NOT NULL,
    association_uuid uuid NOT NULL,
    target uuid NOT NULL,
    type text NOT NULL,
    registered_at timestamptz NOT NULL,
    metadata bytea NOT NULL,
    PRIMARY KEY (patient_key, source, association_uuid)
);
CREATE INDEX dmp_association_by_target ON dmp_association (patient_key, target);

-- Whose a uniqueId or a UUID is. It makes identifiers unique in the whole base and answers queries by id that name
-- no patient. On Citus it is distributed by its own key, so an ingest touches it with one more shard.
CREATE TABLE dmp_locator (
    locator uuid PRIMARY KEY,
    patient_key uuid NOT NULL
);

-- Whether a caller sees a document: the same decision as `rules.sees`, tested to be equal.
CREATE FUNCTION dmp_sees(
    status text, type_token bigint, visibility smallint, announced_at timestamptz, owner_ids text[],
    at timestamptz, owners text[], types bigint[], hidden_by integer, only_own boolean
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT status <> 'Deleted' AND (
        owner_ids && owners
        OR (NOT only_own
            AND (types IS NULL OR type_token = ANY (types))
            AND (CASE WHEN announced_at <= at THEN visibility & ~2 ELSE visibility END) & hidden_by = 0))
$$;

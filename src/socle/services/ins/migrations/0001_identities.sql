-- What the authority knows of a person, by the INS in force.
CREATE TABLE ins_person (
    patient_key uuid PRIMARY KEY,
    matricule text NOT NULL,
    oid text NOT NULL,
    birth_name text NOT NULL,
    given_names text NOT NULL,
    first_given_name text NOT NULL,
    sex text NOT NULL,
    birth_date text NOT NULL,
    birth_place text,
    since date
);
CREATE INDEX ins_person_by_traits ON ins_person (birth_date, birth_name);

-- Matricules that a person bore before, under the INS in force.
CREATE TABLE ins_former (
    patient_key uuid NOT NULL,
    rank smallint NOT NULL,
    matricule text NOT NULL,
    oid text NOT NULL,
    starts_on date,
    ends_on date,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (patient_key, rank)
);

-- From a matricule that is no longer in force (whose key this is) to the one that follows it.
CREATE TABLE ins_successor (
    patient_key uuid PRIMARY KEY,
    matricule text NOT NULL,
    oid text NOT NULL
);

-- How a carte Vitale leads to a person: the insured's number, and date and rank of birth of the beneficiary.
CREATE TABLE ins_card (
    patient_key uuid NOT NULL,
    holder text NOT NULL,
    birth_date text NOT NULL,
    birth_rank smallint NOT NULL,
    PRIMARY KEY (patient_key, holder)
);
CREATE INDEX ins_card_by_holder ON ins_card (holder, birth_date, birth_rank);

-- A person as one domain knows him. The key is that of the INS while the identity holds one, else its own.
CREATE TABLE ins_identity (
    patient_key uuid NOT NULL,
    domain text NOT NULL,
    local_id text NOT NULL,
    matricule text,
    oid text,
    birth_name text NOT NULL,
    given_names text NOT NULL,
    first_given_name text NOT NULL,
    sex text NOT NULL,
    birth_date text NOT NULL,
    birth_place text,
    used_name text NOT NULL DEFAULT '',
    used_given_name text NOT NULL DEFAULT '',
    status text NOT NULL,
    attributes text[] NOT NULL DEFAULT '{}',
    method text NOT NULL,
    proof text,
    proof_date date,
    verified_at timestamptz,
    comments text[] NOT NULL DEFAULT '{}',
    former jsonb NOT NULL DEFAULT '[]',
    is_active boolean NOT NULL DEFAULT true,
    replaced_by text NOT NULL DEFAULT '',
    name_sound text NOT NULL,
    used_sound text NOT NULL,
    given_sound text NOT NULL,
    PRIMARY KEY (patient_key, domain, local_id),
    CHECK ((matricule IS NOT NULL) = (status IN ('RECUP', 'QUAL')))
);
-- At most one active identity of a domain holds an INS.
CREATE UNIQUE INDEX ins_identity_holder ON ins_identity (patient_key, domain) WHERE is_active AND matricule IS NOT NULL;
CREATE INDEX ins_identity_by_local_id ON ins_identity (local_id, domain);
CREATE INDEX ins_identity_by_birth ON ins_identity (birth_date, birth_name);
CREATE INDEX ins_identity_by_sound ON ins_identity (name_sound, given_sound);
CREATE INDEX ins_identity_by_used_sound ON ins_identity (used_sound, given_sound) WHERE used_sound <> '';
CREATE INDEX ins_identity_to_verify ON ins_identity (verified_at) WHERE is_active AND status = 'QUAL';
CREATE INDEX ins_identity_worklist ON ins_identity (domain) WHERE comments <> '{}';

-- Every change of an identity: who, when, on which proof, before and after.
CREATE TABLE ins_change (
    patient_key uuid NOT NULL,
    domain text NOT NULL,
    local_id text NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    event text NOT NULL,
    before jsonb,
    after jsonb NOT NULL,
    evidence text NOT NULL DEFAULT '',
    evidence_date date,
    PRIMARY KEY (patient_key, domain, local_id, sequence)
);
CREATE INDEX ins_change_by_local_id ON ins_change (local_id, domain, sequence);

-- Pairs that may be one person. `first_id` sorts before `second_id`; the key is that of the first.
CREATE TABLE ins_link (
    patient_key uuid NOT NULL,
    domain text NOT NULL,
    first_id text NOT NULL,
    second_id text NOT NULL,
    level text NOT NULL,
    score real NOT NULL,
    source text NOT NULL,
    result text NOT NULL,
    decided_by text NOT NULL DEFAULT '',
    decided_at timestamptz,
    PRIMARY KEY (patient_key, domain, first_id, second_id)
);
CREATE INDEX ins_link_by_second ON ins_link (second_id, domain);
CREATE INDEX ins_link_open ON ins_link (domain, score DESC) WHERE result = 'possible';

-- Merges of two identities, under the key of the survivor. `survivor` and `absorbed` are the identities before,
-- `merged` the survivor after.
CREATE TABLE ins_merge (
    patient_key uuid NOT NULL,
    id uuid NOT NULL,
    domain text NOT NULL,
    reason text NOT NULL,
    survivor jsonb NOT NULL,
    absorbed jsonb NOT NULL,
    merged jsonb NOT NULL,
    merged_at timestamptz NOT NULL,
    merged_by text NOT NULL,
    undone_at timestamptz,
    PRIMARY KEY (patient_key, id)
);
CREATE INDEX ins_merge_by_id ON ins_merge (id);

-- One pointer for each object that a merge moved, so that it can be taken back.
CREATE TABLE ins_moved (
    patient_key uuid NOT NULL,
    merge_id uuid NOT NULL,
    kind text NOT NULL,
    object_id text NOT NULL,
    PRIMARY KEY (patient_key, merge_id, kind, object_id)
);

-- Bulk verifications: claims and verdicts as JSON, erased some days after the end.
CREATE TABLE ins_batch (
    id uuid PRIMARY KEY,
    state text NOT NULL,
    submitted_at timestamptz NOT NULL,
    submitted_by text NOT NULL,
    submitter bytea NOT NULL,
    total integer NOT NULL,
    done integer NOT NULL DEFAULT 0,
    wrong integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    claims bytea NOT NULL,
    verdicts bytea
);

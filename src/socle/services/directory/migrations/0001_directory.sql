CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- The directory does not grow with patients: on Citus these are reference tables.
CREATE TABLE directory_structure (
    id            text PRIMARY KEY,
    id_nat        text NOT NULL,
    siret         text NOT NULL,
    siren         text NOT NULL,
    finess        text NOT NULL,
    finess_ej     text NOT NULL,
    name          text NOT NULL,
    sign          text NOT NULL,
    recipient     text NOT NULL,
    location      text NOT NULL,
    street_number text NOT NULL,
    street_suffix text NOT NULL,
    street_type   text NOT NULL,
    street        text NOT NULL,
    place         text NOT NULL,
    city_line     text NOT NULL,
    postal_code   text NOT NULL,
    commune       text NOT NULL,
    city          text NOT NULL,
    country       text NOT NULL,
    phone         text NOT NULL,
    phone2        text NOT NULL,
    fax           text NOT NULL,
    email         text NOT NULL,
    department    text NOT NULL,
    authority     text NOT NULL,
    sector        text NOT NULL,
    category      text NOT NULL,
    is_active     boolean NOT NULL,
    name_key      text COLLATE "C" NOT NULL,
    city_key      text COLLATE "C" NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE INDEX directory_structure_id_nat ON directory_structure (id_nat);
CREATE INDEX directory_structure_finess ON directory_structure (finess) WHERE finess <> '';
CREATE INDEX directory_structure_finess_ej ON directory_structure (finess_ej) WHERE finess_ej <> '';
CREATE INDEX directory_structure_siret ON directory_structure (siret) WHERE siret <> '';
CREATE INDEX directory_structure_updated ON directory_structure (updated_at, id);
CREATE INDEX directory_structure_postal ON directory_structure (postal_code, id);
CREATE INDEX directory_structure_city ON directory_structure (city_key, id);
CREATE INDEX directory_structure_sector ON directory_structure (sector, id);
CREATE INDEX directory_structure_name ON directory_structure USING gin (name_key gin_trgm_ops);

CREATE TABLE directory_professional (
    id_nat         text COLLATE "C" PRIMARY KEY,
    rpps           text NOT NULL,
    civility       text NOT NULL,
    family         text NOT NULL,
    given          text NOT NULL,
    family_key     text COLLATE "C" NOT NULL,
    given_key      text COLLATE "C" NOT NULL,
    qualifications jsonb NOT NULL,
    is_active      boolean NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE INDEX directory_professional_rpps ON directory_professional (rpps) WHERE rpps <> '';
CREATE INDEX directory_professional_family ON directory_professional (family_key, given_key, id_nat);
CREATE INDEX directory_professional_given ON directory_professional (given_key, family_key, id_nat);
CREATE INDEX directory_professional_updated ON directory_professional (updated_at, id_nat);

CREATE TABLE directory_exercise (
    id_nat     text COLLATE "C" NOT NULL,
    rank       smallint NOT NULL,
    profession text NOT NULL,
    category   text NOT NULL,
    civility   text NOT NULL,
    family     text NOT NULL,
    given      text NOT NULL,
    skill_type text NOT NULL,
    skill      text NOT NULL,
    PRIMARY KEY (id_nat, rank)
);
CREATE INDEX directory_exercise_profession ON directory_exercise (profession, id_nat);
CREATE INDEX directory_exercise_skill ON directory_exercise (skill, id_nat) WHERE skill <> '';

-- One row a situation of exercise. The names, the profession and the place are repeated here so that a search for people
-- reads this table alone, by index.
CREATE TABLE directory_situation (
    id               text COLLATE "C" PRIMARY KEY,
    id_nat           text COLLATE "C" NOT NULL,
    exercise         smallint NOT NULL,
    structure        text NOT NULL,
    mode             text NOT NULL,
    sector           text NOT NULL,
    pharmacy_section text NOT NULL,
    role             text NOT NULL,
    genre            text NOT NULL,
    profession       text NOT NULL,
    skill            text NOT NULL,
    family_key       text COLLATE "C" NOT NULL,
    given_key        text COLLATE "C" NOT NULL,
    postal_code      text COLLATE "C" NOT NULL,
    city_key         text COLLATE "C" NOT NULL,
    is_active        boolean NOT NULL,
    updated_at       timestamptz NOT NULL
);
CREATE INDEX directory_situation_person ON directory_situation (id_nat, exercise);
CREATE INDEX directory_situation_structure ON directory_situation (structure, id);
CREATE INDEX directory_situation_family ON directory_situation (family_key, given_key, id);
CREATE INDEX directory_situation_given ON directory_situation (given_key, family_key, id);
CREATE INDEX directory_situation_postal ON directory_situation (profession, postal_code, family_key, id);
CREATE INDEX directory_situation_city ON directory_situation (profession, city_key, family_key, id);
CREATE INDEX directory_situation_updated ON directory_situation (updated_at, id);

CREATE TABLE directory_mailbox (
    address      text COLLATE "C" PRIMARY KEY,
    type         text NOT NULL,
    id_nat       text NOT NULL,
    structure    text NOT NULL,
    service      text NOT NULL,
    responsible  text NOT NULL,
    description  text NOT NULL,
    red_list     boolean NOT NULL,
    rank         smallint NOT NULL,
    is_paperless boolean NOT NULL,
    is_active    boolean NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX directory_mailbox_person ON directory_mailbox (id_nat) WHERE id_nat <> '';
CREATE INDEX directory_mailbox_structure ON directory_mailbox (structure) WHERE structure <> '';
CREATE INDEX directory_mailbox_trigram ON directory_mailbox USING gin (address gin_trgm_ops);

CREATE TABLE directory_smartcard (
    number     text PRIMARY KEY,
    type       text NOT NULL,
    id_nat     text NOT NULL,
    valid_from date NOT NULL,
    valid_to   date NOT NULL
);
CREATE INDEX directory_smartcard_person ON directory_smartcard (id_nat);

CREATE TABLE directory_healthcare_service (
    id             text COLLATE "C" PRIMARY KEY,
    structure      text NOT NULL,
    kind           text NOT NULL,
    category       text NOT NULL,
    type           text NOT NULL,
    characteristic text NOT NULL,
    is_active      boolean NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE INDEX directory_healthcare_service_structure ON directory_healthcare_service (structure);

CREATE TABLE directory_equipment (
    id           text COLLATE "C" PRIMARY KEY,
    structure    text NOT NULL,
    type         text NOT NULL,
    manufacturer text NOT NULL,
    model        text NOT NULL,
    is_active    boolean NOT NULL,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX directory_equipment_structure ON directory_equipment (structure);

-- The distinct words of family names (F), first names (G) and communes (C). Typing errors are forgiven against these few
-- hundred thousand words, never against the million people.
CREATE TABLE directory_word (
    kind "char" NOT NULL,
    word text COLLATE "C" NOT NULL,
    uses integer NOT NULL,
    PRIMARY KEY (kind, word)
);
CREATE INDEX directory_word_trigram ON directory_word USING gin (word gin_trgm_ops);

-- Applications that may read the FHIR API (header ESANTE-API-KEY).
CREATE TABLE directory_api_key (
    key_sha256 bytea PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL
);

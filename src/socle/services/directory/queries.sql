-- name: merge_structures
-- Staged structures into the table; a row that did not change keeps its date.
INSERT INTO directory_structure SELECT * FROM stage_structure
ON CONFLICT (id) DO UPDATE SET
    id_nat = excluded.id_nat, siret = excluded.siret, siren = excluded.siren, finess = excluded.finess,
    finess_ej = excluded.finess_ej, name = excluded.name, sign = excluded.sign, recipient = excluded.recipient,
    location = excluded.location, street_number = excluded.street_number, street_suffix = excluded.street_suffix,
    street_type = excluded.street_type, street = excluded.street, place = excluded.place, city_line = excluded.city_line,
    postal_code = excluded.postal_code, commune = excluded.commune, city = excluded.city, country = excluded.country,
    phone = excluded.phone, phone2 = excluded.phone2, fax = excluded.fax, email = excluded.email,
    department = excluded.department, authority = excluded.authority,
    sector = COALESCE(NULLIF(excluded.sector, ''), directory_structure.sector),
    category = COALESCE(NULLIF(excluded.category, ''), directory_structure.category),
    is_active = excluded.is_active, name_key = excluded.name_key, city_key = excluded.city_key,
    updated_at = excluded.updated_at
WHERE (directory_structure.id_nat, directory_structure.siret, directory_structure.finess, directory_structure.finess_ej,
       directory_structure.name, directory_structure.sign, directory_structure.street_number, directory_structure.street,
       directory_structure.postal_code, directory_structure.city, directory_structure.phone, directory_structure.email,
       directory_structure.is_active)
   IS DISTINCT FROM
      (excluded.id_nat, excluded.siret, excluded.finess, excluded.finess_ej, excluded.name, excluded.sign,
       excluded.street_number, excluded.street, excluded.postal_code, excluded.city, excluded.phone, excluded.email,
       excluded.is_active)
   OR directory_structure.sector <> excluded.sector AND excluded.sector <> '';

-- name: merge_professionals
-- Staged people into the table; a row that did not change keeps its date.
INSERT INTO directory_professional SELECT * FROM stage_professional
ON CONFLICT (id_nat) DO UPDATE SET
    rpps = excluded.rpps, civility = excluded.civility, family = excluded.family, given = excluded.given,
    family_key = excluded.family_key, given_key = excluded.given_key, qualifications = excluded.qualifications,
    is_active = excluded.is_active, updated_at = excluded.updated_at
WHERE (directory_professional.rpps, directory_professional.civility, directory_professional.family,
       directory_professional.given, directory_professional.qualifications, directory_professional.is_active)
   IS DISTINCT FROM
      (excluded.rpps, excluded.civility, excluded.family, excluded.given, excluded.qualifications, excluded.is_active);

-- name: touch_people_whose_exercises_change
-- A changed exercise changes its person.
UPDATE directory_professional p SET updated_at = :now
FROM (
    SELECT s.id_nat FROM stage_exercise s LEFT JOIN directory_exercise e USING (id_nat, rank)
    WHERE (e.profession, e.category, e.civility, e.family, e.given, e.skill_type, e.skill)
        IS DISTINCT FROM (s.profession, s.category, s.civility, s.family, s.given, s.skill_type, s.skill)
) changed
WHERE p.id_nat = changed.id_nat AND p.updated_at < :now;

-- name: drop_stale_exercises
-- Exercises that staged people no longer have.
DELETE FROM directory_exercise e USING stage_professional p
WHERE e.id_nat = p.id_nat
  AND NOT EXISTS (SELECT 1 FROM stage_exercise s WHERE s.id_nat = e.id_nat AND s.rank = e.rank);

-- name: merge_exercises
-- Staged exercises into the table.
INSERT INTO directory_exercise SELECT * FROM stage_exercise
ON CONFLICT (id_nat, rank) DO UPDATE SET
    profession = excluded.profession, category = excluded.category, civility = excluded.civility,
    family = excluded.family, given = excluded.given, skill_type = excluded.skill_type, skill = excluded.skill;

-- name: close_stale_situations
-- Situations that staged people no longer have stay, inactive.
UPDATE directory_situation t SET is_active = false, updated_at = :now
FROM stage_professional p
WHERE t.id_nat = p.id_nat AND t.is_active
  AND NOT EXISTS (SELECT 1 FROM stage_situation s WHERE s.id = t.id);

-- name: merge_situations
-- Staged situations into the table; a row that did not change keeps its date.
INSERT INTO directory_situation SELECT * FROM stage_situation
ON CONFLICT (id) DO UPDATE SET
    id_nat = excluded.id_nat, exercise = excluded.exercise, structure = excluded.structure, mode = excluded.mode,
    sector = excluded.sector, pharmacy_section = excluded.pharmacy_section, role = excluded.role, genre = excluded.genre,
    profession = excluded.profession, skill = excluded.skill, family_key = excluded.family_key,
    given_key = excluded.given_key, postal_code = excluded.postal_code, city_key = excluded.city_key,
    is_active = excluded.is_active, updated_at = excluded.updated_at
WHERE (directory_situation.structure, directory_situation.mode, directory_situation.sector,
       directory_situation.pharmacy_section, directory_situation.role, directory_situation.genre,
       directory_situation.exercise, directory_situation.profession, directory_situation.skill,
       directory_situation.family_key, directory_situation.given_key, directory_situation.postal_code,
       directory_situation.city_key, directory_situation.is_active)
   IS DISTINCT FROM
      (excluded.structure, excluded.mode, excluded.sector, excluded.pharmacy_section, excluded.role, excluded.genre,
       excluded.exercise, excluded.profession, excluded.skill, excluded.family_key, excluded.given_key,
       excluded.postal_code, excluded.city_key, excluded.is_active);

-- name: merge_mailboxes
-- Staged mailboxes into the table; a row that did not change keeps its date. Address and type never change.
INSERT INTO directory_mailbox SELECT * FROM stage_mailbox
ON CONFLICT (address) DO UPDATE SET
    id_nat = excluded.id_nat, structure = excluded.structure, service = excluded.service,
    responsible = excluded.responsible, description = excluded.description, red_list = excluded.red_list,
    rank = excluded.rank, is_paperless = excluded.is_paperless, is_active = excluded.is_active,
    updated_at = excluded.updated_at
WHERE (directory_mailbox.id_nat, directory_mailbox.structure, directory_mailbox.service, directory_mailbox.responsible,
       directory_mailbox.description, directory_mailbox.red_list, directory_mailbox.rank,
       directory_mailbox.is_paperless, directory_mailbox.is_active)
   IS DISTINCT FROM
      (excluded.id_nat, excluded.structure, excluded.service, excluded.responsible, excluded.description,
       excluded.red_list, excluded.rank, excluded.is_paperless, excluded.is_active);

-- name: merge_words
-- The words of staged people and places, with how many rows use them.
INSERT INTO directory_word (kind, word, uses)
SELECT kind, word, count(*) FROM (
    SELECT 'F'::"char" AS kind, family_key AS word FROM stage_professional
    UNION ALL SELECT 'G'::"char", given_key FROM stage_professional
    UNION ALL SELECT 'C'::"char", city_key FROM stage_structure
) words WHERE word <> '' GROUP BY kind, word
ON CONFLICT (kind, word) DO UPDATE SET uses = GREATEST(directory_word.uses, excluded.uses);

-- name: close_absent_professionals
-- After a full import: who was not in it is inactive.
UPDATE directory_professional SET is_active = false, updated_at = :now
WHERE is_active AND id_nat NOT IN (SELECT id_nat FROM stage_professional);

-- name: close_absent_situations
-- After a full import: the situations of those people are inactive too.
UPDATE directory_situation t SET is_active = false, updated_at = :now
FROM directory_professional p WHERE p.id_nat = t.id_nat AND t.is_active AND NOT p.is_active;

-- name: find_professional
-- One person.
SELECT id_nat, rpps, civility, family, given, qualifications, is_active, updated_at
FROM directory_professional WHERE id_nat = :id_nat;

-- name: find_exercises
-- The exercises of people, with their situations and structures, in order.
SELECT e.id_nat AS person, e.rank, e.profession, e.category AS exercise_category, e.civility, e.family, e.given, e.skill_type, e.skill,
    t.id AS situation, t.mode, t.sector AS situation_sector, t.pharmacy_section, t.role, t.genre,
    t.structure AS structure_id, s.*
FROM directory_exercise e
LEFT JOIN directory_situation t ON t.id_nat = e.id_nat AND t.exercise = e.rank AND t.is_active
LEFT JOIN directory_structure s ON s.id = t.structure
WHERE e.id_nat = ANY(:id_nats::text[])
ORDER BY e.id_nat, e.rank, t.id;

-- name: find_structure
-- One structure, by technical id, Struct_IdNat, FINESS or SIRET.
SELECT * FROM directory_structure
WHERE id = :identifier OR id_nat = :identifier OR (finess = :identifier AND finess <> '')
   OR (siret = :identifier AND siret <> '') LIMIT 1;

-- name: find_mailboxes_of_people
-- Published mailboxes of people, the preferred one first.
SELECT id_nat, address FROM directory_mailbox
WHERE id_nat = ANY(:id_nats::text[]) AND id_nat <> '' AND is_active AND NOT red_list
ORDER BY id_nat, NULLIF(rank, 0) NULLS LAST, address;

-- name: find_mailbox
-- One mailbox, published or not.
SELECT address, type, id_nat, structure, service, responsible, description, red_list, rank, is_paperless
FROM directory_mailbox WHERE address = :address AND is_active;

-- name: close_mailbox
-- A box that its operator closed.
UPDATE directory_mailbox SET is_active = false, updated_at = :now WHERE address = :address AND is_active;

-- name: find_smartcards
-- Cards of a person.
SELECT type, number, valid_from, valid_to FROM directory_smartcard WHERE id_nat = :id_nat ORDER BY valid_to DESC;

-- name: add_smartcard
-- A card, or its new dates.
INSERT INTO directory_smartcard (number, type, id_nat, valid_from, valid_to)
VALUES (:number, :type, :id_nat, :valid_from, :valid_to)
ON CONFLICT (number) DO UPDATE SET valid_from = excluded.valid_from, valid_to = excluded.valid_to;

-- name: sample_professionals
-- Some active people, for the sandbox's login page.
SELECT id_nat FROM directory_professional WHERE is_active ORDER BY id_nat LIMIT :count;

-- name: find_words
-- Words of the directory that are, or start with, each part of what was typed; the most used first.
SELECT p.part, w.kind::text AS kind, w.word
FROM unnest(:parts::text[]) AS p(part)
CROSS JOIN unnest(:kinds::text[]) AS k(kind)
CROSS JOIN LATERAL (
    SELECT kind, word FROM directory_word
    WHERE kind = k.kind::"char" AND word >= p.part AND word < p.part || '~'
      AND (word = p.part OR length(p.part) >= 3)
    ORDER BY word = p.part DESC, uses DESC LIMIT 20
) w;

-- name: find_families_within
-- Family names that contain what was typed.
SELECT word, uses FROM directory_word WHERE kind = 'F' AND word LIKE '%' || :part || '%' LIMIT :count;

-- name: find_givens_within
-- First names that contain what was typed.
SELECT word, uses FROM directory_word WHERE kind = 'G' AND word LIKE '%' || :part || '%' LIMIT :count;

-- name: find_cities_within
-- Communes that contain what was typed.
SELECT word, uses FROM directory_word WHERE kind = 'C' AND word LIKE '%' || :part || '%' LIMIT :count;

-- name: find_similar_words
-- Family names and first names that share enough trigrams with each part of what was typed, the most similar first.
SELECT p.part, 'F' AS kind, w.word FROM unnest(:parts::text[]) AS p(part)
CROSS JOIN LATERAL (
    SELECT word FROM directory_word WHERE kind = 'F' AND word % p.part
    ORDER BY similarity(word, p.part) DESC, uses DESC LIMIT 10
) w
UNION ALL
SELECT p.part, 'G', w.word FROM unnest(:parts::text[]) AS p(part)
CROSS JOIN LATERAL (
    SELECT word FROM directory_word WHERE kind = 'G' AND word % p.part
    ORDER BY similarity(word, p.part) DESC, uses DESC LIMIT 10
) w;

-- name: find_similar_cities
-- Communes of which one word is like what was typed: « Pariss » is like « Paris 14e arrondissement ».
SELECT word FROM directory_word
WHERE kind = 'C' AND :part::text <<% word
ORDER BY strict_word_similarity(:part::text, word) DESC, uses DESC LIMIT 25;

-- name: search_by_name
-- Situations of people of these family names (and first names, if any), filtered by profession and place.
SELECT id, family_key, given_key FROM directory_situation
WHERE is_active AND family_key = ANY(:families::text[])
  AND (cardinality(:givens::text[]) = 0 OR given_key = ANY(:givens::text[]))
  AND (:profession::text = '' OR profession = :profession)
  AND (:skill::text = '' OR skill = :skill)
  AND (:postal::text = '' OR (postal_code >= :postal AND postal_code < :postal || '~'))
  AND (cardinality(:cities::text[]) = 0 OR city_key = ANY(:cities::text[]))
ORDER BY family_key, given_key, id LIMIT :count;

-- name: search_by_given
-- The same by first name alone.
SELECT id, family_key, given_key FROM directory_situation
WHERE is_active AND given_key = ANY(:givens::text[])
  AND (:profession::text = '' OR profession = :profession)
  AND (:skill::text = '' OR skill = :skill)
  AND (:postal::text = '' OR (postal_code >= :postal AND postal_code < :postal || '~'))
  AND (cardinality(:cities::text[]) = 0 OR city_key = ANY(:cities::text[]))
ORDER BY given_key, family_key, id LIMIT :count;

-- name: search_by_postal_code
-- Situations of a profession in a department or postal code, without a name.
SELECT id, family_key, given_key FROM directory_situation
WHERE is_active AND profession = :profession AND postal_code >= :postal AND postal_code < :postal || '~'
  AND (:skill::text = '' OR skill = :skill)
ORDER BY postal_code, family_key, id LIMIT :count;

-- name: search_by_city
-- Situations of a profession in communes, without a name.
SELECT id, family_key, given_key FROM directory_situation
WHERE is_active AND profession = :profession AND city_key = ANY(:cities::text[])
  AND (:skill::text = '' OR skill = :skill)
ORDER BY city_key, family_key, id LIMIT :count;

-- name: search_by_rpps
-- Situations of one person.
SELECT t.id, t.family_key, t.given_key FROM directory_situation t
JOIN directory_professional p USING (id_nat)
WHERE t.is_active AND (p.rpps = :number OR p.id_nat = :number) ORDER BY t.id LIMIT :count;

-- name: read_found
-- Lines of a search, with the names as they are written.
SELECT t.id AS situation, t.id_nat, p.rpps, e.civility, COALESCE(NULLIF(e.family, ''), p.family) AS family,
    COALESCE(NULLIF(e.given, ''), p.given) AS given, t.profession, t.skill,
    COALESCE(s.id_nat, '') AS structure, COALESCE(NULLIF(s.sign, ''), s.name, '') AS structure_name,
    COALESCE(s.postal_code, '') AS postal_code, COALESCE(s.city, '') AS city,
    ARRAY(
        SELECT address FROM directory_mailbox m
        WHERE m.id_nat = t.id_nat AND m.id_nat <> '' AND m.is_active AND NOT m.red_list
          AND (m.structure = '' OR m.structure = t.structure)
        ORDER BY NULLIF(m.rank, 0) NULLS LAST, address
    ) AS mailboxes
FROM directory_situation t
JOIN directory_professional p ON p.id_nat = t.id_nat
JOIN directory_exercise e ON e.id_nat = t.id_nat AND e.rank = t.exercise
LEFT JOIN directory_structure s ON s.id = t.structure
WHERE t.id = ANY(:ids::text[]);

-- name: list_structure_numbers
-- Every number by which a mailbox may name its structure.
SELECT finess AS number, id FROM directory_structure WHERE finess <> ''
UNION ALL SELECT siret, id FROM directory_structure WHERE siret <> ''
UNION ALL SELECT id_nat, id FROM directory_structure WHERE id_nat <> '';

-- name: page_of_professionals
-- Active people, page by page.
SELECT id_nat, rpps, civility, family, given, qualifications, is_active, updated_at
FROM directory_professional WHERE is_active AND id_nat > :after ORDER BY id_nat LIMIT :count;

-- name: find_full_mailboxes_of_people
-- Published mailboxes of people, the preferred one first.
SELECT id_nat AS holder, address, type, id_nat, structure, service, responsible, description, red_list, rank, is_paperless
FROM directory_mailbox WHERE id_nat = ANY(:keys::text[]) AND id_nat <> '' AND is_active AND NOT red_list
ORDER BY id_nat, NULLIF(rank, 0) NULLS LAST, address;

-- name: find_mailboxes_of_structures
-- Published mailboxes of structures themselves.
SELECT structure AS holder, address, type, id_nat, structure, service, responsible, description, red_list, rank,
    is_paperless
FROM directory_mailbox WHERE structure = ANY(:keys::text[]) AND structure <> '' AND id_nat = '' AND is_active AND NOT red_list
ORDER BY structure, NULLIF(rank, 0) NULLS LAST, address;

-- name: find_smartcards_of_people
-- Cards of people.
SELECT id_nat, type, number, valid_from, valid_to FROM directory_smartcard WHERE id_nat = ANY(:id_nats::text[])
ORDER BY id_nat, valid_to DESC;

-- name: add_api_key
-- An application that may read the FHIR API.
INSERT INTO directory_api_key (key_sha256, name, created_at) VALUES (:key_sha256, :name, :now)
ON CONFLICT DO NOTHING;

-- name: find_api_key
-- The application behind a key.
SELECT name FROM directory_api_key WHERE key_sha256 = :key_sha256;

-- name: list_api_keys
-- Applications that may read the FHIR API.
SELECT name, created_at FROM directory_api_key ORDER BY name;

-- name: remove_api_key
-- An application may no longer read.
DELETE FROM directory_api_key WHERE name = :name;

-- name: add_healthcare_service
-- An authorised activity or a social equipment; unchanged, it keeps its date.
INSERT INTO directory_healthcare_service (id, structure, kind, category, type, characteristic, is_active, updated_at)
VALUES (:id, :structure, :kind, :category, :type, :characteristic, :is_active, :now)
ON CONFLICT (id) DO UPDATE SET structure = excluded.structure, kind = excluded.kind, category = excluded.category,
    type = excluded.type, characteristic = excluded.characteristic, is_active = excluded.is_active,
    updated_at = excluded.updated_at
WHERE (directory_healthcare_service.structure, directory_healthcare_service.category, directory_healthcare_service.type,
       directory_healthcare_service.characteristic, directory_healthcare_service.is_active)
   IS DISTINCT FROM (excluded.structure, excluded.category, excluded.type, excluded.characteristic, excluded.is_active);

-- name: add_equipment
-- A heavy equipment; unchanged, it keeps its date.
INSERT INTO directory_equipment (id, structure, type, manufacturer, model, is_active, updated_at)
VALUES (:id, :structure, :type, :manufacturer, :model, :is_active, :now)
ON CONFLICT (id) DO UPDATE SET structure = excluded.structure, type = excluded.type,
    manufacturer = excluded.manufacturer, model = excluded.model, is_active = excluded.is_active,
    updated_at = excluded.updated_at
WHERE (directory_equipment.structure, directory_equipment.type, directory_equipment.manufacturer,
       directory_equipment.model, directory_equipment.is_active)
   IS DISTINCT FROM (excluded.structure, excluded.type, excluded.manufacturer, excluded.model, excluded.is_active);

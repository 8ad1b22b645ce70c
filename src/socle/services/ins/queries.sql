-- name: find_person
-- The person whose INS in force has this key.
SELECT * FROM ins_person WHERE patient_key = :patient_key;

-- name: known_keys
-- Which of these keys are those of persons known.
SELECT patient_key FROM ins_person WHERE patient_key = ANY(:keys::uuid[]);

-- name: find_former
-- The matricules that a person bore before, most recent first.
SELECT * FROM ins_former WHERE patient_key = :patient_key ORDER BY rank;

-- name: find_successor
-- The INS that follows one that is no longer in force.
SELECT matricule, oid FROM ins_successor WHERE patient_key = :patient_key;

-- name: search_persons
-- Persons by strict birth name, sex, birth date; birth place if given. First names are compared by the caller.
SELECT * FROM ins_person
WHERE birth_date = :birth_date AND birth_name = :birth_name AND sex = :sex
    AND (:birth_place::text = '' OR birth_place = :birth_place)
LIMIT 100;

-- name: search_cards
-- Persons to whom a carte Vitale leads.
SELECT p.* FROM ins_card c JOIN ins_person p USING (patient_key)
WHERE c.holder = :holder AND c.birth_date = :birth_date AND c.birth_rank = :birth_rank
LIMIT 2;

-- name: put_person
-- Adds or replaces a person.
INSERT INTO ins_person (patient_key, matricule, oid, birth_name, given_names, first_given_name, sex, birth_date,
    birth_place, since)
VALUES (:patient_key, :matricule, :oid, :birth_name, :given_names, :first_given_name, :sex, :birth_date,
    :birth_place, :since)
ON CONFLICT (patient_key) DO UPDATE SET birth_name = excluded.birth_name, given_names = excluded.given_names,
    first_given_name = excluded.first_given_name, sex = excluded.sex, birth_date = excluded.birth_date,
    birth_place = excluded.birth_place, since = excluded.since;

-- name: remove_person
-- Forgets a person whose INS is no longer in force.
DELETE FROM ins_person WHERE patient_key = :patient_key;

-- name: remove_former
-- Forgets the history under one key, before it is written anew.
DELETE FROM ins_former WHERE patient_key = :patient_key;

-- name: add_former
-- Adds one line of history.
INSERT INTO ins_former (patient_key, rank, matricule, oid, starts_on, ends_on, received_at)
VALUES (:patient_key, :rank, :matricule, :oid, :starts_on, :ends_on, :received_at);

-- name: put_successor
-- Says which INS follows one that is no longer in force.
INSERT INTO ins_successor (patient_key, matricule, oid) VALUES (:patient_key, :matricule, :oid)
ON CONFLICT (patient_key) DO UPDATE SET matricule = excluded.matricule, oid = excluded.oid;

-- name: remove_successor
-- Forgets that an INS was followed by another.
DELETE FROM ins_successor WHERE patient_key = :patient_key;

-- name: put_card
-- Adds or replaces a card.
INSERT INTO ins_card (patient_key, holder, birth_date, birth_rank)
VALUES (:patient_key, :holder, :birth_date, :birth_rank)
ON CONFLICT (patient_key, holder) DO UPDATE SET birth_date = excluded.birth_date, birth_rank = excluded.birth_rank;

-- name: find_cards
-- The cards of a person.
SELECT holder, birth_date, birth_rank FROM ins_card WHERE patient_key = :patient_key ORDER BY holder;

-- name: find_holder
-- The one active identity of a domain that holds the INS of this key.
SELECT * FROM ins_identity
WHERE patient_key = :patient_key AND domain = :domain AND is_active AND matricule IS NOT NULL;

-- name: find_identity
-- The identity of a domain under its local id.
SELECT * FROM ins_identity WHERE local_id = :local_id AND domain = :domain;

-- name: lock_local_id
-- Makes those who create or change one local id wait for each other.
SELECT pg_advisory_xact_lock(hashtextextended(:domain || '|' || :local_id, 0));

-- name: add_identity
-- Adds an identity.
INSERT INTO ins_identity (patient_key, domain, local_id, matricule, oid, birth_name, given_names, first_given_name, sex,
    birth_date, birth_place, used_name, used_given_name, status, attributes, method, proof, proof_date, verified_at,
    comments, former, is_active, replaced_by, name_sound, used_sound, given_sound)
VALUES (:patient_key, :domain, :local_id, :matricule, :oid, :birth_name, :given_names, :first_given_name, :sex,
    :birth_date, :birth_place, :used_name, :used_given_name, :status, :attributes, :method, :proof, :proof_date,
    :verified_at, :comments, :former::jsonb, :is_active, :replaced_by, :name_sound, :used_sound, :given_sound);

-- name: remove_identity
-- Removes an identity, to write it anew under the key that it has now.
DELETE FROM ins_identity WHERE patient_key = :patient_key AND domain = :domain AND local_id = :local_id;

-- name: search_identities
-- Active identities by birth date and the first letters of names, birth and used names together (EXI SI 01).
SELECT * FROM ins_identity
WHERE birth_date = :birth_date AND domain = :domain AND is_active
    AND (starts_with(birth_name, :name) OR starts_with(used_name, :name))
    AND (starts_with(given_names, :given) OR starts_with(used_given_name, :given))
ORDER BY birth_name, given_names, local_id LIMIT :count;

-- name: find_candidates
-- Active identities that may be the same person: near birth date and a name that sounds alike, or names that both do.
SELECT * FROM ins_identity
WHERE domain = :domain AND is_active AND local_id <> :local_id AND birth_date = :birth_date
UNION
SELECT * FROM ins_identity
WHERE domain = :domain AND is_active AND local_id <> :local_id AND given_sound = :given_sound
    AND name_sound = ANY(:sounds::text[])
UNION
SELECT * FROM ins_identity
WHERE domain = :domain AND is_active AND local_id <> :local_id AND given_sound = :given_sound
    AND used_sound <> '' AND used_sound = ANY(:sounds::text[])
LIMIT 2000;

-- name: identities_to_verify
-- Qualified identities that INSi has not confirmed since a date.
SELECT * FROM ins_identity
WHERE domain = :domain AND is_active AND status = 'QUAL' AND (verified_at IS NULL OR verified_at < :before)
ORDER BY verified_at NULLS FIRST LIMIT :count;

-- name: identities_to_mend
-- Active identities that carry one of these comments.
SELECT * FROM ins_identity
WHERE domain = :domain AND is_active AND comments <> '{}' AND comments && :comments::text[]
ORDER BY birth_name, local_id LIMIT :count;

-- name: count_identities
-- How many active identities a domain has, a status a line.
SELECT status, count(*) AS total FROM ins_identity WHERE domain = :domain AND is_active GROUP BY status;

-- name: add_change
-- Writes one line of an identity's history.
INSERT INTO ins_change (patient_key, domain, local_id, at, actor, event, before, after, evidence, evidence_date)
VALUES (:patient_key, :domain, :local_id, :at, :actor, :event, :before::jsonb, :after::jsonb, :evidence,
    :evidence_date);

-- name: find_changes
-- The history of an identity, newest first.
SELECT sequence, at, actor, event, before, after, evidence, evidence_date FROM ins_change
WHERE local_id = :local_id AND domain = :domain ORDER BY sequence DESC LIMIT :count;

-- name: put_auto_link
-- Adds a proposal, or refreshes one that nobody decided; a manual link is never overwritten.
INSERT INTO ins_link AS l (patient_key, domain, first_id, second_id, level, score, source, result)
VALUES (:patient_key, :domain, :first_id, :second_id, :level, :score, 'AUTO', 'possible')
ON CONFLICT (patient_key, domain, first_id, second_id) DO UPDATE SET level = excluded.level, score = excluded.score
WHERE l.source = 'AUTO';

-- name: put_manual_link
-- Writes what a person decided about a pair.
INSERT INTO ins_link (patient_key, domain, first_id, second_id, level, score, source, result, decided_by, decided_at)
VALUES (:patient_key, :domain, :first_id, :second_id, :level, :score, 'MANUAL', :result, :decided_by, :decided_at)
ON CONFLICT (patient_key, domain, first_id, second_id) DO UPDATE SET level = excluded.level, score = excluded.score,
    source = 'MANUAL', result = excluded.result, decided_by = excluded.decided_by, decided_at = excluded.decided_at;

-- name: find_links
-- The links of an identity, best first.
SELECT * FROM ins_link WHERE domain = :domain AND (first_id = :local_id OR second_id = :local_id) ORDER BY score DESC;

-- name: open_links
-- Pairs that wait for a decision, best first.
SELECT * FROM ins_link WHERE domain = :domain AND result = 'possible' ORDER BY score DESC LIMIT :count;

-- name: remove_auto_links
-- Drops proposals about an identity that is no longer active.
DELETE FROM ins_link
WHERE domain = :domain AND (first_id = :local_id OR second_id = :local_id) AND source = 'AUTO';

-- name: add_merge
-- Notes a merge with what is needed to undo it.
INSERT INTO ins_merge (patient_key, id, domain, reason, survivor, absorbed, merged, merged_at, merged_by)
VALUES (:patient_key, :id, :domain, :reason, :survivor::jsonb, :absorbed::jsonb, :merged::jsonb, :merged_at,
    :merged_by);

-- name: lock_merge
-- One merge, locked.
SELECT * FROM ins_merge WHERE id = :id FOR UPDATE;

-- name: undo_merge
-- Marks a merge as undone.
UPDATE ins_merge SET undone_at = :undone_at WHERE patient_key = :patient_key AND id = :id;

-- name: add_moved
-- Notes that a merge moved an object.
INSERT INTO ins_moved (patient_key, merge_id, kind, object_id) VALUES (:patient_key, :merge_id, :kind, :object_id)
ON CONFLICT DO NOTHING;

-- name: find_moved
-- The objects of one kind that a merge moved.
SELECT object_id FROM ins_moved
WHERE patient_key = :patient_key AND merge_id = :merge_id AND kind = :kind ORDER BY object_id;

-- name: remove_moved
-- Forgets what was taken back.
DELETE FROM ins_moved WHERE patient_key = :patient_key AND merge_id = :merge_id AND kind = :kind;

-- name: add_batch
-- Keeps a lot of claims to verify.
INSERT INTO ins_batch (id, state, submitted_at, submitted_by, submitter, total, claims)
VALUES (:id, 'waiting', :submitted_at, :submitted_by, :submitter, :total, :claims);

-- name: find_batch
-- Where a lot is, without its content.
SELECT id, state, submitted_at, submitted_by, total, done, wrong, finished_at FROM ins_batch WHERE id = :id;

-- name: lock_batch
-- A lot with its content; a second worker waits.
SELECT * FROM ins_batch WHERE id = :id FOR UPDATE;

-- name: find_verdicts
-- The verdicts of a lot that is done.
SELECT verdicts FROM ins_batch WHERE id = :id AND submitted_by = :submitted_by AND state = 'done';

-- name: advance_batch
-- Says how far a lot is; once it is done, what it claimed is erased.
UPDATE ins_batch SET state = :state, done = :done, wrong = :wrong, verdicts = :verdicts, finished_at = :finished_at,
    claims = CASE WHEN :finished_at::timestamptz IS NULL THEN claims ELSE ''::bytea END
WHERE id = :id;

-- name: remove_old_batches
-- Erases lots that were done before a date.
DELETE FROM ins_batch WHERE finished_at < :before;

-- name: add_vitale_context
-- Keeps the code that a telephone shows, and forgets those that are over.
WITH over AS (DELETE FROM ins_vitale_context WHERE expires_at < :expires_at::timestamptz - interval '1 hour')
INSERT INTO ins_vitale_context (digest, patient_key, expires_at) VALUES (:digest, :patient_key, :expires_at);

-- name: take_vitale_context
-- Reads a code once; one that is over is as one that never was.
DELETE FROM ins_vitale_context WHERE digest = :digest AND expires_at > :now RETURNING patient_key;

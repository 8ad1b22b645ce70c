-- name: lock_record
-- Makes changes of one record wait for each other.
SELECT merged_into FROM dmp_record WHERE patient_key = :patient_key FOR UPDATE;

-- name: find_record_and_rights
-- The record of a patient, and all that it says of one caller: blocks of the person or the structure, authorisation,
-- care team, mandate.
SELECT r.*,
    EXISTS (SELECT FROM dmp_block b WHERE b.patient_key = r.patient_key AND b.target_id = ANY (:ids::text[])
        AND b.scope = 'consultation') AS is_blocked,
    EXISTS (SELECT FROM dmp_block b WHERE b.patient_key = r.patient_key AND b.target_id = ANY (:ids::text[])
        AND b.scope = 'feed') AS is_feed_opposed,
    a.holder_id, a.holding, a.name, a.profession, a.granted_at, a.expires_at, a.is_medecin_traitant, a.is_secret,
    a.revoked_at,
    t.holder_id AS team_id, t.name AS team_name, t.granted_at AS team_granted_at, t.expires_at AS team_expires_at,
    t.revoked_at AS team_revoked_at,
    m.agent_id, m.kind, m.scope, m.name AS agent_name, m.starts_at, m.ends_at, m.revoked_at AS mandate_revoked_at,
    m.proof
FROM dmp_record r
LEFT JOIN dmp_authorization a ON a.patient_key = r.patient_key AND a.holder_id = :actor_id
LEFT JOIN dmp_authorization t ON t.patient_key = r.patient_key AND t.holder_id = :structure
    AND t.holding = 'structure'
LEFT JOIN dmp_mandate m ON m.patient_key = r.patient_key AND m.agent_id = :actor_id
WHERE r.patient_key = :patient_key;

-- name: rights_version
-- Changes whenever the record or a right on it does.
SELECT rights_version FROM dmp_record WHERE patient_key = :patient_key;

-- name: known_records
-- Which of these keys have a record.
SELECT patient_key FROM dmp_record WHERE patient_key = ANY(:keys::uuid[]);

-- name: add_record
-- A record that did not exist; nothing if it does.
INSERT INTO dmp_record (patient_key, matricule, oid, state, birth_date, settings, informed_at, opens_after, opened_at)
VALUES (:patient_key, :matricule, :oid, :state, :birth_date, :settings, :informed_at, :opens_after, :opened_at)
ON CONFLICT (patient_key) DO NOTHING;

-- name: change_record
-- The whole state of a record.
UPDATE dmp_record SET state = :state, birth_date = :birth_date, settings = :settings, informed_at = :informed_at,
    opens_after = :opens_after, opened_at = :opened_at, closed_at = :closed_at, closing_reason = :closing_reason,
    closing_text = :closing_text, destroyed_after = :destroyed_after, rights_version = rights_version + 1
WHERE patient_key = :patient_key;

-- name: mark_merged
-- Where the documents of a record went.
UPDATE dmp_record SET merged_into = :target WHERE patient_key = :patient_key;

-- name: touch_record
-- A right changed: whoever decided on what was before finds out before committing.
UPDATE dmp_record SET rights_version = rights_version + 1 WHERE patient_key = :patient_key;

-- name: records_to_open
-- Records whose opt-out period is over.
SELECT patient_key, matricule, oid FROM dmp_record WHERE state = 'informed' AND opens_after <= :now LIMIT :count;

-- name: records_to_destroy
-- Closed records whose time of keeping is over.
SELECT patient_key, matricule, oid FROM dmp_record WHERE state = 'closed' AND destroyed_after <= :now LIMIT :count;

-- name: put_authorization
-- Gives or renews an authorisation. Being médecin traitant is added, never taken away, by this.
INSERT INTO dmp_authorization AS a (patient_key, holder_id, holding, name, profession, granted_at, expires_at,
    is_medecin_traitant, is_secret, revoked_at)
VALUES (:patient_key, :holder_id, :holding, :name, :profession, :granted_at, :expires_at, :is_medecin_traitant,
    :is_secret, NULL)
ON CONFLICT (patient_key, holder_id) DO UPDATE SET
    name = excluded.name, profession = excluded.profession,
    granted_at = excluded.granted_at, expires_at = excluded.expires_at, is_secret = excluded.is_secret,
    is_medecin_traitant = excluded.is_medecin_traitant OR (a.is_medecin_traitant AND a.revoked_at IS NULL),
    revoked_at = NULL;

-- name: revoke_authorization
-- Withdraws an authorisation, and the status of médecin traitant with it.
UPDATE dmp_authorization SET revoked_at = :now, is_medecin_traitant = false
WHERE patient_key = :patient_key AND holder_id = :holder_id AND revoked_at IS NULL;

-- name: drop_medecin_traitant
-- Ends the status of médecin traitant and keeps the authorisation.
UPDATE dmp_authorization SET is_medecin_traitant = false
WHERE patient_key = :patient_key AND holder_id = :holder_id AND is_medecin_traitant;

-- name: list_authorizations
-- Every authorisation of a record, revoked ones included.
SELECT * FROM dmp_authorization WHERE patient_key = :patient_key ORDER BY granted_at DESC, holder_id;

-- name: list_authorized_records
-- The open records that one professional is authorised to read, last authorisation first.
SELECT r.matricule, r.oid, a.granted_at, a.expires_at, a.is_medecin_traitant,
    (SELECT max(e.registered_at) FROM dmp_submission_set e WHERE e.patient_key = a.patient_key
        AND e.owner_ids && ARRAY[a.holder_id]) AS last_document_at
FROM dmp_authorization a JOIN dmp_record r ON r.patient_key = a.patient_key
WHERE a.holder_id = :holder_id AND a.revoked_at IS NULL AND (a.is_medecin_traitant OR a.expires_at > :now)
    AND r.state = 'active'
    AND NOT EXISTS (SELECT FROM dmp_block b WHERE b.patient_key = a.patient_key AND b.target_id = a.holder_id
        AND b.scope = 'consultation')
ORDER BY a.granted_at DESC LIMIT :count;

-- name: put_block
-- Shuts someone out.
INSERT INTO dmp_block (patient_key, target_id, scope, holding, name, reason, blocked_at, blocked_by)
VALUES (:patient_key, :target_id, :scope, :holding, :name, :reason, :blocked_at, :blocked_by)
ON CONFLICT (patient_key, target_id, scope) DO UPDATE SET reason = excluded.reason, name = excluded.name;

-- name: lift_block
-- Lets someone in again, without giving an authorisation back.
DELETE FROM dmp_block WHERE patient_key = :patient_key AND target_id = :target_id AND scope = :scope;

-- name: list_blocks
-- The blocks of a record.
SELECT * FROM dmp_block WHERE patient_key = :patient_key ORDER BY blocked_at DESC, target_id, scope;

-- name: put_mandate
-- Lets someone act for the holder.
INSERT INTO dmp_mandate (patient_key, agent_id, kind, scope, name, starts_at, ends_at, revoked_at, proof)
VALUES (:patient_key, :agent_id, :kind, :scope, :name, :starts_at, :ends_at, NULL, :proof)
ON CONFLICT (patient_key, agent_id) DO UPDATE SET kind = excluded.kind, scope = excluded.scope, name = excluded.name,
    starts_at = excluded.starts_at, ends_at = excluded.ends_at, revoked_at = NULL, proof = excluded.proof;

-- name: end_mandate
-- Ends a mandate.
UPDATE dmp_mandate SET revoked_at = :now
WHERE patient_key = :patient_key AND agent_id = :agent_id AND revoked_at IS NULL;

-- name: list_mandates
-- The mandates of a record that were not ended.
SELECT * FROM dmp_mandate WHERE patient_key = :patient_key AND revoked_at IS NULL ORDER BY starts_at, agent_id;

-- name: list_mandated_records
-- The records on which one person acts.
SELECT r.matricule, r.oid, m.* FROM dmp_mandate m JOIN dmp_record r ON r.patient_key = m.patient_key
WHERE m.agent_id = :agent_id AND m.revoked_at IS NULL AND r.state IN ('active', 'closed') ORDER BY m.starts_at;

-- name: list_medecins_traitants
-- The médecins traitants of a record.
SELECT holder_id FROM dmp_authorization
WHERE patient_key = :patient_key AND is_medecin_traitant AND revoked_at IS NULL;

-- name: awaited_announcements
-- Documents that have been hidden from the holder for two weeks, not told of yet.
SELECT e.patient_key, e.logical_id FROM dmp_entry e
WHERE e.is_latest AND e.announced_at > :now AND e.status = 'Approved'
    AND e.announced_at <= (:now::timestamptz - interval '14 days') + interval '1 month'
    AND e.visibility & 2 <> 0
    AND NOT EXISTS (SELECT FROM dmp_notice n WHERE n.patient_key = e.patient_key
        AND n.dedupe_key = 'awaited-announcement:' || e.logical_id || ':')
LIMIT :count;

-- name: claim_locators
-- Takes identifiers for a patient and returns those that were free.
INSERT INTO dmp_locator (locator, patient_key) SELECT l, :patient_key FROM unnest(:locators::uuid[]) l ORDER BY l
ON CONFLICT (locator) DO NOTHING RETURNING locator;

-- name: find_locators
-- Whose identifiers these are.
SELECT locator, patient_key FROM dmp_locator WHERE locator = ANY (:locators::uuid[]);

-- name: add_objects
-- All that one submission adds to one record, as rows of the four tables of registry objects.
WITH submitted AS (
    INSERT INTO dmp_submission_set SELECT * FROM unnest(:sets::dmp_submission_set[]) WHERE patient_key = :patient_key
), filed AS (
    INSERT INTO dmp_folder SELECT * FROM unnest(:folders::dmp_folder[]) WHERE patient_key = :patient_key
), linked AS (
    INSERT INTO dmp_association SELECT * FROM unnest(:associations::dmp_association[]) WHERE patient_key = :patient_key
)
INSERT INTO dmp_entry SELECT * FROM unnest(:entries::dmp_entry[]) WHERE patient_key = :patient_key;

-- name: whole_entries
-- Document versions named by a submission that a caller sees.
SELECT * FROM dmp_entry
WHERE patient_key = :patient_key AND (entry_uuid = ANY (:entry_uuids::uuid[]) OR (is_latest AND
        (logical_id = ANY (:logical_ids::uuid[]) OR unique_id = ANY (:unique_ids::text[]))))
    AND dmp_sees(status, type_token, visibility, announced_at, owner_ids, :now, :owners, :types, :hidden_by, :only_own)
ORDER BY entry_uuid;

-- name: whole_lineage
-- All versions of a document and of those that it replaced, oldest first.
SELECT * FROM dmp_entry WHERE patient_key = :patient_key AND lineage = ANY (:lineages::uuid[])
ORDER BY registered_at, entry_uuid;

-- name: change_entry
-- What may change in a stored version: status, effective visibility, lineage, whether it is the newest.
UPDATE dmp_entry SET status = :status, visibility = :visibility, announced_at = :announced_at, lineage = :lineage,
    is_latest = :is_latest
WHERE patient_key = :patient_key AND entry_uuid = :entry_uuid;

-- name: find_entries
-- Document versions of one patient that a caller sees, in no order.
-- `groups` holds arrays of tokens: one token of each must be there.
SELECT entry_uuid, registered_at, status, object_address, metadata FROM dmp_entry e
WHERE patient_key = :patient_key
    AND (:statuses::text[] IS NULL OR status = ANY (:statuses))
    AND (NOT :latest_only::boolean OR is_latest)
    AND (:entry_uuids::uuid[] IS NULL OR entry_uuid = ANY (:entry_uuids))
    AND (:unique_ids::text[] IS NULL OR unique_id = ANY (:unique_ids))
    AND (:logical_ids::uuid[] IS NULL OR logical_id = ANY (:logical_ids))
    AND (:creation_from::text IS NULL OR creation_time >= :creation_from)
    AND (:creation_to::text IS NULL OR creation_time < :creation_to)
    AND (:start_from::text IS NULL OR service_start >= :start_from)
    AND (:start_to::text IS NULL OR service_start < :start_to)
    AND (:stop_from::text IS NULL OR service_stop >= :stop_from)
    AND (:stop_to::text IS NULL OR service_stop < :stop_to)
    AND (:registered_from::timestamptz IS NULL OR registered_at >= :registered_from)
    AND (:registered_to::timestamptz IS NULL OR registered_at < :registered_to)
    AND (:title::text IS NULL OR title ILIKE :title)
    AND (:groups::text[] IS NULL OR NOT EXISTS (
        SELECT FROM unnest(:groups) g WHERE NOT tokens && g::bigint[]))
    AND (:excluded::bigint[] IS NULL OR NOT tokens && :excluded)
    AND (:authors::text[] IS NULL OR EXISTS (SELECT FROM unnest(author_persons) p WHERE p LIKE ANY (:authors)))
    AND (:related_to::uuid[] IS NULL OR EXISTS (SELECT FROM dmp_association a
        WHERE a.patient_key = e.patient_key AND a.source = e.entry_uuid AND a.target = ANY (:related_to)))
    AND dmp_sees(status, type_token, visibility, announced_at, owner_ids, :now, :owners, :types, :hidden_by, :only_own);

-- name: page_entries
-- The same after a place, newest first, and how many there are without the place. Rows are chosen and ordered without
-- their metadata, which is then joined for those that are returned.
WITH seen AS (
    SELECT entry_uuid, registered_at, count(*) OVER () AS total FROM (
        {{find_entries}}
    ) matching
    WHERE :after_at::timestamptz IS NULL OR (registered_at, entry_uuid) < (:after_at, :after_uuid::uuid)
    ORDER BY registered_at DESC, entry_uuid DESC LIMIT :count
)
SELECT e.entry_uuid, e.registered_at, e.status, e.object_address, e.metadata, seen.total
FROM seen JOIN dmp_entry e ON e.patient_key = :patient_key AND e.entry_uuid = seen.entry_uuid;

-- name: find_titles
-- Titles of documents, deleted ones included; null for those that a reader may not know of.
SELECT unique_id, CASE WHEN dmp_sees('Approved', type_token, visibility, announced_at, owner_ids,
    :now, :owners, :types, :hidden_by, :only_own) THEN title END AS title
FROM dmp_entry WHERE patient_key = :patient_key AND unique_id = ANY (:unique_ids::text[]) AND is_latest;

-- name: find_sets
-- Submission sets of one patient that a caller may know of: the caller's own, and those with a visible document.
SELECT s.entry_uuid, s.registered_at, s.metadata, count(*) OVER () AS total FROM dmp_submission_set s
WHERE s.patient_key = :patient_key
    AND (:statuses::text[] IS NULL OR s.status = ANY (:statuses))
    AND (:entry_uuids::uuid[] IS NULL OR s.entry_uuid = ANY (:entry_uuids))
    AND (:unique_ids::text[] IS NULL OR s.unique_id = ANY (:unique_ids))
    AND (:time_from::text IS NULL OR s.submission_time >= :time_from)
    AND (:time_to::text IS NULL OR s.submission_time < :time_to)
    AND (:title::text IS NULL OR s.title ILIKE :title)
    AND (:groups::text[] IS NULL OR NOT EXISTS (
        SELECT FROM unnest(:groups) g WHERE NOT s.tokens && g::bigint[]))
    AND (:authors::text[] IS NULL OR s.author_person LIKE ANY (:authors))
    AND (s.owner_ids && :owners::text[]
        OR EXISTS (SELECT FROM dmp_association a
            JOIN dmp_entry e ON e.patient_key = a.patient_key AND e.entry_uuid = a.target
            WHERE a.patient_key = s.patient_key AND a.source = s.entry_uuid
                AND dmp_sees(e.status, e.type_token, e.visibility, e.announced_at, e.owner_ids,
                    :now, :owners, :types, :hidden_by, :only_own))
        OR EXISTS (SELECT FROM dmp_association a
            JOIN dmp_folder f ON f.patient_key = a.patient_key AND f.entry_uuid = a.target
            JOIN dmp_association m ON m.patient_key = f.patient_key AND m.source = f.entry_uuid
            JOIN dmp_entry e ON e.patient_key = m.patient_key AND e.entry_uuid = m.target
            WHERE a.patient_key = s.patient_key AND a.source = s.entry_uuid
                AND dmp_sees(e.status, e.type_token, e.visibility, e.announced_at, e.owner_ids,
                    :now, :owners, :types, :hidden_by, :only_own)))
    AND (:after_at::timestamptz IS NULL OR (s.registered_at, s.entry_uuid) < (:after_at, :after_uuid::uuid))
ORDER BY s.registered_at DESC, s.entry_uuid DESC LIMIT :count;

-- name: find_folders
-- Folders of one patient that a caller may know of, with the last time that a visible document was put into each.
SELECT entry_uuid, registered_at, metadata, updated_at, count(*) OVER () AS total FROM (
    SELECT f.*, CASE WHEN f.owner_ids && :owners::text[] THEN greatest(f.registered_at, seen.at) ELSE seen.at END
        AS updated_at
    FROM dmp_folder f LEFT JOIN LATERAL (
        SELECT max(a.registered_at) AS at FROM dmp_association a
        JOIN dmp_entry e ON e.patient_key = a.patient_key AND e.entry_uuid = a.target
        WHERE a.patient_key = f.patient_key AND a.source = f.entry_uuid AND a.type = 'HasMember'
            AND dmp_sees(e.status, e.type_token, e.visibility, e.announced_at, e.owner_ids,
                :now, :owners, :types, :hidden_by, :only_own)
    ) seen ON true
    WHERE f.patient_key = :patient_key
        AND (:statuses::text[] IS NULL OR f.status = ANY (:statuses))
        AND (:entry_uuids::uuid[] IS NULL OR f.entry_uuid = ANY (:entry_uuids))
        AND (:unique_ids::text[] IS NULL OR f.unique_id = ANY (:unique_ids))
        AND (:logical_ids::uuid[] IS NULL OR f.logical_id = ANY (:logical_ids))
        AND (:title::text IS NULL OR f.title ILIKE :title)
        AND (:groups::text[] IS NULL OR NOT EXISTS (
            SELECT FROM unnest(:groups) g WHERE NOT f.tokens && g::bigint[]))
) found
WHERE updated_at IS NOT NULL
    AND (:updated_from::timestamptz IS NULL OR updated_at >= :updated_from)
    AND (:updated_to::timestamptz IS NULL OR updated_at < :updated_to)
    AND (:after_at::timestamptz IS NULL OR (registered_at, entry_uuid) < (:after_at, :after_uuid::uuid))
ORDER BY registered_at DESC, entry_uuid DESC LIMIT :count;

-- name: find_associations
-- Links whose source or target is one of the objects, or which are themselves asked for.
SELECT metadata FROM dmp_association
WHERE patient_key = :patient_key AND (source = ANY (:uuids::uuid[]) OR target = ANY (:uuids) OR
    association_uuid = ANY (:uuids))
ORDER BY registered_at, association_uuid;

-- name: find_memberships
-- By which folders hold these versions: a newer version takes their place in them.
SELECT a.metadata FROM dmp_association a
JOIN dmp_folder f ON f.patient_key = a.patient_key AND f.entry_uuid = a.source
WHERE a.patient_key = :patient_key AND a.target = ANY (:uuids::uuid[]) AND a.type = 'HasMember';

-- name: find_all_associations
-- Every link of one patient.
SELECT metadata FROM dmp_association WHERE patient_key = :patient_key ORDER BY registered_at, association_uuid;

-- name: find_addresses
-- Objects to which a patient's entries refer.
SELECT entry_uuid, object_address, metadata FROM dmp_entry WHERE patient_key = :patient_key ORDER BY registered_at;

-- name: referenced_addresses
-- Which of these addresses some entry of the patient refers to (orphan sweep).
SELECT DISTINCT object_address FROM dmp_entry
WHERE patient_key = :patient_key AND object_address = ANY (:addresses::text[]);

-- name: list_contents
-- Every stored content of the base with its expected hash, in order of key (verification).
SELECT patient_key, entry_uuid, object_address, metadata FROM dmp_entry
WHERE (patient_key, entry_uuid) > (:after_patient, :after_entry) AND object_address <> ''
ORDER BY patient_key, entry_uuid LIMIT :count;

-- name: delete_entries
-- Destroys the entries of a patient.
DELETE FROM dmp_entry WHERE patient_key = :patient_key;

-- name: delete_sets
-- Destroys the sets of a patient.
DELETE FROM dmp_submission_set WHERE patient_key = :patient_key;

-- name: delete_folders
-- Destroys the folders of a patient.
DELETE FROM dmp_folder WHERE patient_key = :patient_key;

-- name: delete_associations
-- Destroys the associations of a patient.
DELETE FROM dmp_association WHERE patient_key = :patient_key;

-- name: delete_authorizations
-- Destroys the authorizations of a patient.
DELETE FROM dmp_authorization WHERE patient_key = :patient_key;

-- name: delete_blocks
-- Destroys the blocks of a patient.
DELETE FROM dmp_block WHERE patient_key = :patient_key;

-- name: delete_mandates
-- Destroys the mandates of a patient.
DELETE FROM dmp_mandate WHERE patient_key = :patient_key;

-- name: list_identifiers
-- Every identifier under which objects of a patient are registered.
SELECT entry_uuid, unique_id FROM dmp_entry WHERE patient_key = :patient_key
UNION ALL SELECT entry_uuid, unique_id FROM dmp_submission_set WHERE patient_key = :patient_key
UNION ALL SELECT entry_uuid, unique_id FROM dmp_folder WHERE patient_key = :patient_key;

-- name: delete_locators
-- Frees identifiers of a patient.
DELETE FROM dmp_locator WHERE locator = ANY (:locators::uuid[]) AND patient_key = :patient_key;

-- name: list_names
-- What the current documents of one patient that a caller sees are called, newest first.
SELECT unique_id, logical_id::text, title FROM dmp_entry
WHERE patient_key = :patient_key AND is_latest AND status IN ('Approved', 'Archived')
    AND dmp_sees(status, type_token, visibility, announced_at, owner_ids, :now, :owners, :types, :hidden_by, :only_own)
ORDER BY registered_at DESC, entry_uuid DESC;

-- name: list_to_index
-- Current documents of one patient whose bytes are here, whatever their visibility, in no order: for the base's own
-- index.
SELECT unique_id, registered_at, entry_uuid FROM dmp_entry
WHERE patient_key = :patient_key AND is_latest AND object_address <> '' AND status IN ('Approved', 'Archived');

-- name: stamp_to_index
-- A text that is another one when they are others.
SELECT count(*) || ':' || coalesce(sum(hashtextextended(unique_id, 0)), 0) AS stamp
FROM ({{list_to_index}}) current;

-- name: find_latest
-- The latest versions of documents of one patient, whatever their visibility: for the base's own index.
SELECT * FROM dmp_entry
WHERE patient_key = :patient_key AND unique_id = ANY (:unique_ids::text[]) AND is_latest AND object_address <> '';

-- name: take_entries
-- All entries of a patient, taken out to be put under another key.
DELETE FROM dmp_entry WHERE patient_key = :patient_key RETURNING *;

-- name: take_sets
-- All sets of a patient, taken out to be put under another key.
DELETE FROM dmp_submission_set WHERE patient_key = :patient_key RETURNING *;

-- name: take_folders
-- All folders of a patient, taken out to be put under another key.
DELETE FROM dmp_folder WHERE patient_key = :patient_key RETURNING *;

-- name: take_associations
-- All associations of a patient, taken out to be put under another key.
DELETE FROM dmp_association WHERE patient_key = :patient_key RETURNING *;

-- name: copy_blocks
-- Whom the holder shut out stays out when the record becomes another.
INSERT INTO dmp_block (patient_key, target_id, scope, holding, name, reason, blocked_at, blocked_by)
SELECT :target::uuid, target_id, scope, holding, name, reason, blocked_at, blocked_by
FROM dmp_block WHERE patient_key = :patient_key
ON CONFLICT (patient_key, target_id, scope) DO NOTHING;

-- name: move_locators
-- Identifiers that are now another patient's.
UPDATE dmp_locator SET patient_key = :patient_key WHERE locator = ANY (:locators::uuid[]);

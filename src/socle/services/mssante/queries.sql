-- name: add_mailbox
-- A new box; the caller handles the unique address.
INSERT INTO mss_mailbox (mailbox_key, address, kind, state, display_name, person_id, structure_id, service, responsible,
    description, is_red_listed, rank, accepts_paperless, matricule, ins_oid, certificate_subject, password_hash,
    files_to_dmp, quota_bytes, created_at, changed_at)
VALUES (:mailbox_key, :address, :kind, :state, :display_name, :person_id, :structure_id, :service, :responsible,
    :description, :is_red_listed, :rank, :accepts_paperless, :matricule, :ins_oid, :certificate_subject,
    :password_hash, :files_to_dmp, :quota_bytes, :now, :now)
ON CONFLICT DO NOTHING;

-- name: add_folder
-- A folder with the next number of its box.
INSERT INTO mss_folder (mailbox_key, folder_id, name, special_use, uid_validity)
SELECT :mailbox_key, coalesce(max(folder_id), 0) + 1, :name, :special_use, :uid_validity
FROM mss_folder WHERE mailbox_key = :mailbox_key
ON CONFLICT (mailbox_key, name) DO NOTHING;

-- name: find_mailbox
-- One box by address.
SELECT * FROM mss_mailbox WHERE address = :address;

-- name: find_mailbox_by_key
-- One box by key.
SELECT * FROM mss_mailbox WHERE mailbox_key = :mailbox_key;

-- name: find_keys
-- Keys of boxes by address.
SELECT mailbox_key, address FROM mss_mailbox WHERE address = ANY(:addresses::text[]);

-- name: lock_mailbox
-- One box, locked until the end of the transaction.
SELECT * FROM mss_mailbox WHERE address = :address FOR UPDATE;

-- name: lock_room
-- What a box holds and may hold, until the end of the transaction.
SELECT used_bytes, quota_bytes FROM mss_mailbox WHERE mailbox_key = :mailbox_key FOR NO KEY UPDATE;

-- name: lock_mailboxes
-- Boxes that take mail in a batch, locked in one order.
SELECT * FROM mss_mailbox WHERE address = ANY(:addresses::text[]) ORDER BY mailbox_key FOR NO KEY UPDATE;

-- name: list_mailboxes
-- Boxes of a domain, by address.
SELECT * FROM mss_mailbox
WHERE address > :after AND (:kind::text = '' OR kind = :kind) AND (:contains::text = '' OR strpos(address, :contains) > 0)
ORDER BY address LIMIT :count;

-- name: find_by_holder
-- Boxes of a person or of a structure, preferred first.
SELECT * FROM mss_mailbox
WHERE (:person_id::text <> '' AND person_id = :person_id AND (:structure_id::text = '' OR structure_id = :structure_id))
   OR (:person_id::text = '' AND :structure_id::text <> '' AND structure_id = :structure_id AND person_id = '')
ORDER BY rank, address;

-- name: find_usable
-- Boxes that a person may open: holder, or right not expired.
SELECT mailbox.* FROM mss_mailbox mailbox
WHERE mailbox.state <> 'PURGED' AND (mailbox.person_id = :person_id OR EXISTS (
    SELECT 1 FROM mss_right granted WHERE granted.mailbox_key = mailbox.mailbox_key
      AND granted.person_id = :person_id AND (granted.expires_at IS NULL OR granted.expires_at > :now)))
ORDER BY mailbox.state <> 'ACTIVE', mailbox.rank, mailbox.address;

-- name: change_state
-- A step of the life cycle.
UPDATE mss_mailbox SET state = :state, changed_at = :now, purge_at = :purge_at, is_shut_by_holder = :is_shut_by_holder
WHERE mailbox_key = :mailbox_key;

-- name: change_publication
-- What the directory shows of a box.
UPDATE mss_mailbox SET is_red_listed = :is_red_listed, rank = :rank, description = :description, service = :service,
    responsible = :responsible, accepts_paperless = :accepts_paperless, changed_at = :now
WHERE mailbox_key = :mailbox_key;

-- name: change_quota
-- The space of a box.
UPDATE mss_mailbox SET quota_bytes = :quota_bytes, changed_at = :now WHERE mailbox_key = :mailbox_key;

-- name: change_filing
-- Whether incoming documents go to the DMP by themselves.
UPDATE mss_mailbox SET files_to_dmp = :files_to_dmp, changed_at = :now WHERE mailbox_key = :mailbox_key;

-- name: set_password
-- Sandbox password (Argon2).
UPDATE mss_mailbox SET password_hash = :password_hash, changed_at = :now WHERE mailbox_key = :mailbox_key;

-- name: touch
-- The box was used. Once an hour is enough.
UPDATE mss_mailbox SET last_used_at = :now, warned_at = NULL
WHERE mailbox_key = :mailbox_key AND (last_used_at IS NULL OR last_used_at < :now::timestamptz - interval '1 hour');

-- name: find_unused
-- Boxes of professionals that nobody opened since a moment, and closed ones, by address.
SELECT * FROM mss_mailbox
WHERE address > :after AND state IN ('ACTIVE', 'SUSPENDED', 'CLOSED') AND kind <> 'USAGER'
  AND (state = 'CLOSED' OR coalesce(last_used_at, created_at) <= :since)
ORDER BY address LIMIT :count;

-- name: find_warned_addresses
-- Where the holder of a box and those who may use it can be told: this box and the other active ones that they open.
SELECT DISTINCT told.address FROM mss_mailbox told
WHERE told.state = 'ACTIVE' AND (told.mailbox_key = :mailbox_key OR told.person_id IN (
    SELECT person_id FROM mss_mailbox WHERE mailbox_key = :mailbox_key AND person_id <> ''
    UNION SELECT person_id FROM mss_right
    WHERE mailbox_key = :mailbox_key AND (expires_at IS NULL OR expires_at > :now)))
ORDER BY told.address;

-- name: mark_warned
-- The holder was told that the box is inactive.
UPDATE mss_mailbox SET warned_at = :now WHERE mailbox_key = :mailbox_key;

-- name: find_purgeable
-- Closed boxes whose delay is over.
SELECT * FROM mss_mailbox WHERE state = 'CLOSED' AND purge_at <= :now LIMIT 100;

-- name: delete_content
-- The messages of a purged box.
DELETE FROM mss_message WHERE mailbox_key = :mailbox_key RETURNING object;

-- name: reset_usage
-- A purged box holds nothing.
UPDATE mss_mailbox SET used_bytes = 0, state = 'PURGED', purge_at = NULL, changed_at = :now
WHERE mailbox_key = :mailbox_key;

-- name: grant_right
-- Lets a person use a box.
INSERT INTO mss_right (mailbox_key, person_id, may_send, granted_by, granted_at, expires_at)
VALUES (:mailbox_key, :person_id, :may_send, :granted_by, :now, :expires_at)
ON CONFLICT (mailbox_key, person_id) DO UPDATE
SET may_send = excluded.may_send, granted_by = excluded.granted_by, granted_at = excluded.granted_at,
    expires_at = excluded.expires_at;

-- name: revoke_right
-- Takes the right back.
DELETE FROM mss_right WHERE mailbox_key = :mailbox_key AND person_id = :person_id;

-- name: find_rights
-- Who may use a box.
SELECT person_id, may_send, granted_by, granted_at, expires_at FROM mss_right
WHERE mailbox_key = :mailbox_key ORDER BY person_id;

-- name: list_folders
-- Folders of a box, INBOX first.
SELECT folder_id, name, special_use, is_subscribed, uid_validity, uid_next, highest_modseq
FROM mss_folder WHERE mailbox_key = :mailbox_key ORDER BY name <> 'INBOX', name;

-- name: find_folder
-- One folder by name.
SELECT folder_id, name, special_use, is_subscribed, uid_validity, uid_next, highest_modseq
FROM mss_folder WHERE mailbox_key = :mailbox_key AND name = :name;

-- name: rename_folder
-- Renames one folder.
UPDATE mss_folder SET name = :name WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id;

-- name: subscribe_folder
-- Subscription of one folder.
UPDATE mss_folder SET is_subscribed = :is_subscribed WHERE mailbox_key = :mailbox_key AND name = :name;

-- name: delete_folder
-- Removes one folder; its messages go before.
DELETE FROM mss_folder WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id;

-- name: take_uids
-- Reserves UIDs in folders: one row a folder. Returns the first reserved UID and the new modification sequence.
UPDATE mss_folder folder SET uid_next = folder.uid_next + wanted.count, highest_modseq = folder.highest_modseq + 1
FROM (SELECT unnest(:mailbox_keys::uuid[]) AS mailbox_key, unnest(:folder_ids::integer[]) AS folder_id,
             unnest(:counts::bigint[]) AS count) wanted
WHERE folder.mailbox_key = wanted.mailbox_key AND folder.folder_id = wanted.folder_id
RETURNING folder.mailbox_key, folder.folder_id, folder.uid_next - wanted.count AS first_uid, folder.uid_validity,
    folder.highest_modseq;

-- name: next_modseq
-- A new modification sequence of one folder, which it locks.
UPDATE mss_folder SET highest_modseq = highest_modseq + 1
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id RETURNING highest_modseq;

-- name: add_messages
-- Messages of a batch; flags travel as one text a message.
INSERT INTO mss_message (mailbox_key, folder_id, uid, object, size_bytes, summary, thread, message_hash, flags, modseq,
    received_at)
SELECT mailbox_key, folder_id, uid, object, size_bytes, summary, thread, message_hash,
    CASE flags WHEN '' THEN '{}' ELSE string_to_array(flags, ' ') END, modseq, received_at
FROM unnest(:mailbox_keys::uuid[], :folder_ids::integer[], :uids::bigint[], :objects::text[], :sizes::integer[],
    :summaries::bytea[], :threads::bytea[], :message_hashes::bytea[], :flags::text[], :modseqs::bigint[],
    :received::timestamptz[])
    AS new(mailbox_key, folder_id, uid, object, size_bytes, summary, thread, message_hash, flags, modseq, received_at);

-- name: add_usage
-- Adds (or takes away) used bytes.
UPDATE mss_mailbox mailbox SET used_bytes = greatest(0, mailbox.used_bytes + added.bytes)
FROM (SELECT unnest(:mailbox_keys::uuid[]) AS mailbox_key, unnest(:bytes::bigint[]) AS bytes) added
WHERE mailbox.mailbox_key = added.mailbox_key;

-- name: list_rows
-- State of all messages of a folder, by UID.
SELECT uid, flags, modseq, size_bytes, received_at FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id ORDER BY uid;

-- name: read_summaries
-- Messages of a folder by UID.
SELECT folder_id, uid, flags, modseq, size_bytes, received_at, object, summary, thread FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND uid = ANY(:uids::bigint[]) ORDER BY uid;

-- name: page_messages
-- Messages of a folder, newest first, before a UID.
SELECT folder_id, uid, flags, modseq, size_bytes, received_at, object, summary, thread FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND uid < :before ORDER BY uid DESC LIMIT :count;

-- name: read_thread
-- Messages of a thread in all folders, oldest first.
SELECT folder_id, uid, flags, modseq, size_bytes, received_at, object, summary, thread FROM mss_message
WHERE mailbox_key = :mailbox_key AND thread = :thread ORDER BY received_at, uid LIMIT 500;

-- name: find_by_message_id
-- Messages by the hash of their Message-ID.
SELECT folder_id, uid, flags, modseq, size_bytes, received_at, object, summary, thread FROM mss_message
WHERE mailbox_key = :mailbox_key AND message_hash = :message_hash ORDER BY folder_id, uid LIMIT 20;

-- name: count_folder
-- Messages and unseen messages of a folder, and its bytes.
SELECT count(*) AS messages, count(*) FILTER (WHERE NOT flags @> ARRAY['\Seen']) AS unseen,
    coalesce(sum(size_bytes), 0) AS bytes
FROM mss_message WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id;

-- name: set_flags
-- New flags of one message, unless it changed since a modification sequence.
UPDATE mss_message SET flags = :flags, modseq = :modseq
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND uid = :uid;

-- name: lock_flags
-- Current flags of messages, locked.
SELECT uid, flags, modseq FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND uid = ANY(:uids::bigint[]) ORDER BY uid FOR UPDATE;

-- name: set_many_flags
-- New flags of several messages; flags travel as one text a message.
UPDATE mss_message message
SET flags = CASE changed.flags WHEN '' THEN '{}' ELSE string_to_array(changed.flags, ' ') END, modseq = :modseq
FROM (SELECT unnest(:uids::bigint[]) AS uid, unnest(:flags::text[]) AS flags) changed
WHERE message.mailbox_key = :mailbox_key AND message.folder_id = :folder_id AND message.uid = changed.uid;

-- name: delete_messages
-- Removes messages from a folder.
DELETE FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND uid = ANY(:uids::bigint[])
RETURNING uid, object, size_bytes;

-- name: copy_rows
-- What is needed to put messages into another folder; locked, so that no content is removed meanwhile.
SELECT uid, object, size_bytes, summary, thread, message_hash, flags, received_at FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND uid = ANY(:uids::bigint[]) ORDER BY uid FOR SHARE;

-- name: is_object_used
-- Whether a row still refers to an object.
SELECT EXISTS (SELECT 1 FROM mss_message WHERE mailbox_key = :owner AND object = :object)
    OR EXISTS (SELECT 1 FROM mss_queue WHERE owner_key = :owner AND object = :object)
    OR EXISTS (SELECT 1 FROM mss_quarantine WHERE owner_key = :owner AND object = :object) AS is_used;

-- name: list_objects
-- Every object to which a row refers, in order, page by page.
SELECT owner, object FROM (
    SELECT mailbox_key AS owner, object FROM mss_message
    UNION SELECT owner_key, object FROM mss_queue
    UNION SELECT owner_key, object FROM mss_quarantine) kept
WHERE (owner, object) > (:owner::uuid, :object::text) ORDER BY owner, object LIMIT :count;

-- name: add_accepted
-- Remembers what is accepted; returns only what was not there.
INSERT INTO mss_accepted (recipient, fingerprint, queue_id, accepted_at)
SELECT recipient, fingerprint, queue_id, :now::timestamptz
FROM unnest(:recipients::text[], :fingerprints::bytea[], :queue_ids::uuid[]) AS new(recipient, fingerprint, queue_id)
ORDER BY recipient, fingerprint
ON CONFLICT DO NOTHING RETURNING recipient, fingerprint, queue_id;

-- name: find_accepted
-- Under which queue id a message was accepted before.
SELECT queue_id FROM mss_accepted WHERE recipient = :recipient AND fingerprint = :fingerprint;

-- name: forget_accepted
-- Old fingerprints.
DELETE FROM mss_accepted WHERE accepted_at < :before;

-- name: enqueue
-- Messages for other operators, or reports to be delivered.
INSERT INTO mss_queue (queue_id, recipient, sender, owner_key, object, size_bytes, notify, original_recipient,
    envelope_id, wants_full_return, next_attempt_at, queued_at)
SELECT queue_id, recipient, sender, owner_key, object, size_bytes, notify, original_recipient, envelope_id,
    wants_full_return, :now::timestamptz, :now::timestamptz
FROM unnest(:queue_ids::uuid[], :recipients::text[], :senders::text[], :owner_keys::uuid[], :objects::text[],
    :sizes::integer[], :notifies::text[], :original_recipients::text[], :envelope_ids::text[],
    :full_returns::boolean[])
    AS new(queue_id, recipient, sender, owner_key, object, size_bytes, notify, original_recipient, envelope_id,
           wants_full_return)
ON CONFLICT DO NOTHING;

-- name: claim_queue
-- Takes due rows for the length of a lease, so that no other process takes them meanwhile.
UPDATE mss_queue SET attempts = attempts + 1, next_attempt_at = :lease_until
WHERE (queue_id, recipient) IN (
    SELECT queue_id, recipient FROM mss_queue WHERE next_attempt_at <= :now
    ORDER BY next_attempt_at LIMIT :count FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: postpone
-- A temporary failure: later.
UPDATE mss_queue SET next_attempt_at = :next_attempt_at, last_reply = :last_reply, warned_at = :warned_at
WHERE queue_id = :queue_id AND recipient = :recipient;

-- name: dequeue
-- Done, one way or another.
DELETE FROM mss_queue WHERE queue_id = :queue_id AND recipient = :recipient;

-- name: list_queue
-- What waits, oldest first.
SELECT * FROM mss_queue ORDER BY queued_at, queue_id, recipient LIMIT :count;

-- name: next_due
-- When the next row is due.
SELECT min(next_attempt_at) AS due FROM mss_queue;

-- name: retry_now
-- Makes everything that waits due.
UPDATE mss_queue SET next_attempt_at = :now;

-- name: add_traces
-- Traces of a batch.
INSERT INTO mss_trace (happened_at, action, mailbox, mailbox_kind, person_id, peer, queue_id, message_hash, size_bytes,
    reply, cda_codes, has_ins, product, is_success)
SELECT happened_at, action, mailbox, mailbox_kind, person_id, peer, queue_id, message_hash, size_bytes, reply,
    CASE cda_codes WHEN '' THEN '{}' ELSE string_to_array(cda_codes, ',') END, has_ins, product, is_success
FROM unnest(:moments::timestamptz[], :actions::text[], :mailboxes::text[], :kinds::text[], :persons::text[],
    :peers::text[], :queue_ids::uuid[], :message_hashes::bytea[], :sizes::integer[], :replies::text[],
    :cda_codes::text[], :has_ins::text[], :products::text[], :successes::boolean[])
    AS new(happened_at, action, mailbox, mailbox_kind, person_id, peer, queue_id, message_hash, size_bytes, reply,
           cda_codes, has_ins, product, is_success);

-- name: list_traces
-- Traces in a span of time, newest first, of one box or of all.
SELECT * FROM mss_trace
WHERE happened_at >= :since AND happened_at < :until AND (:mailbox::text = '' OR mailbox = :mailbox)
ORDER BY trace_id DESC LIMIT :count;

-- name: forget_notices
-- What came back, past its retention.
DELETE FROM mss_notice WHERE happened_at < :before;

-- name: forget_quarantine
-- Infected messages past their retention.
DELETE FROM mss_quarantine WHERE found_at < :before RETURNING owner_key, object;

-- name: forget_peer_certificates
-- Certificates with which no peer was seen for long.
DELETE FROM mss_peer_certificate WHERE seen_at < :before;

-- name: forget_white_lists
-- All white lists but the ten newest.
DELETE FROM mss_whitelist WHERE list_id NOT IN (
    SELECT list_id FROM mss_whitelist ORDER BY issued_on DESC, list_id DESC LIMIT 10);

-- name: forget_traces
-- Traces past their retention.
DELETE FROM mss_trace WHERE happened_at < :before;

-- name: notify
-- Wakes the IMAP sessions and the queue of all processes.
SELECT pg_notify('mss_mail', note) FROM unnest(:notes::text[]) AS note;

-- name: set_exchange
-- Opens or closes what a citizen may answer.
INSERT INTO mss_exchange (mailbox_key, contact, is_open, changed_at) VALUES (:mailbox_key, :contact, :is_open, :now)
ON CONFLICT (mailbox_key, contact) DO UPDATE SET is_open = excluded.is_open, changed_at = excluded.changed_at;

-- name: remember_origin
-- Which contact a sender opened.
INSERT INTO mss_exchange_origin (mailbox_key, sender, contact) VALUES (:mailbox_key, :sender, :contact)
ON CONFLICT DO NOTHING;

-- name: close_exchanges
-- [FIN]: takes back the right to answer everything that a sender wrote.
UPDATE mss_exchange SET is_open = false, changed_at = :now
WHERE mailbox_key = :mailbox_key AND (contact = :sender OR contact IN (
    SELECT contact FROM mss_exchange_origin WHERE mailbox_key = :mailbox_key AND sender = :sender));

-- name: find_exchange
-- Whether a citizen may write to a contact.
SELECT is_open FROM mss_exchange WHERE mailbox_key = :mailbox_key AND contact = :contact;

-- name: list_exchanges
-- Contacts of a citizen.
SELECT contact, is_open, changed_at FROM mss_exchange WHERE mailbox_key = :mailbox_key ORDER BY changed_at DESC;

-- name: quarantine
-- Keeps an infected message apart.
INSERT INTO mss_quarantine (quarantine_id, found_at, signature, sender, recipients, owner_key, object)
VALUES (:quarantine_id, :now, :signature, :sender, :recipients, :owner_key, :object);

-- name: list_quarantine
-- What is kept apart.
SELECT quarantine_id, found_at, signature, sender, recipients FROM mss_quarantine ORDER BY found_at DESC LIMIT :count;

-- name: keep_whitelist
-- A valid list, kept for the days when none can be fetched.
INSERT INTO mss_whitelist (content, digest, signed_by, issued_on, loaded_at)
VALUES (:content, :digest, :signed_by, :issued_on, :now)
ON CONFLICT (digest) DO UPDATE SET loaded_at = excluded.loaded_at;

-- name: find_whitelist
-- The newest valid list.
SELECT content, signed_by, issued_on, loaded_at FROM mss_whitelist ORDER BY issued_on DESC, list_id DESC LIMIT 1;

-- name: count_mailboxes
-- Boxes by kind and state for the indicators.
SELECT kind, count(*) FILTER (WHERE state = 'ACTIVE') AS active, count(*) FILTER (WHERE state = 'SUSPENDED') AS suspended,
    count(*) FILTER (WHERE state IN ('CLOSED', 'PURGED')) AS closed,
    count(*) FILTER (WHERE created_at >= :since AND created_at < :until) AS created,
    count(*) FILTER (WHERE state = 'ACTIVE' AND is_red_listed) AS red_listed,
    count(*) FILTER (WHERE last_used_at >= :since) AS used
FROM mss_mailbox WHERE split_part(address, '@', 2) = :domain AND created_at < :until GROUP BY kind ORDER BY kind;

-- name: count_traces
-- Actions of a month in a domain, by kind of box.
SELECT action, mailbox_kind, count(*) AS events, count(*) FILTER (WHERE NOT is_success) AS failures,
    coalesce(sum(size_bytes), 0) AS bytes,
    count(*) FILTER (WHERE split_part(peer, '@', 2) = split_part(mailbox, '@', 2)) AS same_domain,
    count(*) FILTER (WHERE split_part(peer, '@', 2) = :patient_domain) AS with_citizens,
    count(*) FILTER (WHERE has_ins = 'O') AS with_ins, count(*) FILTER (WHERE has_ins = 'N') AS without_ins
FROM mss_trace
WHERE happened_at >= :since AND happened_at < :until AND split_part(mailbox, '@', 2) = :domain
GROUP BY action, mailbox_kind ORDER BY action, mailbox_kind;

-- name: count_cda_codes
-- Documents sent in a month, by code.
SELECT code, count(*) AS events FROM mss_trace, unnest(cda_codes) AS code
WHERE happened_at >= :since AND happened_at < :until AND action = 'send' AND split_part(mailbox, '@', 2) = :domain
GROUP BY code ORDER BY events DESC, code;

-- name: count_products
-- Messages sent in a month, by product.
SELECT product, count(*) AS events FROM mss_trace
WHERE happened_at >= :since AND happened_at < :until AND action = 'send' AND product <> ''
  AND split_part(mailbox, '@', 2) = :domain
GROUP BY product ORDER BY events DESC, product;

-- name: count_failures
-- Failed deliveries in a month, by reply code.
SELECT split_part(reply, ' ', 2) AS status, count(*) AS events FROM mss_trace
WHERE happened_at >= :since AND happened_at < :until AND NOT is_success AND split_part(mailbox, '@', 2) = :domain
GROUP BY status ORDER BY events DESC, status;

-- name: last_connections
-- Last connection of each box of a domain; empty when unknown.
SELECT address, kind, state, last_used_at FROM mss_mailbox
WHERE split_part(address, '@', 2) = :domain AND kind <> 'USAGER' ORDER BY address;

-- name: rows_since
-- State of the messages of a folder that changed since a modification sequence.
SELECT uid, flags, modseq, size_bytes, received_at FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND modseq > :modseq ORDER BY uid;

-- name: list_uids
-- UIDs of a folder, ascending.
SELECT uid FROM mss_message WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id ORDER BY uid;

-- name: find_folder_by_id
-- One folder by number.
SELECT folder_id, name, special_use, is_subscribed, uid_validity, uid_next, highest_modseq
FROM mss_folder WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id;

-- name: add_notice
-- What came back about a sent message; a later word replaces an earlier one of the same kind.
INSERT INTO mss_notice (mailbox_key, message_hash, recipient, kind, outcome, status, reason, happened_at)
VALUES (:mailbox_key, :message_hash, :recipient, :kind, :outcome, :status, :reason, :now)
ON CONFLICT (mailbox_key, message_hash, recipient, kind) DO UPDATE
SET outcome = excluded.outcome, status = excluded.status, reason = excluded.reason, happened_at = excluded.happened_at;

-- name: find_notices
-- What came back about a sent message.
SELECT recipient, kind, outcome, status, reason, happened_at FROM mss_notice
WHERE mailbox_key = :mailbox_key AND message_hash = :message_hash ORDER BY happened_at, recipient, kind;

-- name: page_folder_rows
-- State of messages of a folder with their thread, newest first.
SELECT uid, thread, flags, received_at FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id ORDER BY uid DESC LIMIT :count;

-- name: find_message
-- One message.
SELECT folder_id, uid, flags, modseq, size_bytes, received_at, object, summary, thread FROM mss_message
WHERE mailbox_key = :mailbox_key AND folder_id = :folder_id AND uid = :uid;

-- name: find_contacts
-- Published boxes that hold each of the words.
SELECT address, kind, display_name, service, description, person_id, structure_id FROM mss_mailbox
WHERE state = 'ACTIVE' AND NOT is_red_listed AND kind <> 'USAGER'
  AND NOT EXISTS (SELECT 1 FROM unnest(:words::text[]) AS word WHERE
      strpos(lower(address || ' ' || display_name || ' ' || service || ' ' || description), lower(word)) = 0)
ORDER BY address LIMIT :count;

-- name: add_api_key
-- A key of the BAL API.
INSERT INTO mss_api_key (key_hash, name, created_at) VALUES (:key_hash, :name, :now);

-- name: find_api_key
-- Who holds a key of the BAL API.
SELECT name FROM mss_api_key WHERE key_hash = :key_hash;

-- name: find_holders
-- Holders of boxes, of one FHIR type, that have a box with the given words and kind.
SELECT DISTINCT person_id, structure_id FROM mss_mailbox
WHERE state = 'ACTIVE' AND kind <> 'USAGER' AND (person_id, structure_id) > (:after_person::text, :after_structure::text)
  AND CASE :resource::text WHEN 'Practitioner' THEN person_id <> '' AND structure_id = ''
      WHEN 'PractitionerRole' THEN person_id <> '' AND structure_id <> '' ELSE person_id = '' END
  AND (:contains::text = '' OR strpos(address, :contains) > 0)
  AND (:starts::text = '' OR starts_with(address, :starts))
  AND (:exact::text = '' OR address = :exact)
  AND (:kind::text = '' OR kind = :kind)
  AND (:person_id::text = '' OR person_id = :person_id) AND (:structure_id::text = '' OR structure_id = :structure_id)
ORDER BY person_id, structure_id LIMIT :count;

-- name: find_boxes_of_holder
-- Open boxes of exactly this holder, preferred first.
SELECT * FROM mss_mailbox
WHERE person_id = :person_id AND structure_id = :structure_id AND state = 'ACTIVE' AND kind <> 'USAGER'
ORDER BY rank, address;

-- name: remember_peer_certificate
-- A certificate that a peer presented, or that the operator registered.
INSERT INTO mss_peer_certificate (fingerprint, certificate, seen_at) VALUES (:fingerprint, :certificate, :now)
ON CONFLICT (fingerprint) DO UPDATE SET seen_at = excluded.seen_at;

-- name: find_peer_certificate
-- A known certificate.
SELECT certificate FROM mss_peer_certificate WHERE fingerprint = :fingerprint;

-- name: list_peer_certificates
-- The known certificates, last seen first.
SELECT fingerprint, certificate FROM mss_peer_certificate ORDER BY seen_at DESC, fingerprint;

-- name: add_client
-- Registers a client, or replaces its registration.
INSERT INTO identity_client (realm, client_id, name, authentication, secret_sha256, tls_subject, jwks, redirect_uris,
    logout_redirect_uris, backchannel_logout_uri, id_token_alg, requires_pkce, grants, exchange_scopes, created_at)
VALUES (:realm, :client_id, :name, :authentication, :secret_sha256, :tls_subject, :jwks, :redirect_uris,
    :logout_redirect_uris, :backchannel_logout_uri, :id_token_alg, :requires_pkce, :grants, :exchange_scopes, :now)
ON CONFLICT (realm, client_id) DO UPDATE SET name = excluded.name, authentication = excluded.authentication,
    secret_sha256 = excluded.secret_sha256, tls_subject = excluded.tls_subject, jwks = excluded.jwks,
    redirect_uris = excluded.redirect_uris, logout_redirect_uris = excluded.logout_redirect_uris,
    backchannel_logout_uri = excluded.backchannel_logout_uri, id_token_alg = excluded.id_token_alg,
    requires_pkce = excluded.requires_pkce, grants = excluded.grants, exchange_scopes = excluded.exchange_scopes;

-- name: find_client
-- One registration.
SELECT * FROM identity_client WHERE realm = :realm AND client_id = :client_id;

-- name: list_clients
-- All registrations of a realm.
SELECT * FROM identity_client WHERE realm = :realm ORDER BY client_id;

-- name: remove_client
-- Removes a registration.
DELETE FROM identity_client WHERE realm = :realm AND client_id = :client_id;

-- name: revoke_client_grants
-- Ends everything granted to a client.
UPDATE identity_grant SET revoked_at = :now WHERE realm = :realm AND client_id = :client_id AND revoked_at IS NULL;

-- name: list_keys
-- Signing keys that are not past their retirement.
SELECT kid, algorithm, public_jwk, sealed, signs_from, retires_at FROM identity_signing_key
WHERE retires_at IS NULL OR retires_at > :now ORDER BY signs_from;

-- name: lock_keys
-- One process at a time makes keys.
SELECT pg_advisory_xact_lock(5263841);

-- name: add_key
-- A new signing key.
INSERT INTO identity_signing_key (kid, algorithm, public_jwk, sealed, signs_from)
VALUES (:kid, :algorithm, :public_jwk, :sealed, :signs_from);

-- name: retire_keys
-- Older keys of an algorithm stop being published at a date.
UPDATE identity_signing_key SET retires_at = :retires_at
WHERE algorithm = :algorithm AND kid <> :kid AND retires_at IS NULL;

-- name: open_sso
-- A person has logged in at the provider.
INSERT INTO identity_sso (id, realm, cookie_sha256, subject, means, started_at, seen_at)
VALUES (:id, :realm, :cookie_sha256, :subject, :means, :now, :now);

-- name: touch_sso
-- The living session behind a cookie, marked as seen.
UPDATE identity_sso SET seen_at = :now
WHERE realm = :realm AND cookie_sha256 = :cookie_sha256 AND ended_at IS NULL
  AND started_at > :oldest_start AND seen_at > :oldest_seen
RETURNING id, realm, subject, means, started_at, seen_at;

-- name: end_sso
-- Ends a session; returns whose it was, if it was alive.
UPDATE identity_sso SET ended_at = :now WHERE id = :id AND ended_at IS NULL RETURNING subject;

-- name: revoke_session_grants
-- Ends everything granted under a session; returns the clients that had something.
UPDATE identity_grant SET revoked_at = :now WHERE session = :session AND revoked_at IS NULL
RETURNING realm, client_id;

-- name: find_consent
-- What a person let a client read.
SELECT scope FROM identity_consent WHERE realm = :realm AND subject = :subject AND client_id = :client_id;

-- name: give_consent
-- Remembers what a person lets a client read.
INSERT INTO identity_consent (realm, subject, client_id, scope, given_at)
VALUES (:realm, :subject, :client_id, :scope, :now)
ON CONFLICT (realm, subject, client_id) DO UPDATE SET scope = excluded.scope, given_at = excluded.given_at;

-- name: add_grant
-- A login into a client, with a code (authorization code) or without (CIBA).
INSERT INTO identity_grant (id, realm, client_id, session, subject, scope, nonce, acr, means, authenticated_at,
    redirect_uri, code_challenge, code_sha256, code_expires_at, refresh_sha256, refresh_expires_at, created_at)
VALUES (:id, :realm, :client_id, :session, :subject, :scope, :nonce, :acr, :means, :authenticated_at,
    :redirect_uri, :code_challenge, :code_sha256, :code_expires_at, :refresh_sha256, :refresh_expires_at, :now);

-- name: take_code
-- Uses a code, once: of two uses at the same instant one gets the row.
UPDATE identity_grant g SET code_used_at = :now, refresh_sha256 = :refresh_sha256, refresh_expires_at = :refresh_expires_at
WHERE g.code_sha256 = :code_sha256 AND g.code_used_at IS NULL AND g.revoked_at IS NULL
RETURNING id, realm, client_id, session, subject, scope, nonce, acr, means, authenticated_at, redirect_uri,
    code_challenge, code_expires_at;

-- name: revoke_replayed_code
-- A code came a second time: everything it gave is revoked.
UPDATE identity_grant SET revoked_at = :now WHERE code_sha256 = :code_sha256 AND revoked_at IS NULL;

-- name: rotate_refresh
-- Replaces a refresh token, once, while the login session lives.
UPDATE identity_grant g SET refresh_sha256 = :new_sha256, refresh_expires_at = :refresh_expires_at
FROM identity_sso s
WHERE g.id = :id AND g.refresh_sha256 = :old_sha256 AND g.realm = :realm AND g.client_id = :client_id
  AND g.revoked_at IS NULL AND g.refresh_expires_at > :now AND s.id = g.session AND s.ended_at IS NULL
  AND s.started_at > :oldest_start
RETURNING g.id, g.realm, g.client_id, g.session, g.subject, g.scope, g.nonce, g.acr, g.means, g.authenticated_at;

-- name: revoke_reused_refresh
-- A refresh token of this client came that was already replaced: the whole chain is revoked.
UPDATE identity_grant SET revoked_at = :now
WHERE id = :id AND realm = :realm AND client_id = :client_id AND revoked_at IS NULL AND refresh_sha256 IS DISTINCT FROM :sha256;

-- name: find_refresh
-- The living grant of a refresh token.
SELECT g.id, g.realm, g.client_id, g.session, g.subject, g.scope, g.nonce, g.acr, g.means, g.authenticated_at,
    g.refresh_expires_at
FROM identity_grant g JOIN identity_sso s ON s.id = g.session
WHERE g.id = :id AND g.refresh_sha256 = :sha256 AND g.revoked_at IS NULL AND g.refresh_expires_at > :now
  AND s.ended_at IS NULL;

-- name: is_grant_alive
-- Whether the tokens of a grant are still good.
SELECT 1 FROM identity_grant g JOIN identity_sso s ON s.id = g.session
WHERE g.id = :id AND g.revoked_at IS NULL AND s.ended_at IS NULL;

-- name: find_means
-- How a session was opened.
SELECT means FROM identity_sso WHERE id = :session;

-- name: find_session_subject
-- Whose a session is.
SELECT subject FROM identity_sso WHERE id = :session;

-- name: revoke_grant
-- Ends a grant of a client.
UPDATE identity_grant SET revoked_at = :now
WHERE id = :id AND realm = :realm AND client_id = :client_id AND revoked_at IS NULL;

-- name: add_challenge
-- A request to be answered on the phone.
INSERT INTO identity_challenge (id, secret_sha256, realm, client_id, client_name, subject, scope, binding_message, number,
    status, is_ciba, interval_s, created_at, expires_at)
VALUES (:id, :secret_sha256, :realm, :client_id, :client_name, :subject, :scope, :binding_message, :number,
    'pending', :is_ciba, :interval_s, :now, :expires_at);

-- name: poll_challenge
-- The request of a client behind a secret, with the time of the previous poll.
UPDATE identity_challenge c SET polled_at = :now
FROM (
    SELECT id, polled_at AS previous FROM identity_challenge
    WHERE secret_sha256 = :secret_sha256 AND realm = :realm AND client_id = :client_id AND is_ciba = :is_ciba FOR UPDATE
) before
WHERE c.id = before.id
RETURNING c.id, c.realm, c.client_id, c.client_name, c.subject, c.scope, c.binding_message, c.number, c.status,
    c.is_ciba, c.interval_s, c.created_at, c.expires_at, before.previous;

-- name: slow_challenge
-- The client polls too fast: it must wait five seconds more (CIBA Core §11).
UPDATE identity_challenge SET interval_s = LEAST(interval_s + 5, 60) WHERE id = :id;

-- name: consume_challenge
-- Uses an approved request, once.
UPDATE identity_challenge SET status = 'consumed' WHERE id = :id AND status = 'approved' RETURNING id;

-- name: list_challenges
-- What waits on the phone of a person.
SELECT id, realm, client_id, client_name, subject, scope, binding_message, number, status, is_ciba, created_at, expires_at
FROM identity_challenge WHERE subject = :subject AND status = 'pending' AND expires_at > :now ORDER BY created_at;

-- name: count_challenges
-- How many requests wait for a person: bounded, against a flood of notifications.
SELECT count(*) FROM identity_challenge WHERE subject = :subject AND status = 'pending' AND expires_at > :now;

-- name: answer_challenge
-- The person approves or denies, once.
UPDATE identity_challenge SET status = :status
WHERE id = :id AND subject = :subject AND status = 'pending' AND expires_at > :now
RETURNING number, is_ciba;

-- name: see_assertion
-- Remembers an assertion; no row if it was seen before.
INSERT INTO identity_seen_assertion (client_id, jti, expires_at) VALUES (:client_id, :jti, :expires_at)
ON CONFLICT DO NOTHING;

-- name: sweep_grants
-- Forgets grants that can no longer give anything.
DELETE FROM identity_grant WHERE created_at < :before;

-- name: sweep_sso
-- Forgets sessions that are long over.
DELETE FROM identity_sso WHERE seen_at < :before;

-- name: sweep_challenges
-- Forgets old requests.
DELETE FROM identity_challenge WHERE expires_at < :before;

-- name: sweep_assertions
-- Forgets assertions that are refused by their date anyway.
DELETE FROM identity_seen_assertion WHERE expires_at < :before;

-- name: count_pin_failures
-- Wrong PINs of a card since the last right one.
SELECT failures, failed_at FROM identity_card_pin WHERE id_nat = :id_nat;

-- name: add_pin_failure
-- One more wrong PIN.
INSERT INTO identity_card_pin (id_nat, failures, failed_at) VALUES (:id_nat, 1, :now)
ON CONFLICT (id_nat) DO UPDATE SET failures = identity_card_pin.failures + 1, failed_at = :now;

-- name: clear_pin_failures
-- The right PIN, or the end of the blocking.
DELETE FROM identity_card_pin WHERE id_nat = :id_nat;

-- name: add_persona
-- A fictitious citizen.
INSERT INTO identity_persona (subject, ins, ins_oid, traits, email, search_key)
VALUES (:subject, :ins, :ins_oid, :traits, :email, :search_key)
ON CONFLICT (subject) DO UPDATE SET traits = excluded.traits, email = excluded.email, search_key = excluded.search_key;

-- name: find_persona
-- One fictitious citizen.
SELECT subject, ins, ins_oid, traits, email FROM identity_persona WHERE subject = :subject;

-- name: search_personas
-- Fictitious citizens whose name starts with a text.
SELECT subject, ins, ins_oid, traits, email FROM identity_persona
WHERE search_key LIKE :prefix ORDER BY search_key LIMIT :count;

-- name: open_session
-- A login into the base's own pages.
INSERT INTO identity_session (cookie_sha256, space, subject, record, acting, upstream_sid, id_token, csrf, started_at,
    seen_at)
VALUES (:cookie_sha256, :space, :subject, :record, :acting, :upstream_sid, :id_token, :csrf, :now, :now);

-- name: touch_session
-- The living login behind a cookie, marked as seen.
UPDATE identity_session SET seen_at = :now
WHERE cookie_sha256 = :cookie_sha256 AND started_at > :oldest_start AND seen_at > :oldest_seen
RETURNING space, subject, record, acting, kept, upstream_sid, id_token, csrf, started_at;

-- name: choose_acting
-- The same login, acting as something else.
UPDATE identity_session SET acting = :acting WHERE cookie_sha256 = :cookie_sha256;

-- name: keep_in_session
-- The same login, looking at something else.
UPDATE identity_session SET kept = :kept WHERE cookie_sha256 = :cookie_sha256;

-- name: close_session
-- Logs out of the base's own pages.
DELETE FROM identity_session WHERE cookie_sha256 = :cookie_sha256;

-- name: close_sessions_of_upstream
-- The provider says that a session is over.
DELETE FROM identity_session WHERE upstream_sid = :upstream_sid;

-- name: close_sessions_of_account
-- Logs the holder of a local account out everywhere.
DELETE FROM identity_session WHERE subject = :subject;

-- name: sweep_sessions
-- Forgets logins that are over.
DELETE FROM identity_session WHERE seen_at < :before;

-- name: add_account
-- A new account.
INSERT INTO identity_account (id, kind, login, name, password_hash, upstream_sub, ins, ins_oid, created_at)
VALUES (:id, :kind, :login, :name, :password_hash, :upstream_sub, :ins, :ins_oid, :now)
ON CONFLICT DO NOTHING;

-- name: find_account
-- An account by its identifier.
SELECT * FROM identity_account WHERE id = :id AND closed_at IS NULL;

-- name: find_account_by_login
-- An account by what its holder types.
SELECT * FROM identity_account WHERE kind = :kind AND login = :login AND closed_at IS NULL;

-- name: find_account_by_upstream
-- An account by the subject of the upstream provider.
SELECT * FROM identity_account WHERE upstream_sub = :upstream_sub AND closed_at IS NULL;

-- name: find_account_of_patient
-- The citizen's account of a patient.
SELECT * FROM identity_account
WHERE kind = 'citizen' AND ins = :ins AND ins_oid = :ins_oid AND closed_at IS NULL ORDER BY created_at LIMIT 1;

-- name: list_accounts
-- Accounts of a kind.
SELECT id, login, name, created_at FROM identity_account WHERE kind = :kind AND closed_at IS NULL ORDER BY login;

-- name: reset_account
-- A new identifier and password; the second factor is to be enrolled again. A closed account opens again.
UPDATE identity_account SET login = :login, password_hash = :password_hash, totp_sealed = NULL, totp_step = 0,
    failures = 0, locked_until = NULL, closed_at = NULL
WHERE id = :id;

-- name: close_account
-- The account is no longer used.
UPDATE identity_account SET closed_at = :now, login = '', upstream_sub = NULL WHERE id = :id AND closed_at IS NULL;

-- name: link_upstream
-- The account may also be opened by the upstream provider.
UPDATE identity_account SET upstream_sub = :upstream_sub WHERE id = :id;

-- name: set_password
-- A new password.
UPDATE identity_account SET password_hash = :password_hash, failures = 0, locked_until = NULL WHERE id = :id;

-- name: set_totp
-- The shared secret of the second factor, sealed; the code that confirmed it was used.
UPDATE identity_account SET totp_sealed = :totp_sealed, totp_step = :step WHERE id = :id;

-- name: use_totp_step
-- A one-time code serves once: later steps alone are accepted.
UPDATE identity_account SET totp_step = :step WHERE id = :id AND totp_step < :step;

-- name: add_account_failure
-- One more wrong answer; the fifth locks.
UPDATE identity_account SET failures = CASE WHEN failures >= 4 THEN 0 ELSE failures + 1 END,
    locked_until = CASE WHEN failures >= 4 THEN :locked_until ELSE locked_until END
WHERE id = :id;

-- name: clear_account_failures
-- A right answer.
UPDATE identity_account SET failures = 0, locked_until = NULL WHERE id = :id AND failures > 0;

-- name: add_passkey
-- A passkey of an account.
INSERT INTO identity_passkey (credential_id, account, public_key, sign_count, name, created_at)
VALUES (:credential_id, :account, :public_key, :sign_count, :name, :now);

-- name: find_passkey
-- A passkey by its credential identifier.
SELECT p.credential_id, p.account, p.public_key, p.sign_count FROM identity_passkey p
JOIN identity_account a ON a.id = p.account AND a.closed_at IS NULL AND a.kind = :kind
WHERE p.credential_id = :credential_id;

-- name: list_passkeys
-- Passkeys of an account.
SELECT credential_id, name, created_at FROM identity_passkey WHERE account = :account ORDER BY created_at;

-- name: use_passkey
-- Remembers the counter of a passkey.
UPDATE identity_passkey SET sign_count = :sign_count WHERE credential_id = :credential_id;

-- name: remove_passkey
-- Takes a passkey away.
DELETE FROM identity_passkey WHERE account = :account AND credential_id = :credential_id;

-- name: clear_passkeys
-- Every passkey of an account goes.
DELETE FROM identity_passkey WHERE account = :account;

-- name: clear_recovery_codes
-- New codes replace the old ones.
DELETE FROM identity_recovery_code WHERE account = :account;

-- name: add_recovery_code
-- A code for the day when the second factor is lost.
INSERT INTO identity_recovery_code (account, code_sha256) VALUES (:account, :code_sha256);

-- name: use_recovery_code
-- A recovery code serves once.
DELETE FROM identity_recovery_code WHERE account = :account AND code_sha256 = :code_sha256;

-- name: add_activation
-- The provisional code of a letter.
INSERT INTO identity_activation (code_sha256, ins, ins_oid, name, expires_at)
VALUES (:code_sha256, :ins, :ins_oid, :name, :expires_at);

-- name: try_activation
-- Whose space a provisional code opens. Each look is a try, and so is each wrong matricule: there are ten.
UPDATE identity_activation SET tries = tries + 1
WHERE code_sha256 = :code_sha256 AND used_at IS NULL AND expires_at > :now AND tries < 10
RETURNING ins, ins_oid, name;

-- name: use_activation
-- A provisional code serves once.
UPDATE identity_activation SET used_at = :now
WHERE code_sha256 = :code_sha256 AND used_at IS NULL AND expires_at > :now;

-- The provider grows with logins, not with patients. Codes, tokens and secrets are kept as SHA-256 only.
CREATE TABLE identity_client (
    realm                   text NOT NULL,
    client_id               text NOT NULL,
    name                    text NOT NULL,
    authentication          text NOT NULL,
    secret_sha256           bytea NOT NULL,
    tls_subject             text NOT NULL,
    jwks                    text NOT NULL,
    redirect_uris           text[] NOT NULL,
    logout_redirect_uris    text[] NOT NULL,
    backchannel_logout_uri  text NOT NULL,
    id_token_alg            text NOT NULL,
    requires_pkce           boolean NOT NULL,
    grants                  text[] NOT NULL,
    exchange_scopes         text[] NOT NULL,
    created_at              timestamptz NOT NULL,
    PRIMARY KEY (realm, client_id)
);

-- Private keys are sealed with a key that the master key wraps.
CREATE TABLE identity_signing_key (
    kid         text PRIMARY KEY,
    algorithm   text NOT NULL,
    public_jwk  text NOT NULL,
    sealed      bytea NOT NULL,
    signs_from  timestamptz NOT NULL,
    retires_at  timestamptz
);

CREATE TABLE identity_sso (
    id            uuid PRIMARY KEY,
    realm         text NOT NULL,
    cookie_sha256 bytea UNIQUE,
    subject       text NOT NULL,
    means         text NOT NULL,
    started_at    timestamptz NOT NULL,
    seen_at       timestamptz NOT NULL,
    ended_at      timestamptz
);
CREATE INDEX identity_sso_seen ON identity_sso (seen_at);

CREATE TABLE identity_consent (
    realm     text NOT NULL,
    subject   text NOT NULL,
    client_id text NOT NULL,
    scope     text NOT NULL,
    given_at  timestamptz NOT NULL,
    PRIMARY KEY (realm, subject, client_id)
);

-- One row is one login into one client: the code, then the chain of refresh tokens, all revoked together.
CREATE TABLE identity_grant (
    id                 uuid PRIMARY KEY,
    realm              text NOT NULL,
    client_id          text NOT NULL,
    session            uuid NOT NULL,
    subject            text NOT NULL,
    scope              text NOT NULL,
    nonce              text NOT NULL,
    acr                text NOT NULL,
    means              text NOT NULL,
    authenticated_at   timestamptz NOT NULL,
    redirect_uri       text NOT NULL,
    code_challenge     text NOT NULL,
    code_sha256        bytea UNIQUE,
    code_expires_at    timestamptz,
    code_used_at       timestamptz,
    refresh_sha256     bytea,
    refresh_expires_at timestamptz,
    revoked_at         timestamptz,
    created_at         timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX identity_grant_session ON identity_grant (session);
CREATE INDEX identity_grant_created ON identity_grant (created_at);

-- What the e-CPS phone shows: CIBA requests, and logins under way in a browser.
CREATE TABLE identity_challenge (
    id              uuid PRIMARY KEY,
    secret_sha256   bytea NOT NULL UNIQUE,
    realm           text NOT NULL,
    client_id       text NOT NULL,
    client_name     text NOT NULL,
    subject         text NOT NULL,
    scope           text NOT NULL,
    binding_message text NOT NULL,
    number          text NOT NULL,
    status          text NOT NULL,
    is_ciba         boolean NOT NULL,
    interval_s      smallint NOT NULL,
    polled_at       timestamptz,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL
);
CREATE INDEX identity_challenge_subject ON identity_challenge (subject, expires_at);

-- Assertions of private_key_jwt already seen (RFC 7523 §3, jti).
CREATE TABLE identity_seen_assertion (
    client_id  text NOT NULL,
    jti        text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (client_id, jti)
);

-- Simulated cards: wrong PINs since the last right one.
CREATE TABLE identity_card_pin (
    id_nat     text PRIMARY KEY,
    failures   smallint NOT NULL,
    failed_at  timestamptz NOT NULL
);

-- Fictitious citizens of the sandbox's FranceConnect. The traits are those of no real person.
CREATE TABLE identity_persona (
    subject     uuid PRIMARY KEY,
    ins         text NOT NULL,
    ins_oid     text NOT NULL,
    traits      text NOT NULL,
    email       text NOT NULL,
    search_key  text NOT NULL
);

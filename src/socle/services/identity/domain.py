"""Clients, grants, challenges, sessions: the values of the identity service."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg import Record

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.standards.ids.ins import Ins

#: Assurance level that Pro Santé Connect grants.
ACR_PSC: Final = "eidas1"
#: Constant part of ``sub``: the identifier of the national RPPS provider.
#: Source: identity fact sheet §5.5.
SUBJECT_PREFIX: Final = "f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd:"

GRANT_CODE: Final = "authorization_code"
GRANT_REFRESH: Final = "refresh_token"
GRANT_CIBA: Final = "urn:openid:params:grant-type:ciba"
GRANT_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE_ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"
TYPE_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"


#: The base's own pages, at its own provider.
OWN_CLIENT_ID: Final = "socle-portail"


class Realm(msgspec.Struct, frozen=True, kw_only=True):
    """One OpenID provider: where it is and how long things last. Two share the same engine."""

    name: str
    #: Path of the issuer under the base's public address.
    path: str
    acr_values: tuple[str, ...]
    scopes: tuple[str, ...]
    access_seconds: int
    refresh_seconds: int
    code_seconds: int = 60
    session_max: timedelta = timedelta(hours=4)
    session_idle: timedelta = timedelta(minutes=30)


#: Lifetimes: IG sécurisation transport API REST (fact sheet §5.4).
PSC: Final = Realm(
    name="psc",
    path="/auth/realms/esante-wallet",
    acr_values=(ACR_PSC,),
    scopes=("openid", "scope_all", "ciba", "profile", "email", "offline_access"),
    access_seconds=120,
    refresh_seconds=1800,
)

FRANCECONNECT: Final = Realm(
    name="franceconnect",
    path="/franceconnect/api/v2",
    acr_values=("eidas1", "eidas2", "eidas3"),
    scopes=(
        "openid",
        "given_name",
        "family_name",
        "birthdate",
        "gender",
        "birthplace",
        "birthcountry",
        "email",
        "preferred_username",
        "identite_pivot",
        "birth",
        "profile",
    ),
    access_seconds=60,
    refresh_seconds=0,
    session_max=timedelta(minutes=30),
)

REALMS: Final = {realm.name: realm for realm in (PSC, FRANCECONNECT)}


class ClientAuthentication(StrEnum):
    """How a client proves itself at the token endpoint."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY = "private_key_jwt"
    TLS = "tls_client_auth"


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A registered software: what it may ask and how it proves itself."""

    realm: str = PSC.name
    client_id: str
    name: str
    authentication: ClientAuthentication = ClientAuthentication.BASIC
    secret_sha256: bytes = b""
    #: RFC 4514 subject of the certificate, for ``tls_client_auth`` and for token exchange.
    tls_subject: str = ""
    #: Public keys (JWK Set), for ``private_key_jwt``.
    jwks: dict[str, Any] = {}
    redirect_uris: tuple[str, ...] = ()
    logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str = ""
    id_token_alg: str = "RS256"
    #: Public connectors exist that send no PKCE; a client must ask to be excused.
    requires_pkce: bool = True
    grants: tuple[str, ...] = (GRANT_CODE, GRANT_REFRESH)
    #: Scopes of APIs that the client may obtain by token exchange.
    exchange_scopes: tuple[str, ...] = ()

    def accepts_secret(self, secret: str) -> bool:
        """Whether ``secret`` is the registered one, in constant time."""
        return bool(self.secret_sha256) and secrets.compare_digest(sha256(secret), self.secret_sha256)


class AuthorizationRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A valid authorization request of a known client."""

    client: Client
    redirect_uri: str
    scope: str
    state: str
    nonce: str
    acr: str
    code_challenge: str
    prompt: str
    login_hint: str = ""
    max_age: int | None = None


class Means(StrEnum):
    """How a person proved who they are, with the ``authMode`` of the userinfo."""

    CARD = "CARD"
    #: Not seen in national samples: decided in decision record 0080.
    ECPS = "ECPS"
    SANDBOX = "SANDBOX"


class SsoSession(msgspec.Struct, frozen=True, kw_only=True):
    """A person logged in at the provider, in one browser (or by CIBA, without one)."""

    id: UUID
    realm: str
    subject: str
    means: Means
    started_at: datetime
    seen_at: datetime


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a person granted to a client: the row from which every token of one login descends."""

    id: UUID
    realm: str
    client_id: str
    session: UUID
    subject: str
    scope: str
    nonce: str
    acr: str
    means: Means
    authenticated_at: datetime
    redirect_uri: str = ""
    code_challenge: str = ""
    code_expires_at: datetime | None = None


class ChallengeStatus(StrEnum):
    """Life of a request shown on the phone."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CONSUMED = "consumed"


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """A request that the person answers on the e-CPS phone: a CIBA request, or a login in a browser."""

    id: UUID
    realm: str
    client_id: str
    client_name: str
    subject: str
    scope: str
    binding_message: str
    #: Two digits shown on the other device; the phone shows them among two others.
    number: str
    status: ChallengeStatus
    is_ciba: bool
    created_at: datetime
    expires_at: datetime

    @property
    def choices(self) -> tuple[str, ...]:
        """The three numbers of the phone, in an order that tells nothing."""
        seed = hashlib.sha256(self.id.bytes).digest()
        wrong = [f"{10 + byte % 90:02d}" for byte in seed]
        others = [number for number in dict.fromkeys(wrong) if number != self.number][:2]
        return tuple(sorted((self.number, *others)))


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The JSON of RFC 6749 §5.1 with Keycloak's additions."""

    access_token: str
    #: Without a default, which would be left out of the JSON.
    token_type: str
    expires_in: int
    refresh_expires_in: int = 0
    refresh_token: str = ""
    id_token: str = ""
    session_state: str = ""
    scope: str = ""
    issued_token_type: str = ""


class AccountKind(StrEnum):
    """Whose account."""

    CITIZEN = "citizen"
    OPERATOR = "operator"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A local account. ``ins`` is the citizen's own record, if one was found."""

    id: UUID
    kind: AccountKind
    login: str
    name: str
    ins: Ins | None
    has_totp: bool
    has_password: bool
    #: Changes with the password and the second factor: what was half proven by the former ones is worth nothing.
    proof: str

    def actor(self, origin: str = "") -> Actor:
        """The holder as whoever asks: on their own record, for a citizen."""
        is_operator = self.kind is AccountKind.OPERATOR
        return Actor(
            kind=ActorKind.OPERATOR if is_operator else ActorKind.PATIENT,
            id=self.login if is_operator else str(self.id),
            name=self.name,
            authentication=AuthenticationMode.OPERATOR if is_operator else AuthenticationMode.CITIZEN,
            software="Socle",
            patient=self.ins,
            origin=origin,
        )


def account_of(row: Record) -> Account:
    """The account in a row of ``identity_account``."""
    return Account(
        id=row["id"],
        kind=AccountKind(row["kind"]),
        login=row["login"],
        name=row["name"],
        ins=Ins(row["ins"], row["ins_oid"]) if row["ins"] else None,
        has_totp=row["totp_sealed"] is not None,
        has_password=bool(row["password_hash"]),
        proof=sha256(row["password_hash"] + (row["totp_sealed"] or b"").hex()).hex(),
    )


#: No 0/O, 1/I/L: codes are read aloud and copied from paper.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def new_code(length: int) -> str:
    """A code for people to copy."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def normalise_code(code: str) -> str:
    """How a code is compared: as it is written, whatever stands between its characters."""
    return "".join(character for character in code.upper() if character.isalnum())[:64]


def sha256(text: str) -> bytes:
    """The form in which codes, tokens and generated secrets are kept: they are random, so no salt is needed."""
    return hashlib.sha256(text.encode()).digest()


def new_secret() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)

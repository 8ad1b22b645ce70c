"""Token exchange: a Pro Santé Connect token against one for a protected API, bound to the client's certificate.

Source: identity fact sheet §5.9 (IG sécurisation transport API REST); RFC 8693; RFC 8705.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from cryptography import x509
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from socle.services.identity.domain import GRANT_EXCHANGE, TYPE_ACCESS_TOKEN, TYPE_JWT, Client, TokenResponse
from socle.services.identity.errors import OAuthError, invalid_grant, invalid_request
from socle.services.identity.provider import Provider
from socle.services.identity.tokens import FOREIGN_GRANT
from socle.standards.errors import Text

#: Lifetime of an exchanged token, in seconds (the guide advises 1 to 4 hours).
LIFE_S: Final = 3600
_REQUIREMENT: Final = "IG sécurisation transport API REST; RFC 8693 §2.1"
_ACTOR_CLAIMS: Final = ("lps_nom", "lps_id", "lps_version", "situation_exercice")


def thumbprint(certificate: bytes) -> str:
    """``x5t#S256`` of a DER certificate: Base64url of its SHA-256, without padding.

    >>> thumbprint(b"")
    '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'
    """
    return base64.urlsafe_b64encode(hashlib.sha256(certificate).digest()).rstrip(b"=").decode()


def is_bound_to(claims: Mapping[str, Any], certificate: bytes | None) -> bool:
    """Whether who shows ``certificate`` may use a token: an unbound one, or one bound to that certificate."""
    bound = claims.get("cnf")
    if bound is None:
        return True
    expected = bound.get("x5t#S256", "") if isinstance(bound, dict) else ""
    return certificate is not None and secrets.compare_digest(str(expected).encode(), thumbprint(certificate).encode())


async def exchange(
    provider: Provider,
    client: Client,
    form: Mapping[str, str],
    certificate: bytes | None,
    read_subject_token: Callable[[str], Awaitable[dict[str, Any]]],
) -> TokenResponse:
    """A token for the APIs of this base that ``scope`` names, bound to ``certificate``. Raises ``OAuthError``.

    ``read_subject_token`` verifies a Pro Santé Connect access token, of this provider or of the national one.
    """
    if GRANT_EXCHANGE not in client.grants:
        raise OAuthError(
            "unauthorized_client",
            Text("L'échange de jeton n'est pas activé pour ce client.", "Token exchange is not activated."),
            requirement=_REQUIREMENT,
        )
    if certificate is None:
        raise invalid_request(
            "L'échange se fait en TLS avec le certificat du client.",
            "Exchange needs TLS with the client's certificate.",
            requirement="RFC 8705 §3",
        )
    provider.clients.check_certificate(client, certificate)
    _check_confirmation(form.get("cnf", ""), certificate)
    if form.get("subject_token_type") not in {TYPE_ACCESS_TOKEN, TYPE_JWT}:
        raise invalid_request(
            "subject_token_type désigne un jeton d'accès.", "subject_token_type names an access token."
        )
    scopes = form.get("scope", "").split()
    if not scopes or not set(scopes) <= set(client.exchange_scopes):
        raise OAuthError(
            "invalid_scope",
            Text("Une portée n'est pas accordée à ce client.", "A scope is not granted to this client."),
            requirement=_REQUIREMENT,
        )
    audience = api_audience(provider)
    if form.get("audience") not in {None, "", audience}:
        raise OAuthError(
            "invalid_target",
            Text("Ce serveur ne donne de jetons que pour ses API.", "This server gives tokens for its own APIs alone."),
            requirement="RFC 8693 §2.2.2",
        )
    subject = await read_subject_token(form.get("subject_token", ""))
    if subject.get("azp") != client.client_id or "cnf" in subject:
        raise invalid_grant(
            "Le jeton échangé a été remis à un autre client.",
            "The exchanged token was given to another client.",
            requirement=_REQUIREMENT,
        )
    now = int(provider.live.now().timestamp())
    is_own = subject.get("iss") == provider.issuer
    grant = str(subject["jti"]).partition(".")[0] if is_own else FOREIGN_GRANT
    claims = {
        "iss": provider.issuer,
        "sub": subject["sub"],
        "aud": audience,
        "azp": client.client_id,
        "typ": "Bearer",
        "iat": now,
        "exp": now + LIFE_S,
        "jti": f"{grant}.{secrets.token_hex(8)}",
        "auth_time": subject.get("auth_time"),
        "acr": subject.get("acr"),
        "scope": " ".join(scopes),
        "preferred_username": subject.get("preferred_username"),
        "cnf": {"x5t#S256": thumbprint(certificate)},
        **_read_actor(client, form, certificate),
    }
    token = await provider.keys.sign("RS256", claims)
    return TokenResponse(
        access_token=token,
        token_type="Bearer",
        expires_in=LIFE_S,
        scope=" ".join(scopes),
        issued_token_type=TYPE_ACCESS_TOKEN,
    )


def api_audience(provider: Provider) -> str:
    """The ``aud`` of tokens exchanged for the base's own APIs."""
    return provider.issuer.removesuffix(provider.realm.path)


def _check_confirmation(cnf: str, certificate: bytes) -> None:
    try:
        given = msgspec.json.decode(cnf, type=dict[str, str]).get("x5t#S256", "")
    except msgspec.DecodeError as error:
        raise invalid_request("cnf est un objet JSON.", "cnf is a JSON object.", requirement=_REQUIREMENT) from error
    if not secrets.compare_digest(given.encode(), thumbprint(certificate).encode()):
        raise invalid_request(
            "cnf n'est pas l'empreinte du certificat présenté.",
            "cnf is not the thumbprint of the certificate shown.",
            requirement=_REQUIREMENT,
        )


def _read_actor(client: Client, form: Mapping[str, str], certificate: bytes) -> dict[str, Any]:
    """What the software says of itself: a JWT signed by its registered key, or by that of its certificate."""
    token = form.get("actor_token", "")
    if not token:
        return {}
    try:
        keys = KeySet.import_key_set(client.jwks) if client.jwks else _key_of(certificate)  # type: ignore[arg-type]
        claims = jwt.decode(token, keys, algorithms=["RS256", "PS256", "ES256"]).claims
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise invalid_request(
            "actor_token n'est pas signé par ce client.", "actor_token is not signed by this client."
        ) from error
    return {"act": {name: str(claims[name])[:200] for name in _ACTOR_CLAIMS if name in claims}}


def _key_of(certificate: bytes) -> RSAKey | ECKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    public = x509.load_der_x509_certificate(certificate).public_key()
    is_curve = isinstance(public, EllipticCurvePublicKey)
    return ECKey.import_key(public) if is_curve else RSAKey.import_key(public)  # type: ignore[arg-type]

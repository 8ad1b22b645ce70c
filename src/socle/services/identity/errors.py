"""Refusals of the identity service.

::

    SocleError
    ├── OAuthError             answered as the JSON of RFC 6749 §5.2; ``code`` is the OAuth error code (HTTP 400)
    │   ├── InvalidClient      the client is not authenticated (HTTP 401)
    │   ├── InvalidToken       a bearer token is refused (HTTP 401, RFC 6750); also a NotAuthenticated
    │   └── AuthorizationError sent back to the client by redirect (RFC 6749 §4.1.2.1)
    ├── BadAuthorizationRequest told to the person: nobody is redirected (HTTP 400)
    └── LoginRefused           told to the person on the login page (HTTP 401)
"""

from __future__ import annotations

from socle.standards.errors import MalformedInput, NotAuthenticated, SocleError, Text


class OAuthError(SocleError):
    """The request breaks a rule of the protocol."""

    http_status = 400


class InvalidClient(OAuthError):
    """The client is not authenticated."""

    http_status = 401


class InvalidToken(OAuthError, NotAuthenticated):
    """The bearer token is refused."""

    http_status = 401


class AuthorizationError(OAuthError):
    """The authorization request is refused, and the client is told by redirect."""


class LoginRefused(NotAuthenticated):
    """The person has not proven who they are."""


class BadAuthorizationRequest(MalformedInput):
    """The request names no client, or an address that is not registered: the person is told, nobody is redirected."""


def invalid_request(fr: str, en: str, *, requirement: str = "RFC 6749 §5.2") -> OAuthError:
    """A parameter is missing, repeated or malformed."""
    return OAuthError("invalid_request", Text(fr, en), requirement=requirement)


def invalid_grant(fr: str, en: str, *, requirement: str = "RFC 6749 §5.2") -> OAuthError:
    """The code, refresh token or subject token is not valid for this client."""
    return OAuthError("invalid_grant", Text(fr, en), requirement=requirement)


def invalid_client() -> InvalidClient:
    """One sentence for every way of failing, so that nobody learns which clients exist."""
    return InvalidClient(
        "invalid_client",
        Text("Le client n'est pas authentifié.", "The client is not authenticated."),
        remedy=Text(
            "Vérifiez l'identifiant du client, son secret ou son certificat, et la méthode enregistrée.",
            "Check the client id, its secret or certificate, and the registered authentication method.",
        ),
        requirement="RFC 6749 §5.2",
    )


def invalid_token(fr: str, en: str, *, requirement: str = "RFC 6750 §3.1") -> InvalidToken:
    """The token is malformed, forged, expired, revoked, or meant for somebody else."""
    return InvalidToken("invalid_token", Text(fr, en), requirement=requirement)

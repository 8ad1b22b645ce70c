"""Decisions of the provider, pure: is this request acceptable, does this proof fit?"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode, urlsplit

from socle.services.identity.domain import AuthorizationRequest, Client, Realm
from socle.services.identity.errors import AuthorizationError, BadAuthorizationRequest, invalid_request
from socle.standards.errors import Text

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_CHALLENGE = re.compile(r"[A-Za-z0-9\-_]{43}")
_MAX_PARAMETER = 2048
#: PS_IdNat as the provider meets it. Source: identity fact sheet §5.5.
ID_NAT = re.compile(r"8\d{11}|0[0-9A-Z]{9}|[13456][0-9A-Z]+/[0-9A-Za-z]+|ANS\d+")


def single_values(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Parameters by name. Raises ``OAuthError`` on one given twice or longer than 2,048 characters (tokens: 8,192).

    Source: RFC 6749 §3.1: parameters must not be included more than once.
    """
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise invalid_request(f"Le paramètre {name[:40]} est répété.", f"Parameter {name[:40]} is repeated.")
        if len(value) > (8192 if "token" in name or "assertion" in name else _MAX_PARAMETER):
            raise invalid_request(f"Le paramètre {name[:40]} est trop long.", f"Parameter {name[:40]} is too long.")
        values[name] = value
    return values


def is_registrable_redirect(uri: str) -> bool:
    """Whether ``uri`` may be registered: absolute, ``https`` (or ``http`` to the loopback), no fragment, no user.

    >>> [is_registrable_redirect(u) for u in ("https://lgc.example/cb", "http://127.0.0.1:50/cb", "http://a.example/")]
    [True, True, False]
    """
    parts = urlsplit(uri)
    if parts.fragment or "#" in uri or parts.username is not None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"})


def find_redirect(client: Client, parameters: Mapping[str, str]) -> str:
    """The address to which answers go: exactly one of the registered ones, character for character.

    Raises ``BadAuthorizationRequest``: an answer must never go anywhere else. Source: RFC 9700 §2.1.
    """
    uri = parameters.get("redirect_uri", "")
    if uri not in client.redirect_uris:
        raise BadAuthorizationRequest(
            "RedirectNotRegistered",
            Text(
                "L'adresse de retour n'est pas enregistrée pour ce service.",
                "The return address is not registered for this service.",
            ),
            location="redirect_uri",
            remedy=Text(
                "Envoyez exactement une des adresses enregistrées (socle psc client list).",
                "Send exactly one of the registered addresses (socle psc client list).",
            ),
            requirement="OIDC Core §3.1.2.1; RFC 9700 §2.1",
        )
    return uri


def read_authorization(
    realm: Realm, client: Client, redirect_uri: str, parameters: Mapping[str, str]
) -> AuthorizationRequest:
    """The authorization request in ``parameters``. Raises ``AuthorizationError`` with the OAuth error code.

    ``state`` and ``nonce`` are required; PKCE is required with ``S256``; ``acr_values`` must hold a level that the
    realm grants. Source: identity fact sheet §5.3; RFC 7636; RFC 9700 §2.1.1.
    """
    response_type = parameters.get("response_type", "")
    if response_type != "code":
        raise _refuse("unsupported_response_type", "response_type vaut code.", "response_type is code.")
    if parameters.get("response_mode", "query") != "query":
        raise _refuse("invalid_request", "response_mode vaut query.", "response_mode is query.")
    if "request" in parameters or "request_uri" in parameters:
        raise _refuse("request_not_supported", "Pas d'objet request.", "No request object.")
    scopes = parameters.get("scope", "").split()
    if "openid" not in scopes:
        raise _refuse("invalid_scope", "scope contient openid.", "scope contains openid.")
    unknown = [scope for scope in scopes if scope not in realm.scopes]
    if unknown:
        raise _refuse("invalid_scope", "scope contient une portée inconnue.", "scope contains an unknown scope.")
    for name in ("state", "nonce"):
        if not parameters.get(name):
            raise _refuse("invalid_request", f"{name} est obligatoire.", f"{name} is required.")
    wanted = parameters.get("acr_values", realm.acr_values[0]).split()
    acr = next((value for value in wanted if value in realm.acr_values), "")
    if not acr:
        raise _refuse("invalid_request", "acr_values vaut eidas1.", "acr_values is eidas1.")
    return AuthorizationRequest(
        client=client,
        redirect_uri=redirect_uri,
        scope=" ".join(dict.fromkeys(scopes)),
        state=parameters["state"],
        nonce=parameters["nonce"],
        acr=acr,
        code_challenge=_read_challenge(parameters, is_required=client.requires_pkce),
        prompt=parameters.get("prompt", ""),
        login_hint=parameters.get("login_hint", ""),
        max_age=_read_max_age(parameters.get("max_age", "")),
    )


def _read_challenge(parameters: Mapping[str, str], *, is_required: bool) -> str:
    challenge = parameters.get("code_challenge", "")
    if not challenge and not is_required:
        return ""
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise _refuse(
            "invalid_request",
            "PKCE est obligatoire : code_challenge (43 caractères) et code_challenge_method=S256.",
            "PKCE is required: code_challenge (43 characters) and code_challenge_method=S256.",
        )
    return challenge


def _read_max_age(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise _refuse("invalid_request", "max_age est un nombre de secondes.", "max_age is a number of seconds.")
    return int(text)


def _refuse(code: str, fr: str, en: str) -> AuthorizationError:
    return AuthorizationError(code, Text(fr, en), requirement="OIDC Core §3.1.2; RFC 7636")


def verifier_fits(challenge: str, verifier: str) -> bool:
    """Whether ``challenge`` is the S256 of ``verifier`` (no challenge: no verifier must come).

    Source: RFC 7636 §4.6; RFC 9700 §2.1.1 (a verifier without challenge is a downgrade).
    """
    if not challenge:
        return not verifier
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return secrets.compare_digest(digest, challenge.encode())


def add_to_query(uri: str, **parameters: str) -> str:
    """``uri`` with non-empty ``parameters`` added to its query.

    >>> add_to_query("https://a.example/cb?x=1", code="é", state="")
    'https://a.example/cb?x=1&code=%C3%A9'
    """
    added = urlencode({name: value for name, value in parameters.items() if value})
    if not added:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}{added}"


def is_local_path(path: str) -> bool:
    """Whether ``path`` may be returned to after login: a path of this site, nothing that a browser reads as a host.

    >>> [is_local_path(p) for p in ("/patient?x=1", "//evil.example", "https://evil.example", "/a b")]
    [True, False, False, False]
    """
    return (
        path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
        and all(" " < character != "\x7f" for character in path)
        and len(path) <= _MAX_PARAMETER
    )

"""Identity: the one door by which the rest of the base learns who asks."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request

from socle.platform.actor import Actor
from socle.platform.base import Base
from socle.platform.switches import Switches, no_switches
from socle.platform.trust import TrustStore
from socle.platform.web import certificate_of
from socle.services.directory.domain import Professional
from socle.services.directory.service import DirectoryService
from socle.services.identity.accounts import Accounts
from socle.services.identity.cards import CardReader
from socle.services.identity.challenges import Challenges
from socle.services.identity.claims import read_userinfo, userinfo
from socle.services.identity.domain import FRANCECONNECT, PSC, Client, Means, TokenResponse
from socle.services.identity.errors import InvalidToken, invalid_token
from socle.services.identity.exchange import is_bound_to
from socle.services.identity.grants import ACCOUNT_AUDIENCE
from socle.services.identity.keys import KeyRing
from socle.services.identity.personas import Personas, pivot_claims
from socle.services.identity.provider import Provider
from socle.services.identity.relying_party import Upstream, national_psc
from socle.services.identity.scopes import scope_for
from socle.services.identity.sessions import Sessions
from socle.services.identity.situation import Context, actor_of, read_context
from socle.standards.errors import Forbidden, InvalidContent, NotAuthenticated, NotFound, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import FRANCE, Traits

#: A verified token is believed this long without asking the database again: so a revocation takes a second.
_BELIEVED_S = 1.0
#: The same for a token of the national provider, that introspection by network answers for.
_NATIONAL_S = 30.0
_BELIEVED = 10_000

#: Finds the INS of the one person who bears the traits.
FindPatient = Callable[[Traits], Awaitable[Ins | None]]


async def find_nobody(_traits: Traits) -> Ins | None:
    """Knows nobody: citizens log in and have no record."""
    return None


#: The client that sandbox tokens are given to.
SANDBOX_CLIENT = Client(client_id="socle-sandbox", name="Bac à sable Socle")


class IdentityService:
    """Professionals, citizens and operators: who they are, for one request."""

    def __init__(
        self,
        base: Base,
        directory: DirectoryService,
        *,
        trust: TrustStore | None = None,
        switches: Switches = no_switches,
        find_patient: FindPatient = find_nobody,
    ) -> None:
        self.base = base
        self.directory = directory
        self.switches = switches
        self.trust = trust
        self.keys = KeyRing(base)
        self.psc = Provider(base, PSC, self.keys, trust, switches)
        self.franceconnect = Provider(base, FRANCECONNECT, self.keys, trust, switches)
        self.challenges = Challenges(base, self.psc)
        self.cards = CardReader(base, directory, trust, switches)
        self.personas = Personas(base)
        self.accounts = Accounts(base)
        self.sessions = Sessions(base)
        self._find_patient = find_patient
        #: The national provider, where one is configured; ``None``: the base's own.
        self.national: Upstream | None = national_psc(base)
        self._believed: OrderedDict[bytes, tuple[float, dict[str, Any]]] = OrderedDict()

    def provider(self, realm: str) -> Provider:
        """The provider of ``realm``. Raises ``NotFound``."""
        found = {PSC.name: self.psc, FRANCECONNECT.name: self.franceconnect}.get(realm)
        if found is None:
            raise NotFound("UnknownRealm", Text("realm vaut psc ou franceconnect.", "realm is psc or franceconnect."))
        return found

    async def verify_access_token(
        self, token: str, *, work_situation: str | None = None, certificate: bytes | None = None
    ) -> Actor:
        """The professional behind a Pro Santé Connect access token.

        ``work_situation`` chooses the exercise (see ``situation.Context``); ``certificate`` is the TLS client's (DER),
        required by a bound token. Raises ``NotAuthenticated`` or ``Forbidden``: the latter for a token obtained by
        exchange, which opens the doors of ``scopes.DOORS`` alone.
        """
        return await self._verify(token, Context(work_situation=work_situation or ""), certificate, scope=None)

    async def authenticate(self, request: Request) -> Actor:
        """The professional behind the bearer token of ``request``, in the context that its headers give.

        A token obtained by exchange must have the scope of this door. Raises ``NotAuthenticated`` or ``Forbidden``.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated(
                "TokenRequired",
                Text("Un jeton d'accès Pro Santé Connect est requis.", "A Pro Santé Connect access token is required."),
                remedy=Text("Envoyez Authorization: Bearer <jeton>.", "Send Authorization: Bearer <token>."),
                requirement="RFC 6750 §2.1",
            )
        scope = scope_for(request.method, request.url.path)
        origin = request.client.host if request.client is not None else ""
        return await self._verify(token, read_context(request.headers), certificate_of(request), scope, origin)

    async def _verify(
        self, token: str, context: Context, certificate: bytes | None, scope: str | None, origin: str = ""
    ) -> Actor:
        claims = await self._believe(token)
        audience = claims.get("aud")
        named = {audience} if isinstance(audience, str) else set(audience or ())
        if not named & {ACCOUNT_AUDIENCE, self.base.settings.base_url}:
            raise invalid_token("Le jeton est destiné à un autre service.", "The token is meant for another service.")
        if not is_bound_to(claims, certificate):
            raise invalid_token(
                "Le jeton est lié à un autre certificat client.",
                "The token is bound to another client certificate.",
                requirement="RFC 8705 §3",
            )
        granted = str(claims.get("scope", "")).split()
        if self.base.settings.base_url in named:
            if scope not in granted:
                raise _insufficient(scope)
        elif "scope_all" not in granted:
            raise invalid_token("Le jeton n'a pas la portée scope_all.", "The token lacks scope_all.")
        professional = await self._professional_of(token, claims)
        act = claims.get("act") or {}
        software = str(act.get("lps_nom") or claims.get("azp", ""))
        return actor_of(professional, context, software=software, origin=origin)

    async def _believe(self, token: str) -> dict[str, Any]:
        key, now = hashlib.sha256(token.encode()).digest(), time.monotonic()
        believed = self._believed.get(key)
        if believed is not None and now - believed[0] < (_BELIEVED_S if self.national is None else _NATIONAL_S):
            if believed[1]["exp"] > self.base.clock().timestamp():
                return believed[1]
            del self._believed[key]
        claims = await self.read_psc_token(token)
        self._believed[key] = (now, claims)
        if len(self._believed) > _BELIEVED:
            self._believed.popitem(last=False)
        return claims

    async def _professional_of(self, token: str, claims: Mapping[str, Any]) -> Professional:
        id_nat = str(claims.get("preferred_username", ""))
        if self.national is not None and claims.get("iss") == self.national.issuer:
            known = await self.directory.professional(id_nat)
            return known or read_userinfo(await self.national.userinfo(token))
        return await self.find_professional(id_nat)

    async def find_professional(self, id_nat: str) -> Professional:
        """The professional of the directory. Raises ``InvalidToken`` when there is none."""
        found = await self.directory.professional(id_nat)
        if found is None or not found.is_active:
            raise invalid_token("Ce professionnel n'est pas dans l'annuaire.", "Not a professional of the directory.")
        return found

    async def read_psc_token(self, token: str) -> dict[str, Any]:
        """The claims of a Pro Santé Connect access token, of the base or of the nation. Raises ``InvalidToken``."""
        if self.national is None or await self._is_own(token):
            return await self.psc.tokens.read(token)
        claims = await self.national.introspect(token)
        if claims.get("active") is not True or claims.get("iss") != self.national.issuer:
            raise invalid_token("Pro Santé Connect ne reconnaît pas ce jeton.", "Pro Santé Connect denies this token.")
        return claims | {"aud": ACCOUNT_AUDIENCE, "preferred_username": claims.get("SubjectNameID", "")}

    async def _is_own(self, token: str) -> bool:
        try:
            return (await self.keys.verify(token)).get("iss") == self.psc.issuer
        except InvalidToken:
            return False

    async def find_ins(self, pivot: Mapping[str, Any]) -> Ins | None:
        """The INS of who bears these FranceConnect claims, if exactly one person does."""
        place, country = str(pivot.get("birthplace") or ""), str(pivot.get("birthcountry") or "")
        try:
            traits = Traits.of(
                str(pivot.get("family_name", "")),
                str(pivot.get("given_name", "")),
                "M" if pivot.get("gender") == "male" else "F",
                str(pivot.get("birthdate", "")),
                place or (country if country != FRANCE else ""),
            )
        except InvalidContent:
            return None
        return await self._find_patient(traits)

    async def name_of(self, provider: Provider, subject: str) -> str:
        """How the person behind ``subject`` is called on a page."""
        if provider is self.psc:
            professional = await self.directory.professional(subject)
            return professional.name if professional is not None else subject
        persona = await self.personas.find(subject)
        return persona.name if persona is not None else subject

    async def citizen_userinfo(self, token: str) -> str:
        """The userinfo of a FranceConnect access token, as a signed JWT. Raises ``InvalidToken``."""
        claims = await self.franceconnect.tokens.read(token)
        subject = await self.franceconnect.tokens.subject_of(claims)
        persona = await self.personas.find(subject)
        if persona is None:
            raise invalid_token("Cette personne n'est plus connue.", "This person is no longer known.")
        client = await self.franceconnect.clients.find(str(claims["azp"]))
        scopes = set(str(claims.get("scope", "")).split())
        told = pivot_claims(persona, scopes) | {
            "sub": claims["sub"],
            "iss": claims["iss"],
            "aud": claims["azp"],
            "iat": int(self.base.clock().timestamp()),
        }
        return await self.keys.sign(client.id_token_alg if client is not None else "RS256", told)

    async def psc_userinfo(self, token: str) -> dict[str, Any]:
        """The userinfo of a Pro Santé Connect access token. Raises ``InvalidToken``."""
        claims = await self.psc.tokens.read(token)
        if claims.get("aud") != ACCOUNT_AUDIENCE or "openid" not in str(claims.get("scope", "")).split():
            raise invalid_token("Ce jeton ne donne pas accès au userinfo.", "This token gives no userinfo.")
        professional = await self.find_professional(str(claims["preferred_username"]))
        return userinfo(professional, await self.psc.tokens.means_of(claims))

    async def sandbox_token(self, identifier: str) -> TokenResponse:
        """Tokens for a professional (RPPS or PS_IdNat), without login: sandbox alone. Raises ``NotFound``."""
        if not self.base.settings.is_sandbox:
            raise NotFound("NoSandbox", Text("Ce n'est pas un bac à sable.", "This is not a sandbox."))
        id_nat = f"8{identifier}" if len(identifier) == 11 and identifier.isdigit() else identifier
        professional = await self.directory.professional(id_nat)
        if professional is None:
            raise NotFound(
                "UnknownProfessional",
                Text("Ce professionnel n'est pas dans l'annuaire.", "This professional is not in the directory."),
                location="rpps",
            )
        await self.psc.rehearse()
        session, _ = await self.psc.sessions.open(id_nat, Means.SANDBOX, with_cookie=False)
        return await self.psc.grants.grant_directly(
            SANDBOX_CLIENT, session, scope="openid scope_all", acr=PSC.acr_values[0]
        )


def _insufficient(scope: str | None) -> Forbidden:
    what = scope or "–"
    return Forbidden(
        "insufficient_scope",
        Text(f"Le jeton n'a pas la portée de cette porte : {what}.", f"The token lacks this door's scope: {what}."),
        remedy=Text("Échangez le jeton avec cette portée.", "Exchange the token with this scope."),
        requirement="RFC 6750 §3.1",
    )

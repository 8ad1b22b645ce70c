"""A sandbox's own doors: test credentials, tokens, patients admitted at once. They exist in no national service."""

from __future__ import annotations

import time
from typing import Any

import httpx
import msgspec

from socle.client.errors import Refused, unreachable
from socle.client.identity import Identity, Signer
from socle.standards.saml import Mode
from socle.standards.xds.errors import XdsError

_NOT_A_SANDBOX = XdsError(
    code="NotASandbox",
    context="Ce n'est pas un bac à sable : il ne donne pas de certificats de test. Décrivez ce DMP dans un fichier "
    "(--config). / This is not a sandbox: it gives no test certificates. Describe this DMP in a file (--config).",
)


class _Credential(msgspec.Struct):
    certificate: str
    key: str


class _Holder(msgspec.Struct):
    id: str
    family: str = ""
    given: str = ""
    profession: str = ""
    profession_system: str = ""
    speciality: str = ""
    structure: str = ""
    structure_name: str = ""
    sector: str = ""


class _Issued(msgspec.Struct):
    credential: _Credential
    holder: _Holder


class _Problem(msgspec.Struct):
    code: str = ""
    detail: dict[str, str] = {}
    title: str = ""


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int = 60


class Sandbox:
    """The sandbox at ``url``. ``http`` is not closed by it."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._tokens: dict[str, tuple[str, float]] = {}

    async def credentials(self, rpps: str, *, family: str = "", given: str = "") -> tuple[Identity, Signer]:
        """A test card and the identity of a professional. The names serve for one who is not in the directory."""
        asked = {"kind": "professional", "rpps": rpps, "family": family, "given": given}
        issued = msgspec.json.decode(await self._post("/sandbox/pki/issue", json=asked), type=_Issued)
        holder = issued.holder
        identity = Identity(
            user_id=holder.id,
            family=holder.family,
            given=holder.given,
            profession=holder.profession or "10",
            profession_system=holder.profession_system or "1.2.250.1.71.1.2.7",
            speciality=holder.speciality or ("SM26" if holder.profession in ("", "10") else ""),
            speciality_system=_SECOND_ROLES.get(holder.profession, "1.2.250.1.71.4.2.5"),
            structure=holder.structure or f"4{holder.id[1:]}001",
            structure_name=holder.structure_name or f"CABINET {holder.family}",
            sector=holder.sector or "SA07",
        )
        return identity, Signer.from_pem(issued.credential.certificate.encode(), issued.credential.key.encode())

    async def insurer(self) -> tuple[Identity, Signer]:
        """Test credentials of the health insurance, which alone deposits reimbursement data (role ALIM_AM)."""
        structure, name = "2901234567", "ASSURANCE MALADIE BAC A SABLE"
        asked = {"kind": "organisation", "structure": structure, "structure_name": name}
        issued = msgspec.json.decode(await self._post("/sandbox/pki/issue", json=asked), type=_Issued)
        identity = Identity(
            user_id=f"4{structure[1:]}/ALIM_AM",
            family="ASSURANCE MALADIE",
            given="Alimentation",
            profession="ALIM_AM",
            profession_system="1.2.250.1.213.1.1.4.6",
            speciality="",
            structure=structure,
            structure_name=name,
            sector="SA43",
            mode=Mode.INDIRECTE,
        )
        return identity, Signer.from_pem(issued.credential.certificate.encode(), issued.credential.key.encode())

    async def admit(self, document: bytes) -> None:
        """Registers the person of a CDA document with a qualified INS and an open DMP."""
        await self._post("/sandbox/admit", content=document, headers={"content-type": "text/xml"})

    async def token(self, rpps: str) -> str:
        """An access token of the sandbox's Pro Santé Connect for a professional, renewed before it expires."""
        token, until = self._tokens.get(rpps, ("", 0.0))
        if time.monotonic() > until:
            content = await self._post("/sandbox/token", json={"rpps": rpps})
            decoded = msgspec.json.decode(content, type=_Token)
            token = decoded.access_token
            self._tokens[rpps] = (token, time.monotonic() + decoded.expires_in - 20)
        return token

    async def _post(self, path: str, **content: Any) -> bytes:
        try:
            response = await self._http.post(self._url + path, **content)
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        if response.is_success:
            return response.content
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except msgspec.DecodeError:
            if response.status_code == 404:
                raise Refused([_NOT_A_SANDBOX]) from None
            problem = _Problem(code=f"HTTP{response.status_code}", title=f"{path} : HTTP {response.status_code}")
        context = f"{problem.detail.get('fr', problem.title)} / {problem.detail.get('en', problem.title)}"
        raise Refused([XdsError(code=problem.code, context=context)])


_SECOND_ROLES = {"21": "1.2.250.1.71.4.2.6"}

"""How to reach a DMP: a sandbox by its address alone, a national service by a configuration file.

A configuration is TOML::

    url = "https://lps.dmp.example.fr"
    source_id = "1.2.250.1.999.1"           # OID of this installation
    homologation = "TST-000001-0001"
    environment = "production"

    [tls]                                    # connection: client certificate, authorities of the server
    certificate = "client.pem"
    key = "client.key"
    authorities = "igc-sante.pem"

    [seal]                                   # signs VIHF and submissions: cachet of the structure, or card
    certificate = "cachet.pem"
    key = "cachet.key"
    digest = "sha256"                        # or sha1

    [user]
    id = "899700218896"
    family = "MARCHAND"
    given = "Camille"
    profession = "10"
    speciality = "SM26"
    mode = "INDIRECTE_RENFORCEE"
    structure = "1750987653"
    structure_name = "HOPITAL DES EXEMPLES"
    sector = "SA01"
"""

from __future__ import annotations

import asyncio
import platform
import ssl
import tomllib
import uuid
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx
import msgspec

from socle.client.dmp import AsyncDmp, Dmp
from socle.client.door import Door
from socle.client.identity import Identity, Signer
from socle.client.sandbox import Sandbox
from socle.client.xds import XdsDoor, system_time
from socle.standards.errors import InvalidContent, Text
from socle.standards.saml import Mode, Purpose
from socle.standards.xades import DigestName

#: Time for one call: a submission of 50 MB over a slow line ends within it.
TIMEOUT_S: Final = 120.0
#: OID of this installation of the SDK unless a configuration gives one: the same each time on one machine.
INSTALLATION: Final = f"2.25.{uuid.uuid5(uuid.NAMESPACE_DNS, platform.node() or 'socle').int}"
#: Who acts in a sandbox when nobody is named: the general practitioner of its cast.
DEFAULT_RPPS: Final = "10109876549"


class DoorName(StrEnum):
    """The two doors."""

    XDS = "xds"
    FHIR = "fhir"


class _Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    certificate: str
    key: str
    authorities: str = ""
    digest: str = "sha256"


class _User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    family: str
    given: str
    profession: str = "10"
    speciality: str = ""
    speciality_system: str = "1.2.250.1.71.4.2.5"
    mode: Mode = Mode.INDIRECTE
    structure: str
    structure_name: str
    sector: str


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A DMP that is not a sandbox."""

    url: str
    source_id: str
    homologation: str
    seal: _Files
    user: _User
    tls: _Files | None = None
    software: str = "Socle SDK"
    software_version: str = "0.1"
    vihf_version: str = "3.0"
    environment: str = "production"

    @staticmethod
    def load(file: Path) -> Configuration:
        """Reads a TOML file; paths in it are relative to it. Raises ``InvalidContent`` (``ClientConfiguration``)."""
        try:
            loaded = msgspec.convert(tomllib.loads(file.read_text("utf-8")), Configuration)
        except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise InvalidContent(
                "ClientConfiguration",
                Text(f"Configuration illisible : {error}", f"Unreadable configuration: {error}"),
                location=str(file),
            ) from error
        return msgspec.structs.replace(
            loaded, seal=_beside(file, loaded.seal), tls=None if loaded.tls is None else _beside(file, loaded.tls)
        )


def _beside(file: Path, files: _Files) -> _Files:
    def absolute(name: str) -> str:
        return str(file.parent / name) if name else ""

    return msgspec.structs.replace(
        files,
        certificate=absolute(files.certificate),
        key=absolute(files.key),
        authorities=absolute(files.authorities),
    )


def connect(configuration: Configuration, *, purpose: Purpose = Purpose.NORMAL) -> AsyncDmp:
    """The XDS door of a national service, or of any other that speaks as it does."""
    user = configuration.user
    identity = Identity(
        user_id=user.id,
        family=user.family,
        given=user.given,
        profession=user.profession,
        speciality=user.speciality,
        speciality_system=user.speciality_system,
        structure=user.structure,
        structure_name=user.structure_name,
        sector=user.sector,
        mode=user.mode,
        software=configuration.software,
        software_version=configuration.software_version,
        homologation=configuration.homologation,
        vihf_version=configuration.vihf_version,
    )
    seal = configuration.seal
    door = XdsDoor(
        configuration.url,
        httpx.AsyncClient(verify=_tls_context(configuration.tls), timeout=TIMEOUT_S),
        identity,
        Signer.from_files(Path(seal.certificate), Path(seal.key)),
        source_id=configuration.source_id,
        purpose=purpose,
        digest=DigestName.SHA1 if seal.digest == "sha1" else DigestName.SHA256,
    )
    return AsyncDmp(door, identity, source_id=configuration.source_id)


def _tls_context(files: _Files | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.authorities or None if files else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files:
        context.load_cert_chain(files.certificate, files.key)
    return context


async def connect_sandbox(
    url: str,
    *,
    rpps: str = DEFAULT_RPPS,
    door: DoorName = DoorName.XDS,
    family: str = "",
    given: str = "",
    purpose: Purpose = Purpose.NORMAL,
    http: httpx.AsyncClient | None = None,
    clock: Callable[[], datetime] = system_time,
) -> AsyncDmp:
    """A sandbox at ``url``, as the professional ``rpps``: it gives the credentials itself.

    A professional who is not of the fictitious population needs a ``family`` and ``given`` name.
    """
    http = http or httpx.AsyncClient(timeout=TIMEOUT_S)
    sandbox = Sandbox(url, http)
    identity, signer = await sandbox.credentials(rpps, family=family, given=given)
    opened: Door
    if door is DoorName.FHIR:
        from socle.client.fhir import FhirDoor

        opened = FhirDoor(url.rstrip("/") + "/dmp/fhir", http, lambda: sandbox.token(rpps))
    else:
        opened = XdsDoor(url, http, identity, signer, source_id=INSTALLATION, purpose=purpose, clock=clock)
    return AsyncDmp(opened, identity, source_id=INSTALLATION, clock=clock)


async def connect_insurer(url: str, *, http: httpx.AsyncClient | None = None) -> AsyncDmp:
    """A sandbox at ``url``, as the health insurance: who deposits reimbursement data."""
    http = http or httpx.AsyncClient(timeout=TIMEOUT_S)
    identity, signer = await Sandbox(url, http).insurer()
    return AsyncDmp(XdsDoor(url, http, identity, signer, source_id=INSTALLATION), identity, source_id=INSTALLATION)


def open_dmp(configuration: Configuration, *, purpose: Purpose = Purpose.NORMAL) -> Dmp:
    """``connect`` for programs that are not asynchronous."""
    return Dmp(connect(configuration, purpose=purpose))


def open_sandbox(url: str, *, rpps: str = DEFAULT_RPPS, door: DoorName = DoorName.XDS) -> Dmp:
    """``connect_sandbox`` for programs that are not asynchronous."""
    runner = asyncio.Runner()
    return Dmp(runner.run(connect_sandbox(url, rpps=rpps, door=door)), runner)

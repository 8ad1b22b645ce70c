"""`socle ins`: matricules, INSi, lots, labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from socle.cli.offline import Data

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from socle.platform.actor import Actor
    from socle.services.ins.remote import RemoteInsi

app = App(name="ins", help="L'identité nationale de santé : contrôle, recherche, vérification, étiquettes.")

Json = Annotated[bool, Parameter(name="--json", help="Écrire le résultat en JSON.")]
Url = Annotated[
    str | None,
    Parameter(help="Adresse d'INSi (SOAP). Par défaut SOCLE_URL, ou http://127.0.0.1:8000, suivie de /insi."),
]
Certificate = Annotated[Path | None, Parameter(help="Certificat client INSI-AUTO ou INSI-MANU (PEM, clé comprise).")]
Sender = Annotated[str, Parameter(help="Struct_IdNat de la structure qui appelle.")]
Idam = Annotated[str, Parameter(help="Numéro d'autorisation du logiciel.")]

_TEST_OID = "1.2.250.1.213.1.4.10"


@app.command
def check(matricule: str, *, oid: str = _TEST_OID, json: Json = False) -> int:
    """Contrôle la forme et la clé d'un matricule INS, et dit ce qu'il contient. Ne consulte rien."""
    from socle.standards.ids.ins import AUTHORITIES, describe_matricule, key_of
    from socle.standards.ids.oids import name_of

    compact = "".join(matricule.split()).upper()
    content = describe_matricule(compact)
    right = key_of(compact[:13]) if content else ""
    is_valid = content is not None and right == compact[13:] and oid in AUTHORITIES
    result: dict[str, Any] = {
        "matricule": compact,
        "authority": name_of(oid),
        "valid": is_valid,
        "expected_key": right,
        **(content or {}),
    }
    lines = [f"{compact} ({name_of(oid)}) : {'clé juste' if is_valid else 'non valable'}"]
    if content:
        lines.append(f"sexe {content['sex']}, né en {content['month']}/{content['year']}, lieu {content['place']}")
        if not is_valid:
            lines.append(f"clé attendue : {right}")
    _print(result, lines, json=json)
    return 0 if is_valid else 1


@app.command
def search(
    name: str,
    given: Annotated[list[str], Parameter(help="Prénoms de naissance, dans l'ordre.")],
    /,
    *,
    sex: str,
    born: Annotated[str, Parameter(help="AAAA-MM-JJ")],
    place: Annotated[str, Parameter(help="Code officiel géographique.")] = "",
    url: Url = None,
    certificate: Certificate = None,
    sender: Sender = "1000000001",
    idam: Idam = "SOCLE",
    json: Json = False,
) -> int:
    """Recherche par traits, comme l'exige la qualification : prénom par prénom, puis tous ensemble."""
    import asyncio

    from socle.services.ins.domain import ResultCode, TraitsQuery
    from socle.services.ins.teleservice import search_as_required

    query = TraitsQuery(birth_name=name, given_names=tuple(given), sex=sex, birth_date=born, birth_place=place)

    async def ask() -> Any:
        async with _opened(url, certificate, sender, idam) as insi:
            return await search_as_required(insi, _caller(sender), query)

    result = asyncio.run(ask())
    lines = [f"{result.code.value} {result.code.label}"]
    if result.person:
        person, traits = result.person, result.person.traits
        lines += [
            f"{person.ins.matricule} ({person.ins.oid})",
            f"{traits.birth_name} {traits.given_names}, {traits.sex}, {traits.birth_date}, {traits.birth_place}",
            *(f"ancien INS : {line.ins.matricule}" for line in person.former),
        ]
    _print(result, lines, json=json)
    return 0 if result.code is ResultCode.OK else 1


@app.command
def verify(
    matricule: str,
    name: str,
    given: Annotated[list[str], Parameter(help="Liste des prénoms de naissance.")],
    /,
    *,
    sex: str,
    born: str,
    place: str = "",
    oid: str = _TEST_OID,
    url: Url = None,
    certificate: Certificate = None,
    sender: Sender = "1000000001",
    idam: Idam = "SOCLE",
    json: Json = False,
) -> int:
    """Vérifie qu'un INS et ses cinq traits sont ceux qu'INSi connaît : OK ou KO."""
    import asyncio

    from socle.services.ins.domain import Claim

    claim = Claim(
        matricule="".join(matricule.split()).upper(),
        oid=oid,
        birth_name=name,
        given_names=" ".join(given),
        sex=sex,
        birth_date=born,
        birth_place=place,
    )

    async def ask() -> bool:
        async with _opened(url, certificate, sender, idam) as insi:
            return await insi.verify(_caller(sender), claim)

    is_right = asyncio.run(ask())
    _print({"result": "OK" if is_right else "KO"}, ["OK" if is_right else "KO"], json=json)
    return 0 if is_right else 1


@app.command
def bulk(
    file: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Fichier des verdicts.")] = None,
    url: Url = None,
    certificate: Certificate = None,
    sender: Sender = "1000000001",
    idam: Idam = "SOCLE",
    json: Json = False,
) -> int:
    """Vérifie un lot (CSV ou lignes JSON) : dépose le fichier, attend, et écrit un verdict par ligne."""
    import asyncio

    from rich.console import Console
    from rich.progress import Progress

    from socle.services.ins.lots import read_claims, write_verdicts

    claims = read_claims(file.read_bytes())
    bar = Progress(console=Console(stderr=True), disable=json)
    task = bar.add_task("Vérification", total=len(claims))

    async def ask() -> Any:
        async with _opened(url, certificate, sender, idam) as insi:
            number = await insi.submit_lot(claims)
            while True:
                lot = await insi.read_lot(number)
                bar.update(task, completed=lot.done)
                if lot.is_done:
                    return lot.verdicts
                await asyncio.sleep(0.5)

    with bar:
        verdicts = asyncio.run(ask())
    written = write_verdicts(verdicts)
    wrong = sum(not verdict.is_right for verdict in verdicts)
    if output:
        output.write_bytes(written)
    elif not json:
        sys.stdout.write(written.decode())
    if json:
        _print({"total": len(verdicts), "wrong": wrong, "verdicts": verdicts}, [], json=True)
    elif output:
        print(f"{len(verdicts)} identités vérifiées, {wrong} KO.")
    return 1 if wrong else 0


@app.command
def label(
    matricule: str,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Fichier .pdf, .svg ou .png.")],
    oid: str = _TEST_OID,
    data: Data = None,
    json: Json = False,
) -> int:
    """Imprime l'étiquette (ou le seul datamatrix) d'une identité qualifiée de la base."""
    import asyncio

    from socle.platform.settings import Settings
    from socle.server.offline import open_offline
    from socle.services.ins.labels import datamatrix_of, write_label
    from socle.services.ins.service import InsService
    from socle.standards.ddoc import draw_png, draw_svg
    from socle.standards.errors import InvalidContent, Text
    from socle.standards.ids.ins import Ins

    ins = Ins.typed(matricule, oid)

    async def find() -> Any:
        async with open_offline(Settings.from_environment(data=data)) as base:
            return await InsService(base).holder(_operator(), ins)

    kind = output.suffix.lower()
    if kind not in {".pdf", ".svg", ".png"}:
        raise InvalidContent("LabelKind", Text("Le fichier finit par .pdf, .svg ou .png.", "Use .pdf, .svg or .png."))
    identity = asyncio.run(find())
    if kind == ".pdf":
        content = write_label(identity)
    elif kind == ".png":
        content = draw_png(datamatrix_of(identity))
    else:
        content = draw_svg(datamatrix_of(identity)).encode()
    output.write_bytes(content)
    _print({"file": str(output), "bytes": len(content)}, [f"{output} : {len(content)} octets"], json=json)
    return 0


@app.command
def scan(
    source: Annotated[str, Parameter(help="Image (PNG, JPEG …), ou texte lu par une douchette.")],
    /,
    *,
    json: Json = False,
) -> int:
    """Lit un datamatrix INS dans une image. Une lecture n'est jamais une preuve : vérifiez l'INS ensuite."""
    from socle.standards.ddoc import read_datamatrix
    from socle.standards.ddoc import scan as find_codes
    from socle.standards.errors import NotFound, Text

    path = Path(source)
    messages = find_codes(path.read_bytes()) if len(source) < 250 and path.is_file() else [source]
    messages = [message for message in messages if message.startswith("IS")] or messages
    if not messages:
        raise NotFound("NoCode", Text("Aucun datamatrix INS dans cette image.", "No INS datamatrix in this picture."))
    reading = read_datamatrix(messages[0])
    ins, traits = reading.content.ins, reading.content.traits
    lines = [
        f"{ins.matricule} ({ins.oid})",
        f"{traits.birth_name} {traits.given_names}, {traits.sex}, {traits.birth_date}, {traits.birth_place or '?'}",
        *(f"attention : {warning.fr}" for warning in reading.warnings),
    ]
    _print(reading, lines, json=json)
    return 0


def _opened(
    url: str | None, certificate: Path | None, sender: str, idam: str
) -> AbstractAsyncContextManager[RemoteInsi]:
    """INSi at ``url`` for one command, as an asynchronous context manager."""
    import contextlib
    import os
    import ssl
    from collections.abc import AsyncIterator

    import httpx

    from socle import __version__
    from socle.platform.clock import system_clock
    from socle.services.ins.messages import Software
    from socle.services.ins.remote import RemoteInsi

    context = ssl.create_default_context()
    if certificate:
        context.load_cert_chain(certificate)
    address = url or os.environ.get("SOCLE_URL", "http://127.0.0.1:8000").rstrip("/") + "/insi"
    software = Software(sender=sender, idam=idam, name="urn:lps:socle", version=__version__, instance="cli")

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[RemoteInsi]:
        async with httpx.AsyncClient(verify=context, timeout=30, trust_env=False) as client:
            yield RemoteInsi(address, client, software, system_clock)

    return opened()


def _caller(sender: str) -> Actor:
    from socle.platform.actor import Actor, ActorKind, AuthenticationMode

    return Actor(kind=ActorKind.SYSTEM, id=sender, name=sender, authentication=AuthenticationMode.INDIRECTE)


def _operator() -> Actor:
    from socle.platform.actor import Actor, ActorKind, AuthenticationMode

    return Actor(kind=ActorKind.OPERATOR, id="cli", name="Exploitant", authentication=AuthenticationMode.OPERATOR)


def _print(value: object, lines: list[str], *, json: bool) -> None:
    import msgspec

    print(msgspec.json.encode(value).decode() if json else "\n".join(lines))

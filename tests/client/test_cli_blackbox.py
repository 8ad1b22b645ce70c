"""The command line as a vendor types it, against a live base; and a DMP reached by configuration with mutual TLS."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from socle.client import Configuration, Door, DoorName, Refused, Sandbox, connect, open_sandbox
from socle.client.xds import XdsDoor, new_oid
from socle.sandbox.pki import Credential, KeyPurpose, ensure_authority
from socle.standards.cda.metadata import document_entry_of
from socle.standards.ids.ins import Ins
from socle.standards.saml import Mode
from socle.standards.xds.model import Visibility

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

pytestmark = pytest.mark.blackbox


def socle(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "socle.cli", *arguments],
        env=os.environ | {"SOCLE_URL": url},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def said(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stderr + run.stdout
    return json.loads(run.stdout)


def own_document(shared: Path, name: str) -> bytes:
    """An example under an identifier of this test's own."""
    source = (shared / "examples" / "cda" / name).read_bytes()
    return source.replace(document_entry_of(source).unique_id.encode(), new_oid().encode(), 1)


@pytest.mark.parametrize(("door", "other"), [("xds", "fhir"), ("fhir", "xds")])
def test_a_document_goes_in_by_one_door_and_comes_out_by_the_other(
    running_base: RunningBase, shared: Path, tmp_path: Path, door: str, other: str
) -> None:
    document = own_document(shared, "IMG_CR_IMG_2024.01.xml")
    file = tmp_path / "a.xml"
    file.write_bytes(document)
    sent = said(socle(running_base.url, "send", "--admit", "--door", door, "--json", str(file)))
    assert [result["status"] for result in sent] == ["accepted"]
    shape = {"file", "status", "unique_id", "entry_uuid", "submission_set_id", "patient", "errors"}
    assert set(sent[0]) - {"warnings"} == shape
    assert (sent[0]["file"], sent[0]["errors"]) == (str(file), [])
    unique_id, ins = sent[0]["unique_id"], sent[0]["patient"]
    assert sent[0]["entry_uuid"].startswith("urn:uuid:")
    found = said(socle(running_base.url, "find", "--ins", ins, "--door", other, "--json"))
    assert unique_id in {entry["unique_id"] for entry in found}
    said(socle(running_base.url, "get", unique_id, "--door", other, "-o", str(tmp_path / "b.xml"), "--json"))
    assert (tmp_path / "b.xml").read_bytes() == document
    again = socle(running_base.url, "send", "--door", door, "--json", str(file))
    assert again.returncode == 1
    assert json.loads(again.stdout)[0]["errors"][0]["code"] == "XDSDuplicateUniqueIdInRegistry"


def test_a_document_is_replaced_masked_and_deleted(running_base: RunningBase, shared: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1.xml", tmp_path / "2.xml"
    first.write_bytes(own_document(shared, "TLM-CR_2022.01.xml"))
    second.write_bytes(own_document(shared, "TLM-CR_2022.01.xml"))
    sent = said(socle(running_base.url, "send", "--admit", "--json", str(first)))[0]
    new = said(socle(running_base.url, "replace", sent["unique_id"], str(second), "--json"))
    said(socle(running_base.url, "mask", new["unique_id"], "--json"))
    entries = said(socle(running_base.url, "find", "--ins", sent["patient"], "--json"))
    shown = {entry["unique_id"]: entry for entry in entries}
    assert sent["unique_id"] not in shown
    assert "MASQUE_PS" in {code["code"] for code in shown[new["unique_id"]]["confidentiality_codes"]}
    said(socle(running_base.url, "delete", new["unique_id"], "--json"))
    assert socle(running_base.url, "get", new["unique_id"]).returncode == 1


@pytest.mark.parametrize("door", ["xds", "fhir"])
def test_a_program_that_is_not_asynchronous_does_the_same(running_base: RunningBase, shared: Path, door: str) -> None:
    document = own_document(shared, "VAC_2023.01.xml")
    patient = document_entry_of(document).patient_id
    asyncio.run(admit(running_base.url, document))
    with open_sandbox(running_base.url) as xds:
        xds._run(authorize(xds._dmp.door, patient))
    with open_sandbox(running_base.url, door=DoorName(door)) as dmp:
        sent = dmp.send(document, visibility=[Visibility.INVISIBLE_PATIENT])
        dmp.release(sent.unique_id, patient)
        dmp.mask(sent.unique_id, patient)
        dmp.unmask(sent.unique_id, patient)
        dmp.archive(sent.unique_id, patient)
        dmp.unarchive(sent.unique_id, patient)
        assert sent.unique_id in {entry.unique_id for entry in dmp.find(patient)}
        assert dmp.get(sent.unique_id, patient) == document
        dmp.delete(sent.unique_id, patient)
        assert sent.unique_id not in {entry.unique_id for entry in dmp.find(patient)}


async def authorize(door: Door, patient: Ins) -> None:
    assert isinstance(door, XdsDoor)
    await door.authorize(patient)


def test_wrong_usage_is_two_and_silence_is_three(tmp_path: Path) -> None:
    assert socle("http://127.0.0.1:9", "find").returncode == 2
    assert socle("http://127.0.0.1:9", "find", "--ins", "279035121518989").returncode == 3


def test_under_json_a_refusal_is_json_too(tmp_path: Path) -> None:
    nobody, file = "http://127.0.0.1:9", tmp_path / "a.xml"
    assert socle(nobody, "send").returncode == 2
    file.write_text("<a/>")
    sent = socle(nobody, "send", str(file), "--json")
    assert (sent.returncode, [one["errors"][0]["code"] for one in json.loads(sent.stdout)]) == (3, ["Unreachable"])
    for arguments, status, code in (
        (("find", "--ins", "279035121518989"), 3, "Unreachable"),
        (("find", "--ins", "123"), 1, "InvalidINS"),
        (("replace", "1.2.3", str(tmp_path / "none.xml")), 1, "FileUnreadable"),
    ):
        told = socle(nobody, *arguments, "--json")
        assert (told.returncode, json.loads(told.stdout)["errors"][0]["code"]) == (status, code), told.stderr
    in_words = socle(nobody, "replace", "1.2.3", str(tmp_path / "none.xml"))
    assert (in_words.returncode, in_words.stdout) == (1, "")
    assert "Traceback" not in in_words.stderr


def write(directory: Path, name: str, credential: Credential) -> None:
    (directory / f"{name}.pem").write_text(credential.chain)
    (directory / f"{name}.key").write_text(credential.key)


def configuration(running_base: RunningBase, directory: Path, tls_structure: str = "1750987653") -> Path:
    """A DMP reached as the national one: client certificate, seal of the structure, user in a file."""
    authority = ensure_authority(running_base.data / "pki")
    name = "HOPITAL DES EXEMPLES"
    write(directory, "client", authority.issue_organisation(tls_structure, name, KeyPurpose.AUTHENTICATION))
    write(directory, "seal", authority.issue_organisation("1750987653", name))
    (directory / "authorities.pem").write_bytes(authority.trust_bundle)
    file = directory / "dmp.toml"
    file.write_text(
        f"""
url = "{running_base.tls_url}"
source_id = "1.2.250.1.999.1"
homologation = "TST-000001-0001"
tls = {{ certificate = "client.pem", key = "client.key", authorities = "authorities.pem" }}
seal = {{ certificate = "seal.pem", key = "seal.key", digest = "sha1" }}
[user]
id = "810109876549"
family = "MARCHAND"
given = "Camille"
profession = "10"
speciality = "SM26"
mode = "{Mode.INDIRECTE_RENFORCEE}"
structure = "1750987653"
structure_name = "{name}"
sector = "SA01"
"""
    )
    return file


def test_a_dmp_is_reached_by_configuration_with_mutual_tls(
    running_base: RunningBase, shared: Path, tmp_path: Path
) -> None:
    document = own_document(shared, "BIO-CR-BIO_2024.01_TSH_1.xml")
    patient = document_entry_of(document).patient_id

    async def run() -> None:
        await admit(running_base.url, document)
        async with connect(Configuration.load(configuration(running_base, tmp_path))) as dmp:
            assert isinstance(dmp.door, XdsDoor)
            await dmp.door.authorize(patient)
            sent = await dmp.send(document)
            assert await dmp.get(sent.unique_id) == document

    asyncio.run(run())


def test_the_connection_and_the_seal_must_be_of_one_structure(running_base: RunningBase, tmp_path: Path) -> None:
    async def run() -> str:
        loaded = Configuration.load(configuration(running_base, tmp_path, tls_structure="1690987656"))
        async with connect(loaded) as dmp:
            assert isinstance(dmp.door, XdsDoor)
            with pytest.raises(Refused) as refused:
                await dmp.door.list_records()
            return refused.value.code

    assert asyncio.run(run()) == "VihfSigner"


async def admit(url: str, document: bytes) -> None:
    async with httpx.AsyncClient(timeout=30) as http:
        await Sandbox(url, http).admit(document)

"""The same submission on the wire of either door is the same submission."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import msgspec
from hypothesis import given, settings

from socle.services.dmp.submission import prepare_feed
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.errors import SocleError
from socle.standards.fhir.json_codec import decode_json, encode_json
from socle.standards.fhir.pdsm.bundles import bundle_of
from socle.standards.fhir.pdsm.submissions import Target, submission_of
from socle.standards.fhir.resources import Bundle
from socle.standards.soap import read_message, write_message
from socle.standards.xds.messages import read_provide_request, write_provide_request
from socle.standards.xds.model import Submission
from socle.standards.xds.names import Action


def pdsm_tests() -> ModuleType:
    path = Path(__file__).parents[1] / "fhir" / "test_fhir_pdsm.py"
    spec = importlib.util.spec_from_file_location("pdsm_tests", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pdsm = pdsm_tests()
REGISTERED = "urn:uuid:00000000-0000-4000-8000-0000000000aa"


def through_xds(submission: Submission) -> Submission:
    body, attachments = write_provide_request(submission)
    content_type, content = write_message(Action.PROVIDE_AND_REGISTER, body, attachments=attachments)
    message = read_message(content, content_type)
    return read_provide_request(message.body, message.content_of)


def through_fhir(submission: Submission) -> Submission:
    old = Target("DocumentReference", "old")
    bundle = bundle_of(submission, {REGISTERED: "DocumentReference/old"})
    return submission_of(decode_json(encode_json(bundle), Bundle), {old: REGISTERED})


def outcome(submission: Submission) -> object:
    """What the DMP makes of it before it looks at the registry: what would be stored, or the refusal."""
    try:
        prepared = prepare_feed(submission, repository="1.2.3", has_contents=True)
    except SocleError as refusal:
        return refusal.code
    return [
        msgspec.structs.replace(document, entry_uuid="", logical_id="", status=document.status)
        for document in prepared.documents
    ]


@settings(max_examples=40, deadline=None)
@given(pdsm.submissions())
def test_the_wire_of_either_door_gives_the_same_submission(submission: Submission) -> None:
    by_xds, by_fhir = through_xds(submission), through_fhir(submission)
    assert pdsm.comparable(by_xds) == pdsm.comparable(by_fhir)
    assert outcome(by_xds) == outcome(by_fhir)


def test_every_published_example_is_the_same_entry_by_either_door(shared: Path) -> None:
    """Real headers say what no generator thinks of: authors without a name, devices, absent organisations."""
    compared = 0
    for file in sorted((shared / "examples" / "cda").glob("*.xml")):
        content = file.read_bytes()
        try:
            entry = document_entry_of(content)
        except SocleError:
            continue
        submission = submission_for(
            [(entry, content)],
            author=entry.authors[0],
            source_id="1.2.250.1.999.1.7",
            unique_id="1.2.250.1.999.1.7.1",
            submission_time="20260302081500",
        )
        found = [outcome(way(submission)) for way in (through_xds, through_fhir)]
        assert not isinstance(found[0], str), (file.name, found[0])
        assert found[0] == found[1], file.name
        compared += 1
    assert compared > 40

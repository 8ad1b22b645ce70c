"""Where an error is in the message that was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from socle.services.dmp.fhir_places import place_of
from socle.standards.fhir.json_codec import decode_json
from socle.standards.fhir.pdsm.submissions import resources_of, submission_of
from socle.standards.fhir.resources import Bundle
from socle.standards.xds.model import Association, AssociationType


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("entry1/typeCode (code)", "Bundle.entry[1].resource.type (code)"),
        ("entry1/lid", "Bundle.entry[1].resource"),
        ("entry0/patientId", "Bundle.entry[0].resource.subject"),
        ("1.2.3", "Bundle.entry[1].resource.masterIdentifier"),
        ("1.2.4", "Bundle.entry[0].resource.identifier"),
        ("urn:uuid:old", "Bundle.entry[1].resource.relatesTo"),
        ("link/targetObject", "Bundle.entry[1].resource.relatesTo"),
        ("nothing", "Bundle.entry[0].resource"),
    ],
)
def test_a_place_of_xds_is_a_place_of_the_bundle(make: Any, location: str, expected: str) -> None:
    bundle = json.dumps(make.bundle(make.patient(), make.doctor(), unique_id="1.2.3")).encode()
    submission = submission_of(decode_json(bundle, Bundle), {})
    link = Association(entry_uuid="link", type=AssociationType.REPLACES, source="entry1", target="urn:uuid:old")
    submission = replace(
        submission, submission_set=replace(submission.submission_set, unique_id="1.2.4"), associations=(link,)
    )
    assert place_of(location, submission, resources_of(submission)) == expected

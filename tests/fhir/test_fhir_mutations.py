"""A bundle with anything wrong in it is a submission or a refusal, never a failure."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socle.standards.errors import SocleError
from socle.standards.fhir.json_codec import decode_json
from socle.standards.fhir.pdsm.documents import registered_entry_of
from socle.standards.fhir.pdsm.submissions import (
    patch_targets_of,
    publication_of,
    references_of,
    submission_of,
)
from socle.standards.fhir.resources import Bundle, DocumentReference
from socle.standards.xds.model import DocumentEntry, Submission

SHARED = Path(__file__).parents[2].parent / "shared"


def example() -> dict[str, Any]:
    path = SHARED / "spec" / "dmp-exchange.md"
    if not path.exists():
        pytest.skip("../shared is not there", allow_module_level=True)
    found = re.search(r"### 8\.6.*?```json\n(.*?)```", path.read_text("utf-8"), re.DOTALL)
    assert found is not None
    bundle: dict[str, Any] = json.loads(found[1])
    return bundle


EXAMPLE = example()


def paths(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [at, *(path for key, child in children for path in paths(child, (*at, key)))]


PATHS = [path for path in paths(EXAMPLE) if path]
ODD = st.sampled_from(
    [
        "",
        "x",
        "urn:uuid:x",
        "urn:oid:1.2",
        "#pr1",
        "2026-02-30T00:00:00Z",
        "^|&",
        -1,
        0,
        2**31,
        True,
        [],
        {},
        [{}],
        None,
    ]
)


@st.composite
def mutants(draw: st.DrawFn, paths: list[tuple[Any, ...]] = PATHS) -> dict[str, Any]:
    """The example with a few places removed, replaced by an odd value, or by another of its own parts."""
    tree = copy.deepcopy(EXAMPLE)
    for path in draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3)):
        node: Any = tree
        try:
            for key in path[:-1]:
                node = node[key]
            match draw(st.integers(0, 2)):
                case 0:
                    del node[path[-1]]
                case 1:
                    node[path[-1]] = draw(ODD)
                case _:
                    other: Any = EXAMPLE
                    for key in draw(st.sampled_from(paths)):
                        other = other[key]
                    node[path[-1]] = copy.deepcopy(other)
        except (KeyError, IndexError, TypeError):
            continue
    return tree


def submitted(tree: dict[str, Any]) -> Submission | SocleError:
    try:
        bundle = decode_json(json.dumps(tree).encode(), Bundle)
        found = dict.fromkeys(references_of(bundle), "urn:uuid:0a1b2c3d-0000-4000-8000-000000000001")
        patch_targets_of(bundle)
        return submission_of(bundle, found, lambda: "2.25.1")
    except SocleError as refusal:
        return refusal


def published(tree: dict[str, Any]) -> Submission | DocumentEntry | SocleError:
    try:
        document = decode_json(json.dumps(tree["entry"][1]["resource"]).encode(), DocumentReference)
        registered_entry_of(document)
        return publication_of(document, {}, "2.25.1", "1.2", "20260302081500")
    except SocleError as refusal:
        return refusal
    except (KeyError, IndexError, TypeError):
        return submitted(tree)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutants())
def test_any_mutant_is_a_submission_or_a_refusal_with_a_place(tree: dict[str, Any]) -> None:
    for result in (submitted(tree), published(tree)):
        assert isinstance(result, Submission | SocleError)
        if isinstance(result, SocleError):
            assert result.http_status in (400, 422)
            assert result.reason.fr

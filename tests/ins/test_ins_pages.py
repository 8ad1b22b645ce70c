"""What the pages list is what the code has."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from socle.sandbox import cast
from socle.services.ins import rest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/ins.md").read_text()
SANDBOX = (ROOT / "docs/reference/sandbox.md").read_text()
SOURCES = [
    path for folder in ("services/ins", "standards/ddoc") for path in sorted((ROOT / "src/socle" / folder).glob("*.py"))
] + [ROOT / "src/socle/standards/ids" / name for name in ("ins.py", "traits.py", "status.py")]


def test_every_refusal_is_in_the_reference():
    codes = {code for path in SOURCES for code in re.findall(r'\(\s*"(\w+)",\s*(?:Text\(|reason)', path.read_text())}
    assert len(codes) > 25
    assert sorted(code for code in codes if code not in PAGE) == []


@pytest.mark.parametrize("person", [*cast.PATIENTS, *cast.PROFESSIONALS], ids=lambda one: type(one).__name__)
def test_everybody_of_the_cast_is_on_the_page(person):
    assert (person.ins.matricule if hasattr(person, "ins") else person.id_nat) in SANDBOX


def test_every_path_of_the_json_door_is_on_the_page():
    for route in rest.routes(SimpleNamespace(insi=None, batches=None), None):
        last = route.path.removeprefix("/ins/api").rsplit("/", 1)[-1].strip("{}")
        assert last in PAGE

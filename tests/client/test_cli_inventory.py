"""Every command, by introspection."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from cyclopts import App

from socle.cli.main import app

#: What writes a document, or serves until it is stopped.
WITHOUT = {"serve", "demo", "cda extract", "cda fhir", "cda render", "audit export", "sandbox pki trust"}


def commands(node: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Each command with the names of its options."""
    for name in node:
        if not name.startswith("-"):
            yield from commands(node[name], (*path, name))
    if node.default_command is not None and path:
        yield " ".join(path), set(inspect.signature(node.default_command).parameters)


def test_every_command_that_tells_a_result_tells_it_in_json() -> None:
    found = dict(commands(app))
    assert len(found) > 60
    # The commands on documents share their options: ``access`` holds theirs.
    assert {name for name, options in found.items() if not options & {"json", "access"}} == WITHOUT

"""The official kit made ready for the reference pipeline, for oracle tests and benches.

The pipeline runs on file systems that ignore case and stops on a missing include; a working copy gives each file the
names that rules ask for, leaves out the includes that are not there, and makes the missing vocabularies, as
``install_kit`` does and reports.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from pathlib import Path
from typing import Final

import msgspec

from socle.services.conformance.kit import OfficialKit
from socle.services.conformance.kit_folder import KitFolder

_INCLUDE: Final = re.compile(r"<(?:\w+:)?include\s+href\s*=\s*[\"']([^\"']+)[\"']\s*/>")
_QUOTED: Final = re.compile(r"'([^'\s]+\.xml)'")
_BRACES: Final = re.compile(r"\{(\d+)(?:\s*,\s*(\d+))?\}")


class PreparedKit(msgspec.Struct, frozen=True):
    """A working copy of a kit, and where its style sheets are."""

    root: Path
    skeleton: Path

    def rule_set(self, kit: OfficialKit, name: str) -> Path:
        """The Schematron file of a rule set of ``kit``."""
        return self.root / {**kit.report.layers, **kit.report.documents}[name]


def prepared_kit(kit: Path, target: Path) -> PreparedKit:
    """A copy of ``kit`` in ``target`` on which the reference pipeline runs."""
    source = KitFolder(kit)
    for suffix in (".sch", ".xml", ".rdf", ".xsl"):
        for path in source.starting("", suffix):
            if "exemplescda" in path.lower():
                continue
            copied = target / path
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source.root / path, copied)
    for path in source.starting("", ".sch"):
        _mend(source, target, path)
    return PreparedKit(target, target / posixpath.dirname(source.ending("iso_svrl_for_xslt2.xsl")[0]))


def _mend(source: KitFolder, target: Path, path: str) -> None:
    text = (target / path).read_text("utf-8", "replace")
    folder = posixpath.dirname(path)
    for href in _INCLUDE.findall(text):
        wanted = posixpath.normpath(posixpath.join(folder, href))
        if not _alias(source, target, wanted):
            text = re.sub(rf"<(?:\w+:)?include\s+href\s*=\s*[\"']{re.escape(href)}[\"']\s*/>", "", text)
    (target / path).write_text(text, "utf-8")
    for address in _QUOTED.findall(text):
        # Vocabularies are asked from the folder of the main file, one above the folder of the file that names them.
        for start in (folder, posixpath.dirname(folder)):
            _alias(source, target, posixpath.normpath(posixpath.join(start, address)))


def _alias(source: KitFolder, target: Path, wanted: str) -> bool:
    if (target / wanted).exists():
        return True
    try:
        content = source.read(wanted)
    except Exception:
        return False
    (target / wanted).parent.mkdir(parents=True, exist_ok=True)
    (target / wanted).write_bytes(content)
    return True


def same_test(test: str) -> str:
    """``test`` as the skeleton writes it: braces of a regular expression are taken for attribute value templates.

    >>> same_test("matches(@value, '^[0-9]{4,14}')")
    "matches(@value, '^[0-9]4 14')"
    """
    return _BRACES.sub(lambda found: " ".join(part for part in found.groups() if part), test)

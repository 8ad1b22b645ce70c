"""The files of an official kit as it was downloaded: a directory or a ZIP, names in any case, some files missing."""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from typing import Final

from lxml import etree

from socle.standards import xml
from socle.standards.errors import InvalidContent, NotFound, Text, TooLarge

#: The CDA vocabulary asks for these copies of value sets; some kits come without some of them.
_VOCABULARY: Final = "voc-{oid}-DYNAMIC.xml"
MAX_FILES: Final = 40_000
MAX_BYTES: Final = 1024 * 1024 * 1024


def unpacked(kit: Path, folder: Path) -> Path:
    """The directory of ``kit``: itself, or a ZIP unpacked into ``folder``. Raises ``InvalidContent``, ``TooLarge``."""
    if kit.is_dir():
        return kit
    if not zipfile.is_zipfile(kit):
        raise InvalidContent(
            "NotAKit", Text("Ni un dossier ni une archive ZIP.", "Neither a directory nor a ZIP archive.")
        )
    with zipfile.ZipFile(kit) as archive:
        members = archive.infolist()
        if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_BYTES:
            raise _too_large()
        wanted = (".sch", ".xml", ".xsd", ".rdf", ".xsl")
        archive.extractall(folder, [member for member in members if member.filename.lower().endswith(wanted)])
    return folder


def _too_large() -> TooLarge:
    return TooLarge(
        "KitTooLarge",
        Text(
            f"Plus de {MAX_FILES} fichiers ou de {MAX_BYTES >> 20} Mio.",
            f"More than {MAX_FILES} files or {MAX_BYTES >> 20} MiB.",
        ),
    )


class KitFolder:
    """The files of a kit by relative path, names resolved ignoring case; missing vocabularies made from value sets."""

    def __init__(self, root: Path) -> None:
        self.root = root
        paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        if len(paths) > MAX_FILES:
            raise _too_large()
        self._exact = set(paths)
        self._by_lower = {path.lower(): path for path in reversed(paths)}
        self.substituted: dict[str, str] = {}

    def resolve(self, path: str) -> str | None:
        """The true path of ``path``."""
        return path if path in self._exact else self._by_lower.get(path.lower())

    def exists(self, path: str) -> bool:
        """Whether there is a file at ``path``."""
        return self.resolve(path) is not None

    def read(self, path: str) -> bytes:
        """The bytes at ``path``."""
        found = self.resolve(path)
        if found is not None:
            return (self.root / found).read_bytes()
        if (made := self._vocabulary(posixpath.basename(path))) is not None:
            return made
        raise NotFound("KitFileMissing", Text(f"Fichier absent du kit : {path}", f"File not in the kit: {path}"))

    def ending(self, name: str) -> list[str]:
        """The paths whose last part is ``name``, whatever its case; the shortest first."""
        found = [path for lower, path in self._by_lower.items() if posixpath.basename(lower) == name]
        return sorted(found, key=lambda path: (path.count("/"), path))

    def starting(self, prefix: str, suffix: str) -> list[str]:
        """The paths whose last part begins with ``prefix`` and ends with ``suffix``."""
        return sorted(
            path
            for lower, path in self._by_lower.items()
            if posixpath.basename(lower).startswith(prefix) and lower.endswith(suffix)
        )

    def _vocabulary(self, name: str) -> bytes | None:
        oid = name.removeprefix("voc-").removesuffix("-DYNAMIC.xml")
        if name != _VOCABULARY.format(oid=oid):
            return None
        for path in self.starting("jdv_", ".xml"):
            head = (self.root / path).read_bytes()
            if f'"{oid}"'.encode() in head:
                self.substituted[name] = path
                return _as_vocabulary(head)
        return None


def _as_vocabulary(value_set: bytes) -> bytes:
    root = etree.Element("valueSets")
    concepts = etree.SubElement(etree.SubElement(root, "valueSet"), "conceptList")
    for concept in xml.parse(value_set).iter("{*}Concept"):
        etree.SubElement(
            concepts, "concept", code=concept.get("code", ""), codeSystem=concept.get("codeSystem", "")
        )  # fmt: skip
    return etree.tostring(root)

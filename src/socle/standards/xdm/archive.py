"""ZIP files from outside, unpacked in memory within bounds, and packed always the same way.

Source: IHE ITI TF-2 §3.32 (media), ISO 9660 level 1 names; own bounds against bombs and traversal.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Final

import msgspec

from socle.standards.errors import MalformedInput, SocleError, Text, TooLarge

_NAME = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?")
_DRIVE = re.compile(r"[A-Za-z]:")


class Bounds(msgspec.Struct, frozen=True):
    """How much an archive may unpack to."""

    total_bytes: int = 200 * 1024 * 1024
    files: int = 1000
    #: Unpacked over packed size of one file, looked at above 1 MiB.
    ratio: int = 100


DEFAULT_BOUNDS: Final = Bounds()


def unpack(archive: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> dict[str, bytes]:
    """The files of ``archive`` by path (``/`` separators, no leading ``/``), in its order.

    Sizes are counted while unpacking, whatever the archive declares. Raises ``MalformedInput`` (``XDMUnreadable``,
    ``XDMUnsafePath``, ``XDMEncrypted``) or ``TooLarge`` (``XDMBomb``).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return _read(opened, bounds)
    except SocleError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError, RuntimeError) as error:
        raise _unreadable() from error
    except Exception as error:  # struct.error, UnicodeDecodeError, IndexError … of the standard library on odd bytes
        raise _unreadable() from error


def pack(files: dict[str, bytes]) -> bytes:
    """A ZIP of ``files`` (deflate, no dates): the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as opened:
        for path, content in files.items():
            entry = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            opened.writestr(entry, content)
    return buffer.getvalue()


def is_iso_name(name: str) -> bool:
    """Whether ``name`` is an 8.3 name in capitals.

    >>> is_iso_name("DOC0001.XML"), is_iso_name("doc.xml")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None


def _read(opened: zipfile.ZipFile, bounds: Bounds) -> dict[str, bytes]:
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > bounds.files:
        raise _bomb(f"{len(entries)} > {bounds.files}")
    files: dict[str, bytes] = {}
    total = 0
    for entry in entries:
        path = _safe_path(entry.filename)
        if entry.flag_bits & 0x1:
            raise MalformedInput(
                "XDMEncrypted", Text("L'archive est chiffrée.", "The archive is encrypted."), location=path
            )
        if path in files:
            raise _unsafe(path)
        with opened.open(entry) as stream:
            content = stream.read(bounds.total_bytes - total + 1)
        total += len(content)
        is_dense = len(content) > 1024 * 1024 and len(content) > bounds.ratio * max(entry.compress_size, 1)
        if total > bounds.total_bytes or is_dense:
            raise _bomb(path)
        files[path] = content
    return files


def _safe_path(name: str) -> str:
    path = name.replace("\\", "/")
    parts = path.split("/")
    if path.startswith("/") or _DRIVE.match(path) or ".." in parts or "" in parts or not path.isprintable():
        raise _unsafe(name)
    return path


def _unreadable() -> MalformedInput:
    return MalformedInput(
        "XDMUnreadable",
        Text("L'archive n'est pas un fichier ZIP lisible.", "The archive is not a readable ZIP file."),
        requirement="IHE ITI TF-2 3.32",
    )


def _unsafe(path: str) -> MalformedInput:
    return MalformedInput(
        "XDMUnsafePath",
        Text("L'archive contient un chemin interdit ou répété.", "The archive contains a forbidden or repeated path."),
        location=ascii(path)[:200],
        remedy=Text("Utilisez des chemins relatifs, sans « .. ».", "Use relative paths without '..'."),
    )


def _bomb(location: str) -> TooLarge:
    return TooLarge(
        "XDMBomb",
        Text("L'archive dépasse les limites une fois décompressée.", "The archive exceeds the limits once unpacked."),
        location=location,
    )

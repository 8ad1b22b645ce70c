"""Files that hold compiled rules run only where this user wrote them: a keyed digest comes before each.

A store may lie in a directory that somebody else made, an archive or a checkout, and what it holds is code. The key is
in the user's own configuration directory (``$XDG_CONFIG_HOME/socle/store.key``, mode 0600), never in a store.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from functools import cache
from pathlib import Path
from typing import Final

from socle.standards.errors import Text, Unavailable

_DIGEST_BYTES: Final = 32


class NotOurs(Unavailable):
    """A compiled file that this user did not write, or no key to tell."""


def write_sealed(path: Path, content: bytes) -> None:
    """Writes ``content`` so that this user alone reads it back. Raises ``OSError``, ``NotOurs`` without a key."""
    path.write_bytes(_digest(content) + content)


def read_sealed(path: Path) -> bytes:
    """The content of a file that ``write_sealed`` wrote. Raises ``OSError``, ``NotOurs`` for any other."""
    sealed = path.read_bytes()
    content = sealed[_DIGEST_BYTES:]
    if not hmac.compare_digest(sealed[:_DIGEST_BYTES], _digest(content)):
        raise NotOurs(
            "StoreNotOurs",
            Text(
                "Ces règles compilées n'ont pas été écrites par cet utilisateur.",
                "These compiled rules were not written by this user.",
            ),
            location=path.name,
            remedy=Text("Installez le kit à nouveau (socle conformance install).", "Install the kit again."),
        )
    return content


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, key=_key(_configuration()), digest_size=_DIGEST_BYTES).digest()


def _configuration() -> str:
    return os.environ.get("XDG_CONFIG_HOME") or str(Path("~/.config").expanduser())


@cache
def _key(configuration: str) -> bytes:
    path = Path(configuration) / "socle" / "store.key"
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = path.with_name(f"store.key.{os.getpid()}")
            made.touch(0o600)
            made.write_bytes(secrets.token_bytes(32))
            try:
                os.link(made, path)  # the first of several processes wins
            except FileExistsError:
                pass
            finally:
                made.unlink()
        return path.read_bytes()
    except OSError as error:
        raise NotOurs(
            "StoreKeyUnreadable",
            Text("La clé des règles compilées est illisible.", "The key of compiled rules cannot be read."),
            location="store.key",
            remedy=Text("Donnez un dossier accessible : XDG_CONFIG_HOME.", "Name a usable directory: XDG_CONFIG_HOME."),
        ) from error

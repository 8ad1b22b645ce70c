"""What a person finds who opens the archive by hand: INDEX.HTM and README.TXT.

Source: IHE ITI TF-2 §3.32.4.1.2.1 (INDEX.HTM in XHTML 1.0 Strict, README.TXT); fact sheet "mssante" §7.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import msgspec


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends the archive, with which software."""

    name: str
    organization: str = ""
    address: str = ""
    telephone: str = ""
    application: str = "Socle"
    version: str = ""
    publisher: str = ""


def index_page(sender: Sender, documents: Sequence[tuple[str, str]]) -> bytes:
    """INDEX.HTM: who sends, and a link to each document (path, title)."""
    items = "\n".join(
        f'<li><a href="{escape(path)}">{escape(title) or escape(path)}</a></li>' for path, title in documents
    )
    contact = " — ".join(escape(text) for text in (sender.organization, sender.telephone, sender.address) if text)
    page = f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="fr" lang="fr">
<head><title>Documents de santé</title></head>
<body>
<h1>Documents de santé</h1>
<p>Expéditeur : {escape(sender.name)}{" — " + contact if contact else ""}</p>
<ul>
{items}
</ul>
<p><a href="README.TXT">README.TXT</a></p>
</body>
</html>
"""
    return page.encode()


def readme_text(sender: Sender, paths: Sequence[str]) -> bytes:
    """README.TXT: sender, application, instructions, file tree."""
    lines = [
        "Archive IHE XDM : documents de santé",
        "",
        f"Expéditeur    : {sender.name}",
        f"Organisation  : {sender.organization}",
        f"Adresse       : {sender.address}",
        f"Téléphone     : {sender.telephone}",
        f"Application   : {sender.application} {sender.version} ({sender.publisher or sender.application})",
        "",
        "Ouvrez INDEX.HTM dans un navigateur, ou intégrez l'archive dans votre logiciel.",
        "Les métadonnées de chaque lot sont dans METADATA.XML (ebRIM 3.0, profil IHE XDM).",
        "",
        "Fichiers :",
        *(f"  {path}" for path in paths),
        "",
    ]
    return "\r\n".join(" ".join(line.splitlines()) if line else "" for line in lines).encode()

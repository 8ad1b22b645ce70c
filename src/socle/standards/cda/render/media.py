"""Files inside a document, offered for viewing: images in place, others as links."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from typing import Final

from lxml import etree

from socle.standards.cda.datatypes import V3, child
from socle.standards.cda.document import CdaDocument, EmbeddedFile, read_embedded_file
from socle.standards.cda.words import label
from socle.standards.errors import MalformedInput

#: Gives the URL under which the caller serves an embedded file: (reference, media type) → URL. The reference is the
#: ``ID`` of its ``observationMedia``, empty for the body of an N1 document.
AttachmentUrl = Callable[[str, str], str]

#: Largest PDF that a page without attachment addresses shows in place, and not only as a link.
MAX_INLINE_BYTES: Final = 2 * 1024 * 1024

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif"})
_SIGNATURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF-": "application/pdf",
}
_EXTENSIONS: Final = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/rtf": "rtf",
    "application/rtf": "rtf",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/tiff": "tif",
    "application/dicom": "dcm",
}


class MediaLibrary:
    """The embedded files of one document by their reference."""

    def __init__(self, document: CdaDocument, url: AttachmentUrl | None) -> None:
        self._url = url
        self._document = document
        self._values: dict[str, etree._Element] = {}
        if document.body is not None and document.is_structured:
            for media in document.body.iter(V3 + "observationMedia"):
                value = child(media, "value")
                if value is not None and (reference := media.get("ID")):
                    self._values.setdefault(reference, value)

    def write(self, reference: str, caption: str, language: str) -> str:
        """HTML that shows or offers the file called ``reference``; nothing when the document has none."""
        value = self._values.get(reference)
        return "" if value is None else self._write(value, reference, caption, language)

    def write_body(self, caption: str, language: str) -> str:
        """HTML that shows or offers the body of an N1 document."""
        value = child(self._document.body, "text")
        return "" if value is None else self._write(value, "", caption, language)

    def _write(self, value: etree._Element, reference: str, caption: str, language: str) -> str:
        try:
            file = read_embedded_file(value)
        except MalformedInput:
            file = None
        if file is None or not file.content:
            return f'<p class="cda-warning">{escape(label("unreadable", language))}</p>'
        media_type = true_media_type(file)
        words = caption or label("attachment", language)
        if media_type == "text/plain":
            text = file.content.decode("utf-8", "replace")
            return f'<pre class="cda-text" tabindex="0" role="group" aria-label="{escape(words)}">{escape(text)}</pre>'
        url = escape(self._url(reference, media_type) if self._url else _data_url(file, media_type))
        if media_type in _IMAGES:
            alternative = caption or label("image", language)
            return f'<img class="cda-image" src="{url}" alt="{escape(alternative)}">'
        extension = _EXTENSIONS.get(media_type, "bin")
        size = max(1, round(len(file.content) / 1024))
        offer = escape(f"{label('open', language)} : {words} ({extension.upper()}, {size} Ko)")
        link = f'<a class="cda-attachment" href="{url}" download="document.{extension}">{offer}</a>'
        is_light = self._url is not None or len(file.content) <= MAX_INLINE_BYTES
        if media_type == "application/pdf" and not reference and is_light:
            viewer = (
                f'<object class="cda-pdf" data="{url}" type="application/pdf" aria-label="{escape(words)}">'
                f"{escape(label('no-viewer', language))}</object>"
            )
            return f"<p>{link}</p>{viewer}"
        return link if reference else f"<p>{link}</p>"


def true_media_type(file: EmbeddedFile) -> str:
    """The media type that the first bytes prove; the declared one only when it cannot run anything.

    >>> true_media_type(EmbeddedFile("text/html", b"<script>")), true_media_type(EmbeddedFile("image/jpeg", b"GIF89a"))
    ('application/octet-stream', 'image/gif')
    """
    for signature, media_type in _SIGNATURES.items():
        if file.content.startswith(signature):
            return media_type
    declared = file.media_type.partition(";")[0].strip()
    if declared in ("image/png", "image/jpeg", "image/gif", "application/pdf") or declared not in _EXTENSIONS:
        return "application/octet-stream"
    return declared


def _data_url(file: EmbeddedFile, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(file.content).decode()}"

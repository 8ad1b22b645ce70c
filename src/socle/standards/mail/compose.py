"""A message from typed values: the headers, subject and parts that MSSanté asks for.

Source: Référentiel socle MSSanté #2 §3 (ECO.2.1.*, 2.2.*, 2.3.1, 2.4.*).
"""

from __future__ import annotations

import re
from datetime import date, datetime
from email import policy
from email.header import Header
from email.headerregistry import Address as HeaderAddress
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import msgspec

from socle.standards.errors import InvalidContent, Text
from socle.standards.mail.address import without_accents
from socle.standards.mail.read import Attachment, Correspondent

XDM_MARKER: Final = "XDM/1.0/DDM"
ARCHIVE_NAME: Final = "IHE_XDM.ZIP"
#: Subject of a message that takes back the right to answer all earlier ones.
CLOSING_SUBJECT: Final = "[FIN]"
_LABEL_LENGTH = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029]")
_PRODUCT = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be composed. ``message_id`` has its angle brackets; ``date`` is aware."""

    sender: Correspondent
    to: tuple[Correspondent, ...]
    subject: str
    text: str
    date: datetime
    message_id: str
    #: Reference number of the sending product (``X-MSS-NIL``).
    product: str
    html: str = ""
    cc: tuple[Correspondent, ...] = ()
    reply_to: Correspondent | None = None
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    #: ``code/@code`` of each CDA in the archive.
    cda_codes: tuple[str, ...] = ()
    #: Whether the archive holds a qualified INS; meaningful with ``cda_codes``.
    has_qualified_ins: bool = False
    asks_read_receipt: bool = False
    #: The citizen may not answer (``X-MSS-MES: FIN``).
    closes_exchange: bool = False


_SMTP: Final = policy.SMTP.clone(max_line_length=200)


def compose(letter: Letter) -> bytes:
    """The message, lines ended by CRLF, every line under 998 bytes, headers in ASCII.

    Raises ``InvalidContent`` (``MSSHeaderInjection``) on a control character in any header value.
    """
    message = EmailMessage(policy=_SMTP)
    message["Date"] = format_datetime(letter.date)
    message["Message-ID"] = _identifier(letter.message_id)
    message["From"] = _header_address(letter.sender)
    message["To"] = [_header_address(item) for item in letter.to]
    if letter.cc:
        message["Cc"] = [_header_address(item) for item in letter.cc]
    if letter.reply_to:
        message["Reply-To"] = _header_address(letter.reply_to)
    if letter.in_reply_to:
        message["In-Reply-To"] = _identifier(letter.in_reply_to)
    if letter.references:
        message["References"] = " ".join(_identifier(item) for item in letter.references[-20:])
    if letter.asks_read_receipt:
        message["Disposition-Notification-To"] = str(letter.sender.address)
    for name, value in _mss_fields(letter).items():
        message[name] = value
    message.set_content(letter.text, charset="utf-8", cte="quoted-printable")
    if letter.html:
        message.add_alternative(letter.html, subtype="html", charset="utf-8", cte="quoted-printable")
    for attachment in letter.attachments:
        maintype, _, subtype = attachment.content_type.partition("/")
        name = _one_line(attachment.name)
        message.add_attachment(attachment.content, maintype=maintype, subtype=subtype or "octet-stream", filename=name)
        message.get_payload()[-1].set_param("name", name)  # type: ignore[union-attr, index]
    return _subject_field(letter.subject) + message.as_bytes()


def _subject_field(subject: str) -> bytes:
    """The Subject field, folded by ``Header``: ``email.policy`` loses spaces when it folds long encoded subjects."""
    text = _one_line(subject)
    header = Header(text, "us-ascii" if text.isascii() else "utf-8", maxlinelen=75, header_name="Subject")
    return b"Subject: %b\r\n" % header.encode(linesep="\r\n").encode("ascii")


def xdm_subject(labels: tuple[str, ...], *, family: str, given: str, birth_date: date | None = None) -> str:
    """The subject of a message that carries the documents ``labels`` of one person (ECO.2.1.3).

    >>> xdm_subject(("CR d'examens biologiques",), family="Vial", given="Paul", birth_date=date(1978, 11, 26))
    "XDM/1.0/DDM+CR d'examens biologiques VIAL Paul 26/11/1978"
    """
    label = labels[0][:_LABEL_LENGTH].strip() if len(labels) == 1 else f"{len(labels)} documents"
    parts = [label, family.upper(), given]
    if birth_date is not None:
        parts.append(birth_date.strftime("%d/%m/%Y"))
    return _one_line(f"{XDM_MARKER}+{without_accents(' '.join(part for part in parts if part))}")


def pdf_name(*, act_date: date, kind: str, family: str, given: str, record_number: str = "") -> str:
    """The file name of a PDF copy (ECO.2.1.6).

    >>> pdf_name(act_date=date(2022, 5, 31), kind="CR d'imagerie médicale", family="Corse", given="Figatellix")
    "20220531_CR d'imagerie médicale_CORSE_FIGATELLIX.pdf"
    """
    parts = [act_date.strftime("%Y%m%d"), kind, family.upper(), given.upper(), record_number]
    return re.sub(r'[\\/:*?"<>|]', "-", _CONTROL.sub("", "_".join(part for part in parts if part))) + ".pdf"


def _mss_fields(letter: Letter) -> dict[str, str]:
    if _PRODUCT.fullmatch(letter.product) is None:
        raise InvalidContent(
            "MSSInvalidProduct",
            Text("Le numéro de référencement du produit (X-MSS-NIL) manque.", "The product number is missing."),
            requirement="ECO.2.4.3",
        )
    fields = {"X-MSS-NIL": letter.product}
    if letter.cda_codes:
        fields["X-MSS-CODECDA"] = _one_line(",".join(letter.cda_codes))
        fields["X-MSS-INS"] = "O" if letter.has_qualified_ins else "N"
    if letter.closes_exchange:
        fields["X-MSS-MES"] = "FIN"
    return fields


def _header_address(item: Correspondent) -> HeaderAddress:
    return HeaderAddress(_one_line(item.name), item.address.local, item.address.domain)


def _identifier(text: str) -> str:
    if re.fullmatch(r"<[^<>\s]{1,400}>", text) is None:
        raise InvalidContent(
            "MSSInvalidMessageId",
            Text("Un identifiant de message s'écrit <…@…>.", "A message identifier is written <…@…>."),
            requirement="ECO.2.2.1",
        )
    return text


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise InvalidContent(
            "MSSHeaderInjection",
            Text(
                "Un champ d'en-tête contient un saut de ligne ou un caractère de contrôle.",
                "A header field contains a line break or a control character.",
            ),
            requirement="ECO.2.2.7",
        )
    return value

"""Composition, reading and structure of messages."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from socle.standards.errors import InvalidContent, SocleError, TooLarge
from socle.standards.mail.address import parse_address
from socle.standards.mail.compose import Letter, compose, pdf_name, xdm_subject
from socle.standards.mail.notices import (
    BounceCause,
    DeliveryAction,
    DeliveryReport,
    Disposition,
    Outcome,
    ReadReceipt,
    bounce_cause,
    compose_delivery_report,
    compose_read_receipt,
    read_notice,
)
from socle.standards.mail.read import Attachment, Correspondent, read_mail, shown_subject
from socle.standards.mail.structure import scan

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEA = Correspondent(parse_address("lea.martin@ch-test.mssante.fr"), "Dr_Léa_MARTIN_Cardiologie")
PAUL = Correspondent(parse_address("paul.durand@medecin.mssante.fr"), "Paul DURAND")


def a_letter(**changes: object) -> Letter:
    values: dict[str, object] = {
        "sender": LEA,
        "to": (PAUL,),
        "subject": "Bonjour à vous",
        "text": "Cher confrère,\n\n.un point en tête\nFin\n",
        "date": NOON,
        "message_id": "<1@ch-test.mssante.fr>",
        "product": "DEV935997",
    }
    return Letter(**(values | changes))  # type: ignore[arg-type]


_line = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30)
_subject = st.lists(_line, min_size=1, max_size=12).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(
    subject=_subject,
    text=st.lists(_line, max_size=5).map(lambda lines: "".join(f"{line}\n" for line in lines)),
    contents=st.lists(st.binary(max_size=300), max_size=3),
)
@example(subject="¡ 0¡¡ 00¡¡¡¡¡ࠀ𐀀 00¡¡¡¡¡ࠀ𐀀 00¡¡¡¡¡¡¡𐀀 0000000000000¡¡¡¡¡¡¡¡¡¡¡ࠀࠀ𐀀𐀀𐀀𐀀 ¡ ¡", text="", contents=[])
def test_a_composed_letter_reads_back_the_same(subject: str, text: str, contents: list[bytes]) -> None:
    attachments = tuple(Attachment(f"pièce {n}.bin", "application/octet-stream", c) for n, c in enumerate(contents))
    message = compose(a_letter(subject=subject, text=text or "\n", attachments=attachments, asks_read_receipt=True))
    mail = read_mail(message)
    assert (mail.subject, mail.text, mail.attachments) == (subject, text or "\n", attachments)
    assert (mail.sender, mail.to, mail.read_receipt_to) == (LEA, (PAUL,), Correspondent(LEA.address))
    assert (mail.message_id, mail.date, mail.product) == ("<1@ch-test.mssante.fr>", NOON, "DEV935997")
    assert message.isascii()
    assert max(map(len, message.split(b"\r\n"))) <= 998
    assert message.count(b"\n") == message.count(b"\r\n") == message.count(b"\r")


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=400),
        st.lists(
            st.sampled_from(
                [
                    b"Content-Type: multipart/mixed; boundary=a\r\n",
                    b"Content-Type: message/rfc822\r\n",
                    b"Content-Type: text/plain; charset=nope\r\n",
                    b"Content-Transfer-Encoding: base64\r\n",
                    b"Subject: =?utf-8?b?////?= =?x?q?=FF?=\r\n",
                    b'From: =?utf-8?q?=00?= <a@b.fr>, <>, "\r\n',
                    b"Content-Disposition: attachment; filename*=utf-8''%FF%00; filename*0=x\r\n",
                    b"Date: Mon, 99 Xyz 0000 99:99:99 +9999\r\n",
                    b"\r\n--a\r\n",
                    b"\r\n--a--\r\n",
                    b"\r\n",
                    b"\xff\x00garbage=\r\n",
                ]
            ),
            max_size=20,
        ).map(b"".join),
    )
)
def test_any_bytes_read_as_a_mail_or_a_refusal(message: bytes) -> None:
    try:
        read_mail(message)
        read_notice(message)
        bounce_cause(message)
    except SocleError:
        pass


@pytest.mark.parametrize("field", ["subject", "sender", "attachment"])
def test_a_line_break_in_a_header_value_is_refused(field: str) -> None:
    evil = "x\r\nBcc: a@b.fr"
    changes = {
        "subject": {"subject": evil},
        "sender": {"sender": Correspondent(LEA.address, evil)},
        "attachment": {"attachments": (Attachment(evil, "text/plain", b""),)},
    }[field]
    with pytest.raises(InvalidContent) as refusal:
        compose(a_letter(**changes))
    assert refusal.value.code == "MSSHeaderInjection"


def test_a_mime_bomb_is_refused_before_it_is_built() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(30))
    with pytest.raises(TooLarge):
        scan(nested)
    wide = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 2000
    with pytest.raises(TooLarge):
        scan(wide)


def test_a_part_lies_exactly_between_its_boundaries() -> None:
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\r\none\r\n\r\n--b  \r\n"
        b"Content-Type: text/html\r\n\r\n--bee\r\ntwo\r\n--b--\r\nepilogue"
    )
    root = scan(message)
    assert [message[part.body : part.end] for part in root.children] == [b"one\r\n", b"--bee\r\ntwo"]


def test_mss_headers_are_there_only_when_documents_are() -> None:
    plain = compose(a_letter())
    assert (b"X-MSS-NIL: DEV935997" in plain, b"X-MSS-CODECDA" in plain, b"X-MSS-INS" in plain) == (True, False, False)
    two = compose(a_letter(cda_codes=("34112-3", "15508-5"), has_qualified_ins=True, closes_exchange=True))
    mail = read_mail(two)
    assert (mail.cda_codes, mail.has_ins, mail.closes_exchange) == (("34112-3", "15508-5"), "O", True)


def test_the_subject_is_cut_at_40_characters_without_accents() -> None:
    label = "Lettre de liaison à la sortie d'un établissement de santé"
    subject = xdm_subject((label,), family="Vial", given="Paul", birth_date=date(1978, 11, 26))
    assert subject == "XDM/1.0/DDM+Lettre de liaison a la sortie d'un etabl VIAL Paul 26/11/1978"
    two = xdm_subject((label, "x"), family="Vial", given="Paul", birth_date=date(1978, 11, 26))
    assert two == "XDM/1.0/DDM+2 documents VIAL Paul 26/11/1978"
    assert shown_subject("[KO Intégration système !][902] XDM/1.0/DDM+x") == "[KO Intégration système !][902] x"


def test_a_pdf_name_holds_no_path() -> None:
    name = pdf_name(act_date=date(2022, 5, 31), kind="../CR", family="A/B", given="C", record_number="7")
    assert name == "20220531_..-CR_A-B_C_7.pdf"


@pytest.mark.parametrize("text", ["", "a", "a@b", "@b.fr", "a b@c.fr", "a@b..fr", '"a"@b.fr', "a@-b.fr", "a\r\nb@c.fr"])
def test_what_is_not_an_address_is_refused(text: str) -> None:
    with pytest.raises(SocleError):
        parse_address(text)


def test_a_delivery_report_reads_back_the_same() -> None:
    outcome = Outcome(
        recipient="x@y.mssante.fr", action=DeliveryAction.FAILED, status="5.1.1", diagnostic="550 5.1.1 inconnu"
    )
    report = DeliveryReport(reporting_server="mx.a.fr", outcomes=(outcome,), envelope_id="E1", text="Échec.\n")
    message = compose_delivery_report(
        report,
        sender=parse_address("mailer-daemon@a.mssante.fr"),
        to="lea.martin@ch-test.mssante.fr",
        date=NOON,
        message_id="<d@a>",
        original_header=b"Message-ID: <1@x>\r\nSubject: a\r\n\r\n",
    )
    assert read_notice(message) == DeliveryReport(
        reporting_server="mx.a.fr",
        outcomes=(outcome,),
        envelope_id="E1",
        original_message_id="<1@x>",
        text="Échec.\n",
    )


def test_a_read_receipt_reads_back_the_same() -> None:
    receipt = ReadReceipt(
        final_recipient="a@b.fr", disposition=Disposition.PROCESSED, original_message_id="<1@x>", is_automatic=True
    )
    message = compose_read_receipt(
        receipt,
        sender=LEA.address,
        to="a@b.fr",
        subject="Lu",
        date=NOON,
        message_id="<m@a>",
        original=b"Subject: a\r\n",
    )
    read = read_notice(message)
    assert isinstance(read, ReadReceipt)
    assert (read.disposition, read.original_message_id, read.is_automatic) == (Disposition.PROCESSED, "<1@x>", True)


def test_the_error_of_the_volet_is_read_although_it_is_no_rfc_8098() -> None:
    message = (
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n"
        b"--b\r\n\r\nKO\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        b"Final-Recipient: rfc822;a@b.fr\r\n"
        b"Disposition: automatic-action/MDN-sent-automatically; processed/Error: 902^Identifiant de patient inconnu\r\n"
        b"--b--\r\n"
    )
    read = read_notice(message)
    assert isinstance(read, ReadReceipt)
    assert read.error == "902^Identifiant de patient inconnu"


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("Le patient a fermé sa messagerie", BounceCause.CLOSED),
        ("Le patient n'a pas été trouvé", BounceCause.NOT_FOUND),
        ("Message trop volumineux", BounceCause.TOO_BIG),
        ("Autre chose", BounceCause.OTHER),
    ],
)
def test_a_bounce_of_mon_espace_sante_tells_its_cause(body: str, cause: BounceCause) -> None:
    message = (
        "From: mailer-daemon@patient.mssante.fr\r\nSubject: Message non =?utf-8?q?distribu=C3=A9?=\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body}"
    ).encode()
    assert bounce_cause(message) == cause

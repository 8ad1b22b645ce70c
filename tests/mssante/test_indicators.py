"""Monthly figures and traces of the operator, and its daily sweep."""

from datetime import date, timedelta

import pytest

from socle.platform.base import Base
from socle.services.mssante.domain import Envelope, MailboxState, Origin, Recipient
from socle.services.mssante.indicators import compute, last_connections, to_csv
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.mail.address import parse_address

from .conftest import DOMAIN, make_box


@pytest.fixture
def service(base: Base) -> MssanteService:
    return MssanteService(base)


def an_envelope(*recipients: str) -> Envelope:
    return Envelope(
        sender=parse_address(f"lea@{DOMAIN}"),
        recipients=tuple(Recipient(parse_address(text)) for text in recipients),
        origin=Origin.SUBMISSION,
        kind="PER",
    )


async def test_the_figures_of_a_month_count_what_happened(service: MssanteService) -> None:
    for local in ("lea", "paul"):
        await service.create(BASE_ACTOR, make_box(local, is_red_listed=local == "paul"))
    header = f"From: lea@{DOMAIN}\r\nX-MSS-NIL: DEV1\r\nX-MSS-CODECDA: 34112-3,PRESC-BIO\r\nX-MSS-INS: O\r\n"
    for n in range(3):
        message = f"{header}Message-ID: <{n}@a>\r\n\r\nx\r\n".encode()
        await service.office.accept(an_envelope(f"paul@{DOMAIN}", f"absent@{DOMAIN}"), message)
    found = await compute(service, date(2026, 3, 15))
    [boxes] = found.boxes
    assert (boxes.kind, boxes.active, boxes.created, boxes.red_listed) == ("PER", 2, 2, 1)
    actions = {(action.action, action.mailbox_kind): action for action in found.actions}
    sent = actions["send", "PER"]
    assert (sent.events, sent.failures, sent.with_ins, sent.same_domain) == (6, 3, 6, 6)
    assert actions["receive", "PER"].events == 3
    assert [(count.name, count.events) for count in found.documents] == [("34112-3", 6), ("PRESC-BIO", 6)]
    assert [(count.name, count.events) for count in found.products] == [("DEV1", 6)]
    assert "5.1.1" in {count.name for count in found.failures}
    lines = to_csv(found).splitlines()
    assert lines[0] == "domaine;mois;sujet;nom;mesure;valeur"
    assert f"{DOMAIN};2026-03;boites;PER;active;2" in lines
    assert (await compute(service, date(2025, 12, 1))).actions == ()


async def test_a_box_without_connection_is_listed_too(service: MssanteService) -> None:
    await service.create(BASE_ACTOR, make_box("lea"))
    [line] = await last_connections(service)
    assert (line.address, line.last_used_at) == (f"lea@{DOMAIN}", None)


async def test_an_idle_box_is_suspended_and_old_traces_are_forgotten(service: MssanteService) -> None:
    await service.create(BASE_ACTOR, make_box("lea"))
    await service.office.accept(an_envelope(f"lea@{DOMAIN}"), f"From: lea@{DOMAIN}\r\n\r\nx\r\n".encode())
    service.base.clock.move(timedelta(days=600))  # type: ignore[attr-defined]
    done = await service.upkeep.sweep()
    assert (done["suspended"], done["traces_forgotten"]) == (1, 2)
    assert (await service.find(f"lea@{DOMAIN}")).state is MailboxState.SUSPENDED
    assert await service.upkeep.traces() == []

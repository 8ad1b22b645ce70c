"""Every address of secure mail in both portals."""

from __future__ import annotations

from socle.portals.arrivals import ArrivalPages
from socle.portals.composing import ComposingPages
from socle.portals.document import DocumentViewer
from socle.portals.mailbox import MailDesk
from socle.portals.messages import MessagePages
from socle.portals.sending import SendingPages
from socle.portals.visit import Page
from socle.services.delivery.intake import IntakeService
from socle.services.delivery.service import DeliveryService
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.mssante.service import MssanteService

Pages = list[tuple[str, str, Page]]


def professional_mail(
    mssante: MssanteService,
    delivery: DeliveryService,
    intake: IntakeService,
    dmp: DmpService,
    ins: InsService,
    viewer: DocumentViewer,
) -> Pages:
    """Under ``/pro``."""
    desk = MailDesk(mssante, base="pro/base.html", path="/pro/messages")
    reading = MessagePages(desk, intake)
    composing = ComposingPages(desk, reading)
    arrivals = ArrivalPages(desk, intake, dmp, ins)
    sending = SendingPages(delivery, mssante, viewer)
    return [
        ("GET", "/envois", sending.acts),
        ("GET", "/envois/{id}", sending.status),
        ("GET", "/dossier/documents/{id:uuid}/envoyer", sending.form),
        ("POST", "/dossier/documents/{id:uuid}/envoyer", sending.send),
        ("GET", "/messages/ecrire", composing.write),
        ("POST", "/messages/ecrire", composing.send),
        ("GET", "/messages/correspondants", composing.contacts),
        ("POST", "/messages/lu/{folder:int}/{uid:int}", composing.confirm),
        ("POST", "/messages/verser/{arrival}", arrivals.file),
        *_common(reading, composing),
    ]


def citizen_mail(mssante: MssanteService, intake: IntakeService, dmp: DmpService, ins: InsService) -> Pages:
    """Under ``/espace``."""
    desk = MailDesk(mssante, base="espace/base.html", path="/espace/messages")
    reading = MessagePages(desk, intake)
    arrivals = ArrivalPages(desk, intake, dmp, ins)
    return [
        ("POST", "/messages/fermer", reading.close_box),
        ("POST", "/messages/rouvrir", reading.reopen_box),
        ("POST", "/messages/garder/{arrival}", arrivals.keep),
        ("POST", "/messages/garder/{folder:int}/{uid:int}/{number:int}", arrivals.keep_file),
        *_common(reading, ComposingPages(desk, reading)),
    ]


def _common(reading: MessagePages, composing: ComposingPages) -> Pages:
    return [
        ("GET", "/messages", reading.threads),
        ("GET", "/messages/piece/{folder:int}/{uid:int}/{number:int}", reading.attachment),
        ("GET", "/messages/{thread}", reading.thread),
        ("POST", "/messages/{thread}/repondre", composing.answer),
        ("POST", "/messages/{thread}/ranger", reading.move),
    ]

"""Every address of the professional's desk."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from socle.portals.mail_routes import Pages, professional_mail
from socle.portals.professional.feed import FeedPages
from socle.portals.professional.patients import PatientPages
from socle.portals.professional.record import RecordPages
from socle.portals.results import ResultPages
from socle.portals.visit import Desk, guarded
from socle.services.delivery.intake import IntakeService
from socle.services.delivery.service import DeliveryService
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.mssante.service import MssanteService
from socle.services.reading.service import ReadingService


def routes(
    desk: Desk,
    dmp: DmpService,
    reading: ReadingService,
    ins: InsService,
    mssante: MssanteService,
    delivery: DeliveryService,
    intake: IntakeService,
) -> list[BaseRoute]:
    """The pages at ``/pro``. None of them knows a table."""
    guard = guarded(desk, "pro/base.html")
    patients = PatientPages(desk, dmp, ins)
    record = RecordPages(dmp, reading)
    feed = FeedPages(dmp, ins, delivery, mssante)
    results = ResultPages(
        reading,
        title="Analyses",
        base="pro/base.html",
        results="/pro/dossier/analyses",
        documents="/pro/dossier/documents",
    )
    pages: Pages = [
        ("GET", "", patients.home),
        ("POST", "/exercice", patients.choose),
        ("POST", "/patients", patients.search),
        ("POST", "/patients/ouvrir", patients.open),
        ("POST", "/patients/quitter", patients.leave),
        ("POST", "/dossier/accord", patients.consent),
        ("POST", "/dossier/urgence", patients.break_glass),
        ("GET", "/activite", patients.activity),
        ("GET", "/dossier", record.timeline),
        ("GET", "/dossier/synthese", record.summary),
        ("GET", "/dossier/analyses", results.results),
        ("GET", "/dossier/analyses/{key}", results.result),
        ("GET", "/dossier/documents/{id:uuid}", record.timeline),
        ("GET", "/dossier/documents/{id:uuid}/original", record.viewer.original),
        ("GET", "/dossier/documents/{id:uuid}/pdf", record.viewer.pdf),
        ("POST", "/dossier/documents/{id:uuid}/changer", record.viewer.change),
        ("GET", "/dossier/alimenter", feed.form),
        ("POST", "/dossier/alimenter", feed.send),
        *professional_mail(mssante, delivery, intake, dmp, ins, record.viewer),
    ]
    return [Route(f"/pro{path}", guard(page), methods=[method]) for method, path, page in pages]

"""Every address of the citizen's space."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from socle.portals.citizen.account import AccountPages
from socle.portals.citizen.documents import DocumentPages
from socle.portals.citizen.health import HealthPages
from socle.portals.citizen.notices import NoticePages
from socle.portals.citizen.rights import RightPages
from socle.portals.mail_routes import Pages, citizen_mail
from socle.portals.results import ResultPages
from socle.portals.visit import Visits, guarded
from socle.services.delivery.intake import IntakeService
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.mssante.service import MssanteService
from socle.services.reading.service import ReadingService


def routes(
    visits: Visits,
    dmp: DmpService,
    reading: ReadingService,
    ins: InsService,
    mssante: MssanteService,
    intake: IntakeService,
) -> list[BaseRoute]:
    """The pages at ``/espace``. None of them knows a table."""
    guard = guarded(visits, "espace/base.html")
    documents = DocumentPages(dmp, reading, ins)
    health = HealthPages(reading)
    results = ResultPages(
        reading,
        title="Mes analyses",
        base="espace/base.html",
        results="/espace/resultats",
        documents="/espace/documents",
    )
    rights = RightPages(dmp)
    notices = NoticePages(dmp)
    account = AccountPages(visits, dmp, reading)
    pages: Pages = [
        ("GET", "", documents.home),
        ("GET", "/documents", documents.timeline),
        ("GET", "/documents/ajouter", documents.add_form),
        ("POST", "/documents/ajouter", documents.add),
        ("GET", "/documents/{id:uuid}", documents.show),
        ("GET", "/documents/{id:uuid}/original", documents.viewer.original),
        ("GET", "/documents/{id:uuid}/pdf", documents.viewer.pdf),
        ("POST", "/documents/{id:uuid}/changer", documents.viewer.change),
        ("GET", "/sante", health.profile),
        ("POST", "/sante", health.write),
        ("POST", "/sante/retirer", health.remove),
        ("GET", "/resultats", results.results),
        ("GET", "/resultats/{key}", results.result),
        ("GET", "/acces", rights.access),
        ("POST", "/acces/reglages", rights.change_settings),
        ("POST", "/acces/bloquer", rights.block),
        ("POST", "/acces/debloquer", rights.unblock),
        ("POST", "/acces/proches", rights.give_mandate),
        ("POST", "/acces/proches/retirer", rights.withdraw_mandate),
        ("GET", "/traces", rights.history),
        ("POST", "/traces/signaler", rights.report),
        ("GET", "/compte", account.show),
        ("POST", "/compte/dossier", account.choose),
        ("GET", "/compte/fermer", account.close_form),
        ("POST", "/compte/fermer", account.close),
        ("POST", "/compte/rouvrir", account.reopen),
        ("POST", "/compte/ouvrir", account.open),
        ("POST", "/compte/opposition", account.oppose),
        ("GET", "/compte/export.zip", account.export),
        ("GET", "/compte/avis", notices.show),
        ("POST", "/compte/avis", notices.propose),
        ("POST", "/compte/avis/code", notices.confirm),
        ("POST", "/compte/avis/choix", notices.choose),
        ("POST", "/compte/avis/retirer", notices.forget),
        *citizen_mail(mssante, intake, dmp, ins),
    ]
    return [Route(f"/espace{path}", guard(page), methods=[method]) for method, path, page in pages]

"""Every address of the citizen's space."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from socle.portals.citizen.account import AccountPages
from socle.portals.citizen.documents import DocumentPages
from socle.portals.citizen.health import HealthPages
from socle.portals.citizen.rights import RightPages
from socle.portals.messages import MessagePages
from socle.portals.results import ResultPages
from socle.portals.visit import Visits, guarded
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.mssante.service import MssanteService
from socle.services.reading.service import ReadingService


def routes(
    visits: Visits, dmp: DmpService, reading: ReadingService, ins: InsService, mssante: MssanteService
) -> list[BaseRoute]:
    """The pages at ``/espace``. None of them knows a table."""
    guard = guarded(visits, "espace/base.html")
    documents = DocumentPages(dmp, reading, ins)
    health = HealthPages(dmp, reading)
    results = ResultPages(
        dmp, reading, base="espace/base.html", results="/espace/resultats", documents="/espace/documents"
    )
    rights = RightPages(dmp)
    account = AccountPages(visits, dmp, reading)
    messages = MessagePages(mssante, base="espace/base.html", path="/espace/messages")
    pages = [
        ("GET", "", documents.home),
        ("GET", "/documents", documents.timeline),
        ("GET", "/documents/ajouter", documents.add_form),
        ("POST", "/documents/ajouter", documents.add),
        ("GET", "/documents/{id:uuid}", documents.show),
        ("GET", "/documents/{id:uuid}/original", documents.original),
        ("GET", "/documents/{id:uuid}/pdf", documents.pdf),
        ("POST", "/documents/{id:uuid}/masquer", documents.hide),
        ("POST", "/documents/{id:uuid}/montrer", documents.unhide),
        ("POST", "/documents/{id:uuid}/supprimer", documents.delete),
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
        ("GET", "/compte/export.zip", account.export),
        ("GET", "/messages", messages.threads),
        ("GET", "/messages/{thread}", messages.thread),
        ("POST", "/messages/{thread}/repondre", messages.answer),
        ("GET", "/messages/piece/{folder:int}/{uid:int}/{number:int}", messages.attachment),
    ]
    return [Route(f"/espace{path}", guard(page), methods=[method]) for method, path, page in pages]

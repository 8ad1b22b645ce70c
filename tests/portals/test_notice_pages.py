"""Being told by mail: the citizen's pages on the whole application, with the sandbox's folder of mail."""

from __future__ import annotations

import asyncio
import re
from email import message_from_bytes, policy
from pathlib import Path

import msgspec

from socle.app import tasks_of
from socle.platform.actor import Purpose
from socle.platform.base import Base
from socle.platform.jobs import run_jobs
from socle.services.dmp.domain import AuthorizationAction, DocumentFilter, FindDocuments

from .conftest import DOCTOR, INS, Portal


def mails(base: Base) -> list[str]:
    folder = Path(base.settings.data) / "courriels"
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    return [message_from_bytes(file.read_bytes(), policy=policy.default).get_content() for file in files]  # type: ignore[attr-defined]


async def post(portal: Portal, path: str, status: int = 200, **form: str | list[str]) -> str:
    answer = await portal.browser.post(f"/espace/compte/avis{path}", data={"csrf": "token", **form})
    assert answer.status_code == status, answer.text
    return answer.text


async def test_a_citizen_gives_an_address_proves_it_and_is_told_by_the_job(portal: Portal) -> None:
    assert "/espace/compte/avis" in await portal.get("/espace/compte")
    assert "nom@exemple.fr" in await post(portal, "", 422, address="lea")
    page = await post(portal, "", address="lea@exemple.test", choix=["acces", "urgence"])
    assert "en attente du code" in page
    (code,) = re.findall(r"\d{6}", mails(portal.services.base)[-1])
    assert "expiré" in await post(portal, "/code", 422, code="12")
    page = await post(portal, "/code", code=code)
    assert "vérifiée" in page
    assert [bool(ticked) for ticked in re.findall(r'name="choix" value="\w+"( checked)?', page)][:4] == [
        True, True, False, False
    ]  # fmt: skip
    await portal.services.dmp.set_authorization(DOCTOR, INS, AuthorizationAction.AJOUT)
    emergency = msgspec.structs.replace(DOCTOR, purpose=Purpose.BRIS_DE_GLACE)
    await portal.services.dmp.query(emergency, FindDocuments(patient=INS, filter=DocumentFilter()))
    stopping = asyncio.Event()
    worker = asyncio.create_task(run_jobs(portal.services.base.database, tasks_of(portal.services), stopping))
    for _ in range(200):
        if len(mails(portal.services.base)) > 1:
            break
        await asyncio.sleep(0.05)
    stopping.set()
    await worker
    assert "en urgence" in mails(portal.services.base)[-1]
    assert "TEST" not in mails(portal.services.base)[-1]


async def test_a_citizen_changes_the_choices_and_ends_them(portal: Portal) -> None:
    await post(portal, "", address="lea@exemple.test", choix=["acces"])
    (code,) = re.findall(r"\d{6}", mails(portal.services.base)[-1])
    await post(portal, "/code", code=code)
    page = await post(portal, "/choix", choix=["documents"])
    ticked = re.findall(r'type="checkbox" id="[^"]+" name="choix" value="(\w+)" checked', page)
    assert ticked == ["documents"]
    page = await post(portal, "/retirer")
    assert "lea@exemple.test" not in page

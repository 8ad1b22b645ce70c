"""`socle account` on a live base: the letter that opens a space, the operator who leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from socle.sandbox import cast
from socle.sandbox.populate import POPULATOR
from socle.server.offline import open_services

pytestmark = [pytest.mark.blackbox, pytest.mark.timeout(180)]

PATIENT = cast.INSI_CASES[1]
PASSWORD = "cheval batterie agrafe"


async def _prepare(settings: Any) -> None:
    async with open_services(settings) as services:
        await services.ins.admit(POPULATOR, PATIENT)
        await services.identity.accounts.add_operator("partante", "Partante", PASSWORD)


def test_a_letter_opens_a_space_and_an_operator_leaves(
    running_base: Any, socle: Callable[..., str], read_hidden: Any
) -> None:
    asyncio.run(_prepare(running_base.settings))
    letter = json.loads(
        socle("account", "citizen", "invite", PATIENT.ins.matricule, "--oid", PATIENT.ins.oid, "--json")
    )
    with httpx.Client(base_url=running_base.url, timeout=30) as http:
        page = http.get("/connexion/activation")
        form = read_hidden(page.text) | {
            "code": letter["code"],
            "matricule": PATIENT.ins.matricule,
            "login": "toussaint@exemple.test",
            "password": PASSWORD,
        }
        assert http.post("/connexion/activation", data=form).headers["location"] == "/connexion/second-facteur"
    operators = json.loads(socle("account", "operator", "list", "--json"))
    assert {"login": "partante", "name": "Partante"} in operators
    assert "fermé" in socle("account", "operator", "remove", "partante")
    assert {"login": "partante", "name": "Partante"} not in json.loads(socle("account", "operator", "list", "--json"))

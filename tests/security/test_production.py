"""What production refuses that a sandbox allows."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from whole_app import PRODUCTION, SANDBOX, http_to

from socle.platform.settings import Settings
from socle.standards.errors import InvalidContent


@pytest.mark.parametrize("address", ["", "http://socle.example", "ftp://socle.example"])
def test_production_is_reached_by_https_or_does_not_start(address: str) -> None:
    told = {"SOCLE_ENVIRONMENT": "production", "SOCLE_PUBLIC_URL": address}
    with pytest.raises(InvalidContent, match="InvalidSetting"):
        Settings.from_environment(told)
    assert not Settings.from_environment(told | {"SOCLE_PUBLIC_URL": "https://socle.example"}).is_sandbox


@pytest.mark.parametrize("environment", [SANDBOX, PRODUCTION])
async def test_browsers_are_told_to_come_to_production_by_https_alone(application: Starlette, environment: str) -> None:
    async with http_to(application) as http:
        answer = await http.get("/health/live")
    assert ("strict-transport-security" in answer.headers) is (environment == PRODUCTION)

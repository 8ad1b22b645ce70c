"""The helpers of these tests are a module beside them."""

import sys
from pathlib import Path

import msgspec
import pytest
from starlette.applications import Starlette

from socle.app import create_app, create_services
from socle.platform.base import Base

sys.path.insert(0, str(Path(__file__).parent))

from whole_app import PRODUCTION, add_production_anchor


@pytest.fixture
async def application(base: Base, environment: str) -> Starlette:
    """The application in ``environment`` (a parameter of the test)."""
    if environment == PRODUCTION:
        add_production_anchor(base.settings.data_path)
    settings = msgspec.structs.replace(base.settings, environment=environment)
    return create_app(create_services(msgspec.structs.replace(base, settings=settings)))

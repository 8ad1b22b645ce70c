"""The composition root: the one place that knows every service."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from socle.platform.base import Base
from socle.platform.clock import Clock, system_clock
from socle.platform.jobs import Task
from socle.platform.settings import Settings
from socle.platform.telemetry import render_metrics
from socle.platform.web import Counted, fail, refuse
from socle.portals import pages
from socle.standards.errors import SocleError

#: Packages with tables, in the order in which their migrations are applied.
MIGRATED_PACKAGES = (
    "socle.platform",
    "socle.services.ins",
    "socle.services.directory",
    "socle.services.identity",
    "socle.services.mssante",
)


class Services(msgspec.Struct, frozen=True):
    """Every service of one process."""

    base: Base


def clock_of(settings: Settings) -> Clock:
    """The clock of this base."""
    return system_clock


def create_services(base: Base) -> Services:
    """Builds the services, each given those that it calls."""
    return Services(base)


def create_app(services: Services) -> Starlette:
    """The web application: every door of every service."""
    application = Starlette(
        routes=[*_health_routes(services.base), *pages.routes()],
        middleware=[Middleware(Counted)],
        exception_handlers={SocleError: refuse, Exception: fail},
    )
    application.state.is_sandbox = services.base.settings.is_sandbox
    return application


def tasks_of(services: Services) -> Mapping[str, Task]:
    """What the job worker can do, by name."""
    return {}


async def enqueue_periodic(services: Services, stopping: asyncio.Event) -> None:
    """Asks for the tasks that recur, until ``stopping`` is set."""
    await stopping.wait()


async def serve_mail(services: Services, stopping: asyncio.Event) -> None:
    """Runs the mail servers until ``stopping`` is set."""
    await stopping.wait()


def _health_routes(base: Base) -> list[BaseRoute]:
    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        async with base.database.connection() as connection:
            await connection.execute("SELECT 1")
        return JSONResponse({"status": "ready"})

    async def metrics(_request: Request) -> Response:
        content, media_type = render_metrics()
        return Response(content, media_type=media_type)

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", metrics)]

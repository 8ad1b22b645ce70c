"""The composition root: the one place that knows every service."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from cryptography import x509
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from socle.platform.base import Base
from socle.platform.clock import Clock, system_clock
from socle.platform.jobs import Task
from socle.platform.metrics import render_metrics
from socle.platform.outgoing import sender_of
from socle.platform.replays import DatabaseReplays
from socle.platform.settings import Settings
from socle.platform.tls import client_context, server_context
from socle.platform.trust import Environment, TrustStore, Usage
from socle.platform.vihf import VihfAuthenticator
from socle.platform.web import Counted, fail, refuse
from socle.portals import pages
from socle.portals.citizen import routes as citizen_pages
from socle.portals.logins import CitizenLogins, DeskLogins, OperatorLogins, authenticate_by_token_or_login
from socle.portals.operator import routes as operator_pages
from socle.portals.professional import routes as professional_pages
from socle.sandbox import admit, pki_http
from socle.sandbox import switches as sandbox_switches
from socle.sandbox.pki import ensure_authority
from socle.sandbox.switches import SandboxSwitches
from socle.services.audit import fhir as audit_fhir
from socle.services.audit.service import AuditService
from socle.services.conformance import pages as conformance_pages
from socle.services.conformance.service import ConformanceService
from socle.services.delivery import intake_rest
from socle.services.delivery import rest as delivery_rest
from socle.services.delivery import tasks as delivery_tasks
from socle.services.delivery.intake import IntakeService
from socle.services.delivery.service import DeliveryService
from socle.services.directory import fhir as directory_fhir
from socle.services.directory.service import DirectoryService
from socle.services.dmp import fhir as dmp_fhir
from socle.services.dmp import soap as dmp_soap
from socle.services.dmp import tasks as dmp_tasks
from socle.services.dmp.service import DmpService
from socle.services.dmp.signature import signature_check
from socle.services.identity import routes as identity_doors
from socle.services.identity import tasks as identity_tasks
from socle.services.identity.service import IdentityService
from socle.services.ins import rest as ins_rest
from socle.services.ins import soap as ins_soap
from socle.services.ins import tasks as ins_tasks
from socle.services.ins.remote import national_insi
from socle.services.ins.service import InsService
from socle.services.mssante import autoconfig
from socle.services.mssante import fhir as mssante_fhir
from socle.services.mssante import process as mail_process
from socle.services.mssante import tasks as mssante_tasks
from socle.services.mssante.publication import DirectoryAddressBook, DirectoryPublisher
from socle.services.mssante.service import MssanteService
from socle.services.mssante.spaces import RecordSpaces
from socle.services.reading import tasks as reading_tasks
from socle.services.reading.service import ReadingService
from socle.standards.errors import SocleError

S = TypeVar("S")

_PERIODIC_LOOK_S = 30

#: Packages with tables, in the order in which their migrations are applied.
MIGRATED_PACKAGES = (
    "socle.platform",
    "socle.services.ins",
    "socle.services.directory",
    "socle.services.identity",
    "socle.services.mssante",
    "socle.services.delivery",
    "socle.services.dmp",
    "socle.services.reading",
    "socle.sandbox",
)


class Services(msgspec.Struct, frozen=True):
    """Every service of one process."""

    base: Base
    trust: TrustStore
    vihf: VihfAuthenticator
    ins: InsService
    directory: DirectoryService
    identity: IdentityService
    conformance: ConformanceService
    dmp: DmpService
    reading: ReadingService
    mssante: MssanteService
    delivery: DeliveryService
    intake: IntakeService


#: What the sandbox makes fail on purpose, and its clock, for the whole process.
SWITCHES = SandboxSwitches()


def clock_of(settings: Settings) -> Clock:
    """The clock of this base: in a sandbox, one that can be set."""
    return SWITCHES.clock if settings.is_sandbox else system_clock


def create_services(base: Base) -> Services:
    """Builds the services, each given those that it calls."""
    trust = load_trust(base.settings)
    directory = DirectoryService(base)
    if base.settings.is_sandbox:
        SWITCHES.follow(base.database)
    ins = InsService(base, national_insi(base), SWITCHES.rehearse_insi, switches=SWITCHES)
    identity = IdentityService(base, directory, trust=trust, switches=SWITCHES, find_patient=ins.find_bearer)

    vihf = VihfAuthenticator(
        trust,
        DatabaseReplays(base.database),
        base.clock,
        SWITCHES,
        requires_client_certificate=not base.settings.is_sandbox,
    )

    def believe(certificate: x509.Certificate) -> None:
        vihf.believe(certificate, Usage.SIGNATURE)

    conformance = ConformanceService(base)
    dmp = DmpService(
        base,
        ins,
        conformance=conformance.feed_verdict,
        check_signature=signature_check(believe),
        send=sender_of(base.settings),
    )
    mssante = MssanteService(
        base,
        verify_token=identity.verify_access_token,
        trust=trust,
        publisher=DirectoryPublisher(directory),
        address_book=DirectoryAddressBook(directory),
        spaces=RecordSpaces(dmp, ins),
    )
    return Services(
        base=base,
        trust=trust,
        vihf=vihf,
        ins=ins,
        directory=directory,
        identity=identity,
        conformance=conformance,
        dmp=dmp,
        reading=ReadingService(base, dmp),
        mssante=mssante,
        delivery=DeliveryService(base, mssante, dmp),
        intake=IntakeService(base, mssante, dmp, ins, conformance),
    )


def load_trust(settings: Settings) -> TrustStore:
    """The authorities that the base believes: the sandbox's own, or in production those in ``data/trust``."""
    if settings.is_sandbox:
        return TrustStore.load(ensure_authority(settings.data_path / "pki").trust_directory)
    return TrustStore.load(Path(settings.data_path / "trust"), Environment.PRODUCTION)


def create_app(services: Services) -> Starlette:
    """The web application: every door of every service."""
    application = Starlette(
        # They are tried one after the other: the doors of most traffic come first.
        routes=[
            *_dmp_routes(services),
            *_health_routes(services.base),
            *pages.routes(),
            *identity_doors.routes(services.identity),
            *directory_fhir.routes(services.directory),
            *_ins_routes(services),
            *conformance_pages.routes(services.conformance),
            *_portal_routes(services),
            *delivery_rest.routes(services.delivery, services.identity.authenticate),
            *intake_rest.routes(services.intake, services.mssante, services.identity.authenticate),
            *autoconfig.routes(services.base.settings),
            *mssante_fhir.routes(services.mssante, holders=DirectoryPublisher(services.directory)),
            *(_sandbox_routes(services) if services.base.settings.is_sandbox else ()),
        ],
        middleware=[Middleware(Counted)],
        exception_handlers={SocleError: refuse, Exception: fail},
    )
    application.state.is_sandbox = services.base.settings.is_sandbox
    return application


def _dmp_routes(services: Services) -> list[BaseRoute]:
    base = services.base
    return [
        *dmp_soap.routes(services.dmp, services.ins, services.vihf, base),
        *dmp_fhir.routes(services.dmp, services.identity.authenticate),
        *audit_fhir.routes(
            AuditService(base, services.dmp),
            authenticate_by_token_or_login(
                services.identity,
                CitizenLogins(services.identity, services.dmp, services.ins),
                OperatorLogins(services.identity),
            ),
        ),
    ]


def _portal_routes(services: Services) -> list[BaseRoute]:
    citizens = CitizenLogins(services.identity, services.dmp, services.ins)
    desk = DeskLogins(services.identity)
    return [
        *citizen_pages.routes(
            citizens, services.dmp, services.reading, services.ins, services.mssante, services.intake
        ),
        *professional_pages.routes(
            desk,
            services.dmp,
            services.reading,
            services.ins,
            services.mssante,
            services.delivery,
            services.intake,
        ),
        *operator_pages.routes(OperatorLogins(services.identity), services.base, services.dmp),
    ]


def _sandbox_routes(services: Services) -> list[BaseRoute]:
    """Doors that give test identities to whoever asks: they exist in the sandbox alone."""
    base = services.base
    authority = ensure_authority(base.settings.data_path / "pki")
    return [
        *sandbox_switches.routes(SWITCHES, services.base.database, services.base.settings),
        *pki_http.routes(authority, services.directory, base.clock),
        *admit.routes(services.ins, services.dmp),
    ]


def _ins_routes(services: Services) -> list[BaseRoute]:
    settings = services.base.settings
    identify = ins_soap.identify_caller(services.trust, services.base.clock, is_sandbox=settings.is_sandbox)
    return [
        *ins_soap.routes(services.ins, identify, settings.base_url, requires_certificate=not settings.is_sandbox),
        *ins_rest.routes(services.ins, services.identity.authenticate),
    ]


def tasks_of(services: Services) -> Mapping[str, Task]:
    """What the job worker can do, by name."""
    return {
        **_bound(services.ins, ins_tasks.TASKS),
        **_bound(services.identity, identity_tasks.TASKS),
        **_bound(services.reading, reading_tasks.TASKS),
        **_bound(services.dmp, dmp_tasks.TASKS),
        **_bound(services.mssante, mssante_tasks.TASKS),
        **_bound(services.delivery, delivery_tasks.TASKS),
        **_bound(services.intake, delivery_tasks.INTAKE_TASKS),
        "audit.sign_heads": partial(_sign_heads, services.base),
        "audit.forget": partial(_forget_traces, services.base),
    }


def _bound(service: S, tasks: Mapping[str, Callable[[S, bytes], Awaitable[None]]]) -> dict[str, Task]:
    return {name: partial(task, service) for name, task in tasks.items()}


async def _sign_heads(base: Base, _payload: bytes) -> None:
    await base.audit.sign_heads()


async def _forget_traces(base: Base, _payload: bytes) -> None:
    await base.audit.forget()


#: Tasks that recur, and how often. A task is not asked for again while it waits or runs.
PERIODIC = {
    "dmp.sweep": timedelta(hours=1),
    "identity.sweep": timedelta(hours=1),
    "ins.sweep": timedelta(hours=6),
    "delivery.sweep": timedelta(days=1),
    "mssante.sweep": timedelta(days=1),
    "mssante.refresh_whitelist": timedelta(hours=6),
    "audit.sign_heads": timedelta(days=1),
    "audit.forget": timedelta(days=1),
}


async def enqueue_periodic(services: Services, stopping: asyncio.Event) -> None:
    """Asks for the tasks that recur, until ``stopping`` is set."""
    base = services.base
    due = dict.fromkeys(PERIODIC, 0.0)
    while not stopping.is_set():
        now = time.monotonic()
        for task in [task for task, at in due.items() if at <= now]:
            async with base.database.transaction() as connection:
                await base.jobs.enqueue(connection, task, dedupe_key=task)
            due[task] = now + PERIODIC[task].total_seconds()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _PERIODIC_LOOK_S)


async def serve_mail(services: Services, stopping: asyncio.Event) -> None:
    """Runs the mail servers until ``stopping`` is set."""
    pki = services.base.settings.data_path / "pki"
    has_certificate = (pki / "server.pem").exists()
    await mail_process.serve(
        services.mssante,
        stopping,
        tls=server_context(pki) if has_certificate else None,
        relay_tls=client_context(pki) if has_certificate else None,
    )


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

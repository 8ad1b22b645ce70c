"""What a command does on the base of a directory, whether `socle serve` runs there or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import Parameter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from socle.app import Services

T = TypeVar("T")

Data = Annotated[str | None, Parameter(help="Dossier des données (par défaut .socle).")]


def work_offline(data: str | None, use: Callable[[Services], Awaitable[T]]) -> T:
    """The result of ``use`` on the services of the base in ``data``, or of the settings. Raises what ``use`` raises."""
    import asyncio

    from socle.platform.settings import Settings
    from socle.server.offline import open_services

    async def work() -> T:
        async with open_services(Settings.from_environment(data=data)) as services:
            return await use(services)

    return asyncio.run(work())

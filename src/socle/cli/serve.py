"""`socle serve`: runs the base."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from socle.cli.offline import Data


def serve(
    *,
    data: Data = None,
    host: Annotated[str | None, Parameter(help="Adresse d'écoute.")] = None,
    port: Annotated[int | None, Parameter(help="Port HTTP.")] = None,
    tls_port: Annotated[int | None, Parameter(help="Port HTTPS avec certificats clients ; 0 : aucun.")] = None,
    workers: Annotated[int | None, Parameter(help="Processus web ; 0 : un par cœur.")] = None,
    mail: Annotated[bool, Parameter(help="Ouvrir aussi les ports de messagerie.")] = True,
) -> None:
    """Démarre la base, affiche « ready <url> » quand elle répond, et sert jusqu'à Ctrl-C."""
    from socle.platform.settings import Settings
    from socle.platform.telemetry import configure_logs
    from socle.server.supervisor import Supervisor

    settings = Settings.from_environment(data=data, host=host, port=port, tls_port=tls_port, workers=workers)
    settings = settings if mail else settings.without_mail()
    configure_logs(settings.log_level)
    Supervisor(settings).run(lambda url: print(f"ready {url}", flush=True))

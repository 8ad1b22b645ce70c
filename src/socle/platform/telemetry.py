"""Structured logs without personal data, and where metrics are collected."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import structlog

#: Anything that looks like a matricule INS is cut out of a log line, whatever put it there.
_MATRICULE = re.compile(r"\b[1-8]\d{5}[0-9AB]\d{6}(?:\d{2})?\b")
#: Fields that no log line may carry.
DENIED_FIELDS = frozenset({"ins", "matricule", "patient", "name", "family", "given", "birth_date", "traits", "token"})


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Removes denied fields and anything like a matricule.

    >>> redact(None, "info", {"event": "seen 284076938304258", "ins": "x"})
    {'event': 'seen [INS]'}
    """
    for field in DENIED_FIELDS & event.keys():
        del event[field]
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _MATRICULE.sub("[INS]", value)
    return event


def configure_logs(level: str) -> None:
    """JSON lines on standard error; the standard library's loggers (server, database) go the same way."""
    processors: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *processors,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=processors,
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Request lines would hold addresses and paths with identifiers; the doors count requests themselves.
    for noisy in ("uvicorn.access", "uvicorn.error", "pgqueuer", "httpx", "weasyprint", "fontTools", "pikepdf"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def collect_metrics_in(directory: Path) -> None:
    """Makes all processes that descend from this one count in files of ``directory``, which is emptied.

    Call it before ``socle.platform.metrics`` is imported: the library looks once.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)

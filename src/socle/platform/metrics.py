"""Prometheus metrics, summed over all processes."""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

REQUESTS = Counter(
    "socle_http_requests_total", "HTTP requests, by door, method and status.", ["door", "method", "status"]
)
REQUEST_SECONDS = Histogram(
    "socle_http_request_seconds",
    "Time to answer, by door.",
    ["door"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
DOCUMENTS = Counter("socle_documents_total", "Documents accepted into the DMP, by door.", ["door"])
REFUSALS = Counter("socle_refusals_total", "Refused requests, by door and code.", ["door", "code"])


def render_metrics() -> tuple[bytes, str]:
    """The metrics of all processes (of this one alone if it runs alone), and their content type."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST

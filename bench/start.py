"""How long `socle serve` takes to be ready: on an empty directory, then on the one it left."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.measure import free_port, keep, now, show, started

_AGAIN = 5


def main() -> None:
    """Starts, prints, keeps."""
    data = Path(tempfile.mkdtemp(prefix="socle-bench-"))
    rows: list[dict[str, object]] = []
    try:
        for number in range(1 + _AGAIN):
            began = now()
            with started(data, tls_port=free_port()) as server:
                ready_s, cpu_s = now() - began, sum(server.cpu_s().values())
                directory = "existing" if number else "empty"
                rows.append(
                    {"directory": directory, "ready_s": ready_s, "cpu_s": cpu_s, "memory_mib": server.memory_mib()}
                )
    finally:
        shutil.rmtree(data, ignore_errors=True)
    show("Start of `socle serve`", rows)
    print(keep("start", rows))


if __name__ == "__main__":
    main()

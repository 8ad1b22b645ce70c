"""What every benchmark needs: a base of its own, the CPU time of its processes, percentiles, raw results on disk."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from socle.platform.settings import Settings

RESULTS = Path(__file__).parent / "results"


class Server:
    """A running `socle serve` of the benchmark's own."""

    def __init__(self, settings: Settings, process: subprocess.Popen[str]) -> None:
        self.settings = settings
        self.url = settings.base_url
        self._root = psutil.Process(process.pid)
        self._peak_mib = 0.0
        self._used_s: dict[tuple[str, int], float] = {}
        threading.Thread(target=self._watch_memory, daemon=True).start()

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds used so far, by kind of process: ``socle`` (web, jobs, mail, supervisor), ``postgres``."""
        for process in [self._root, *self._root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                kind = "postgres" if process.name().startswith("postgres") else "socle"
                self._used_s[kind, process.pid] = times.user + times.system
        # What a process used that has ended since stays used.
        used: dict[str, float] = {}
        for (kind, _), spent_s in self._used_s.items():
            used[kind] = used.get(kind, 0.0) + spent_s
        return used

    def memory_mib(self) -> float:
        """Proportional memory of all processes together, MiB."""
        total = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                info = process.memory_full_info()
                total += getattr(info, "pss", info.rss)
        return total / 1024 / 1024

    def peak_memory_mib(self) -> float:
        """The largest ``memory_mib`` seen so far, looked at each second."""
        return max(self._peak_mib, self.memory_mib())

    def _watch_memory(self) -> None:
        while self._root.is_running():
            with contextlib.suppress(psutil.Error):
                self._peak_mib = max(self._peak_mib, self.memory_mib())
            time.sleep(1)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(**overrides: object) -> Iterator[Server]:
    """A base on a new directory, with two web workers; removed at the end."""
    data = Path(tempfile.mkdtemp(prefix="socle-bench-"))
    try:
        with started(data, **overrides) as server:
            yield server
    finally:
        shutil.rmtree(data, ignore_errors=True)


@contextlib.contextmanager
def started(data: Path, **overrides: object) -> Iterator[Server]:
    """A base on ``data``, with two web workers and without mail, from its ready line on."""
    mail = ("smtp_port", "submission_port", "submissions_port", "imap_port", "imaps_port")
    settings = msgspec.structs.replace(
        Settings(data=str(data), port=free_port(), tls_port=0, workers=2, log_level="ERROR"),
        **(dict.fromkeys(mail, 0) | overrides),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "socle.cli", "serve"],
        env=os.environ | settings.to_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline().startswith("ready"):
            raise RuntimeError("the base did not start")
        yield Server(settings, process)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of ``values`` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def keep(name: str, rows: Sequence[dict[str, object]]) -> Path:
    """Writes raw results with machine and date; returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    record = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(),
            "memory_gib": psutil.virtual_memory().total >> 30,
            "arch": platform.machine(),
        },
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "rows": list(rows),
    }
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    return path


def show(title: str, rows: Sequence[dict[str, object]]) -> None:
    """Prints ``rows`` as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column, justify="right" if not isinstance(rows[0][column], str) else "left")
    for row in rows:
        table.add_row(*(f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console(width=140).print(table)


def now() -> float:
    """Seconds, for differences."""
    return time.perf_counter()

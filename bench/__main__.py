"""`make bench`: every benchmark, one after the other; or those named on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_NOT_BENCHES = {"__init__", "__main__", "measure", "population", "traffic"}


def main() -> None:
    """Runs each in a process of its own, with its own options."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NOT_BENCHES)
    for name in sys.argv[1:] or found:
        print(f"\n== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"bench.{name}"], check=True)


if __name__ == "__main__":
    main()

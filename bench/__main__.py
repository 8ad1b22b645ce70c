"""`make bench`: every benchmark, one after the other; or those named on the command line."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

_NOT_BENCHES = {"__init__", "__main__", "measure"}


def main() -> None:
    """Runs them."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NOT_BENCHES)
    for name in sys.argv[1:] or found:
        print(f"\n== {name}", flush=True)
        import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()

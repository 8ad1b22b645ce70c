"""Threads that decode the same struct for the first time do not crash the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

_THREADS_AT_ONCE = """
import sys, threading
import msgspec
from socle.server.structs import learn_structs
from socle.standards.fhir.resources import Bundle

learn_structs()
sys.setswitchinterval(1e-6)
together = threading.Barrier(6)

def decode() -> None:
    together.wait()
    msgspec.json.decode(b'{"type": "collection", "entry": [{"fullUrl": "urn:x"}]}', type=Bundle)

threads = [threading.Thread(target=decode) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


@pytest.mark.parametrize("attempt", range(4))
def test_structs_are_learnt_before_threads_decode_them(attempt: int) -> None:
    done = subprocess.run([sys.executable, "-c", _THREADS_AT_ONCE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

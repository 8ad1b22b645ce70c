import subprocess
import sys

import psutil

_PARENT = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from socle.services.conformance.worker import worker_pool
if __name__ == "__main__":
    pool = worker_pool(sys.argv[1], own=True)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(600)
"""


def test_processes_that_judge_end_with_the_one_that_asks_them_however_it_ends(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(_PARENT)
    parent = subprocess.Popen([sys.executable, str(script), str(tmp_path / "rules")], stdout=subprocess.PIPE)
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    parent.kill()
    parent.wait()
    child.wait(timeout=30)

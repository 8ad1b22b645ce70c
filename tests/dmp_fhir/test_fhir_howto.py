"""The commands of the how-to page do what it says, on a live base."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "dmp-fhir.md"


@pytest.mark.blackbox
def test_the_how_to_page_runs_as_written(running_base: RunningBase, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is missing")
    text = PAGE.read_text("utf-8")
    commands = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)[0]
    document = json.loads(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[0])
    (tmp_path / "document.json").write_text(json.dumps(document))
    script = "set -e\n" + commands.replace("BASE=http://127.0.0.1:8000", f"BASE={running_base.url}")
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert '"total":1' in done.stdout
    assert "MASQUE_PS" in done.stdout
    assert '"resourceType":"AuditEvent"' in done.stdout

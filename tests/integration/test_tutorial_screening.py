"""The tutorial on screening runs as it is written, and finds what it says."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "screening.md"
BIN = str(Path(sys.executable).parent)


def test_every_block_runs_in_order(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(python|sh)\n(.*?)^```", text, re.M | re.S)
    assert [kind for kind, _ in blocks].count("python") == 1 and len(blocks) >= 8
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    said = ""
    for kind, block in blocks:
        command = [sys.executable, "-c", block] if kind == "python" else ["bash", "-ec", block]
        environment = {**os.environ, "PATH": path}
        done = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300, env=environment
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        said += done.stdout + done.stderr
    assert "5 near-duplicates got the answer" in said or "4 near-duplicates got the answer" in said
    assert "of all odd items are known by now" in said
    assert json.loads((tmp_path / "claim.json").read_text())["claim"]["state"] == "read"
    with (tmp_path / "escalate.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) >= 4
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "What found them" in page and "At least" in page

"""The command line as others call it: a process of its own, real files, stdout, stderr and exit codes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

LABELSIEVE = str(Path(sys.executable).with_name("labelsieve"))
PATIENCE = 300  # seconds: what hangs ends, and what is slow on a loaded machine does not


def run(place: Path, *words: str | Path, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    """What `labelsieve WORDS` says, called in the folder `place`; it leaves with `code` and without a traceback."""
    done = subprocess.run(
        [LABELSIEVE, *map(str, words)],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        **options,
    )
    assert done.returncode == code, f"labelsieve {' '.join(map(str, words))}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr or "--traceback" in words
    return done

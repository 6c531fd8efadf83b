"""What all tests share: where the real data are, and a home that no test writes into."""

import os
import signal
import sys
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # workers fill the cores already: threads of each would only wait
    os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a shell's background job: the programs that tests start
    signal.signal(signal.SIGINT, signal.default_int_handler)  # would inherit it, and never hear a Ctrl-C
sys.path.insert(0, str(Path(__file__).parent))  # toy_*.py and command_line.py, whatever the folder of the test

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout; the test skips, saying so, where there is none."""
    if not SHARED.is_dir():
        pytest.skip("the real data (../shared/data) are not beside this checkout")
    return SHARED


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a hub by accident; one that plays a hub on loopback sets these itself."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")

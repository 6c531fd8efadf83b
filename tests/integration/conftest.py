"""What several integration tests start from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_server import RUNNING, browser

import labelsieve as ls
from labelsieve.testing.digits import write_digits


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 300 digits, and digits.sieve, which has them embedded; tests work on copies of it."""
    home = tmp_path_factory.mktemp("digits")
    with ls.create(home / "digits.sieve", write_digits(home / "digits", 300), seed=3) as project:
        project.embed()
    return home


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium for the tests of a module."""
    with browser() as opened:
        yield opened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Any:
    """A test that fails shows what the servers that it used have said."""
    report = yield
    if report.failed:
        report.sections += [(f"stderr of the server of {server.root}", server.errors()) for server in RUNNING]
    return report

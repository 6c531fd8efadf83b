"""What several integration tests start from."""

from pathlib import Path

import pytest

import labelsieve as ls
from labelsieve.testing.digits import write_digits


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 300 digits, and digits.sieve, which has them embedded; tests work on copies of it."""
    home = tmp_path_factory.mktemp("digits")
    with ls.create(home / "digits.sieve", write_digits(home / "digits", 300), seed=3) as project:
        project.embed()
    return home

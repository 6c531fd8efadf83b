"""labelsieve plan, as it is called."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

LABELSIEVE = str(Path(sys.executable).with_name("labelsieve"))


def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([LABELSIEVE, "plan", *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_a_claim_that_is_affordable() -> None:
    said = run("--pool", "1e6", "--prevalence", "1e-3", "--recall", "0.9").stdout
    assert "26392" in said and "An honest claim is affordable: 26,392 labels" in said
    assert "instead" not in said


def test_a_claim_that_is_not() -> None:
    said = run("--pool", "1e6", "--prevalence", "1e-4", "--recall", "0.9").stdout
    assert "No honest claim of this recall is affordable: it takes 220,921 labels" in said
    assert "14 for 0.8, 29 for 0.9, 59 for 0.95" in said and "ASSUMED" in said
    assert "at most 1 in" in said


def test_nothing_to_find() -> None:
    assert "less than one odd item" in run("--pool", "1000", "--prevalence", "1e-4").stdout


def test_as_json() -> None:
    words = ("--pool", "1e6", "--prevalence", "1e-4", "--recall", ".9", "--looks", "2", "--seconds-per-sheet", "60")
    told = json.loads(run(*words, "--json").stdout)
    assert told["each_look"] == pytest.approx(1 - 0.05 / 3)
    assert told["audit"]["hours"] == pytest.approx(told["audit"]["sheets"] / 60)
    assert told["affordable"] is False
    assert told["rest_within"]["confidence"] == told["each_look"]


@pytest.mark.parametrize(
    ("option", "value", "named"),
    [
        ("--pool", "-5", "pool"),
        ("--recall", "90", "recall"),
        ("--confidence", "1", "confidence"),
        ("--looks", "0", "looks"),
    ],
)
def test_numbers_that_cannot_be(option: str, value: str, named: str) -> None:
    words = {"--pool": "1e6", "--prevalence": "1e-4", option: value}
    done = run(*(word for pair in words.items() for word in pair), code=1)
    assert f"{named} is" in done.stderr and "Hint:" in done.stderr
    assert "Traceback" not in done.stderr

"""labelsieve plan, as it is called."""

import json
import subprocess
from pathlib import Path

import pytest
from command_line import run


def plan(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    return run(Path(), "plan", *words, code=code)


def test_a_claim_that_is_affordable() -> None:
    said = plan("--pool", "1e6", "--prevalence", "1e-3", "--recall", "0.9").stdout
    assert "26392" in said and "An honest claim is affordable: 26,392 labels" in said
    assert "instead" not in said


def test_a_claim_that_is_not() -> None:
    said = plan("--pool", "1e6", "--prevalence", "1e-4", "--recall", "0.9").stdout
    assert "No honest claim of this recall is affordable: it takes 220,921 labels" in said
    assert "14 for 0.8, 29 for 0.9, 59 for 0.95" in said and "ASSUMED" in said
    assert "at most 1 in" in said


def test_nothing_to_find() -> None:
    assert "less than one odd item" in plan("--pool", "1000", "--prevalence", "1e-4").stdout


def test_as_json() -> None:
    words = ("--pool", "1e6", "--prevalence", "1e-4", "--recall", ".9", "--looks", "2", "--seconds-per-sheet", "60")
    told = json.loads(plan(*words, "--json").stdout)
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
    done = plan(*(word for pair in words.items() for word in pair), code=1)
    assert f"{named} is" in done.stderr and "Hint:" in done.stderr


def test_percent_and_thousands() -> None:
    assert plan("--pool", "5k", "--prevalence", "8%").stdout == plan("--pool", "5000", "--prevalence", "0.08").stdout
    refused = plan("--pool", "5x", "--prevalence", "0.1", code=2)
    assert "'5x' is no number" in refused.stderr and "5k" in refused.stderr

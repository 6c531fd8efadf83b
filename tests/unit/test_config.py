"""labelsieve.toml as a person may have edited it: every wrong value is named, with what was expected."""

from pathlib import Path
from typing import Any

import pytest

from labelsieve.core.errors import InputError
from labelsieve.project import config

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("sources", {"sources": 5}),
    ("sources", {"sources": ["a"]}),
    ("path", {"sources": [{"path": 5}]}),
    ("text", {"sources": [{"path": "a", "text": 5}]}),
    ("columns", {"sources": [{"path": "a", "columns": 7}]}),
    ("columns", {"sources": [{"path": "a", "columns": "abc"}]}),
    ("tasks", {"tasks": 1}),
    ("main", {"tasks": {"main": 3}}),
    ("kind", {"tasks": {"main": {"kind": ["a"]}}}),
    ("size", {"tasks": {"main": {"size": "x"}}}),
    ("size", {"tasks": {"main": {"size": True}}}),
    ("classes", {"tasks": {"main": {"classes": "abc"}}}),
    ("budget_labels", {"tasks": {"main": {"budget_labels": -5}}}),
    ("budget_money", {"tasks": {"main": {"budget_money": float("nan")}}}),
    ("seed", {"seed": "abc"}),
    ("seed", {"seed": -1}),
    ("seed", {"seed": 1.5}),
    ("cost", {"cost": "x"}),
    ("costs", {"costs": 3}),
    ("ann of costs", {"costs": {"ann": "x"}}),
    ("embeddings", {"embeddings": "../../etc"}),
    ("embeddings", {"embeddings": "a\\b"}),
    ("embedings", {"embedings": "x"}),
]


@pytest.mark.parametrize(("name", "raw"), WRONG)
def test_a_wrong_value_is_named(name: str, raw: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=name):
        config.parse(raw)


def test_good_values_stay(tmp_path: Path) -> None:
    task = {"kind": "screen", "classes": ["a", 7], "budget_minutes": 3, "dull": "no"}
    raw = {"seed": 3, "costs": {"ann": 1}, "tasks": {"main": task}, "sources": [{"path": "a", "columns": ["x", "y"]}]}
    settings = config.parse(raw)
    assert settings.tasks["main"].classes == ("a", "7")
    assert settings.sources[0].options.columns == ("x", "y")
    config.write(tmp_path, settings)
    assert config.read(tmp_path) == settings

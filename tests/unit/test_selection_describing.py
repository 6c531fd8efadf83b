"""What `labelsieve strategies` lists: three short lines for each built-in, and plug-ins of others the same way."""

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labelsieve.cli.main import app
from labelsieve.core import plugins
from labelsieve.core.errors import UnknownName
from labelsieve.selection.describing import described, known_candidates, known_strategies

LONGEST = 110


def theirs(state, n, rng):
    """A query (n,) of items that somebody
    else likes.

    More about it.

    Source: somebody 2030,
    page 4. Cost: O(1).
    """


def bare(state, n, rng): ...


def test_the_three_lines_are_read_from_a_docstring() -> None:
    found = described("theirs", theirs)
    assert found.line == "Items that somebody else likes."
    assert found.source == "somebody 2030, page 4."
    assert found.cost == "O(1)."
    assert described("bare", bare).line == ""


@pytest.mark.parametrize("name", plugins.names("strategies"))
def test_every_strategy_says_what_it_asks_for_where_it_comes_from_and_what_it_costs(name: str) -> None:
    found = described(name, plugins.load("strategies", name))
    for line in (found.line, found.source, found.cost):
        assert 0 < len(line) < LONGEST, line
    assert found.line.endswith(".")


def test_every_kind_of_candidates_says_what_it_is_and_its_options() -> None:
    found = {entry.name: entry for entry in known_candidates()}
    assert set(found) == set(plugins.names("candidates"))
    assert all(entry.line.endswith(".") for entry in found.values())
    assert found["part"].options == ("limit",)
    assert "k=100" in found["seals"].options
    assert found["everything"].options == ()


def test_a_plugin_of_others_is_listed_like_a_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = plugins._entries("strategies") | {"theirs": EntryPoint("theirs", "labelsieve.core.plugins:load", "x")}
    load = plugins.load
    monkeypatch.setattr(plugins, "_entries", lambda group: entries if group == "strategies" else {})
    monkeypatch.setattr(plugins, "load", lambda group, name: theirs if name == "theirs" else load(group, name))
    assert described("theirs", theirs) in known_strategies()
    assert "\n  Source: somebody 2030, page 4.\n" in CliRunner().invoke(app, ["strategies", "theirs"]).stdout


def test_the_verb_lists_all_of_them() -> None:
    shown = CliRunner().invoke(app, ["strategies"])
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert set(plugins.names("strategies")) <= set(lines)
    assert "part(limit)" in lines
    told = json.loads(CliRunner().invoke(app, ["strategies", "--json"]).stdout)
    assert [entry["name"] for entry in told["strategies"]] == plugins.names("strategies")
    assert {"name", "line", "source", "cost", "options"} == set(told["candidates"][0])


def test_a_name_that_there_is_not_lists_what_there_is() -> None:
    failed = CliRunner().invoke(app, ["strategies", "margine"])
    assert isinstance(failed.exception, UnknownName)
    assert "Did you mean 'margin'?" in str(failed.exception)
    assert "weighted_kmeans" in str(failed.exception)


def test_the_page_with_the_picture_names_every_strategy() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    families = (docs / "pictures.py").read_text(encoding="utf-8")
    assert [name for name in plugins.names("strategies") if f'"{name}"' not in families] == []
    assert (docs / "images" / "strategies.png").stat().st_size > 50_000

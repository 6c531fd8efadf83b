"""Strategies by text in every door: next, simulate, labelsieve.toml and Python; and prices from a column."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import labelsieve as ls
from labelsieve.cli.main import app
from labelsieve.testing.toys import toy_classes

TOY = toy_classes(200, spread=1.2)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of 200 rows with embeddings, and a price each: the first hundred are dear."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"number": [f"n{i}" for i in range(200)], "price": [50.0 if i < 100 else 2.0 for i in range(200)]}
    columns |= {"truth": [TOY.classes[k] for k in TOY.y], "x": TOY.x.tolist()}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    with ls.create(tmp_path / "rows.sieve", tmp_path / "rows.parquet", embeddings="x", key="number") as made:
        made.embed()
        known = np.arange(0, 200, 5)
        made.label([f"n{i}" for i in known], [TOY.classes[TOY.y[i]] for i in known], by="ann")
    return tmp_path / "rows.sieve"


def setting(project: Path, line: str) -> None:
    path = project / "labelsieve.toml"
    path.write_text(path.read_text().replace("[tasks.main]", f"[tasks.main]\n{line}"))


def test_next_takes_a_text_and_remembers_it(project: Path) -> None:
    text = "random@0 -> part(limit=40) | margin"
    with ls.open(project) as opened:
        asked = opened.next(5, strategy=text)
        assert asked.query.strategy == text
        assert asked.query.scored == 40
        row = opened.context.conn.execute("SELECT strategy FROM queries ORDER BY id DESC LIMIT 1").fetchone()
        assert row[0] == text
    found = CliRunner().invoke(app, ["next", str(project), "-n", "5", "--strategy", text, "--format", "json"])
    assert found.exit_code == 0
    assert [row["key"] for row in json.loads(found.stdout)] == [item.key for item in asked.items]


def test_labelsieve_toml_takes_a_text(project: Path) -> None:
    setting(project, 'strategy = "typiclust@9 -> margin"')
    with ls.open(project) as opened:
        assert opened.next(5).query.strategy == "typiclust@9 -> margin"
        assert opened.next(5).query.why[0].startswith("typical of a cluster")


def test_simulate_takes_a_list_whose_options_hold_commas(project: Path, tmp_path: Path) -> None:
    listed = "seals(k=5, explore=0.5) | margin,random@1 -> entropy"
    out = tmp_path / "out.json"
    words = ["simulate", str(project), "--truth", "truth", "--budget", "20", "--batch", "10", "--seeds", "1"]
    done = CliRunner().invoke(app, [*words, "--strategy", "margin", "--against", listed, "--json", str(out)])
    assert done.exit_code == 0, done.output
    played = set(json.loads(out.read_text())["summary"])
    assert played == {"random", "margin", "seals(k=5, explore=0.5) | margin", "random@1 -> entropy"}


@pytest.mark.parametrize("text", ["margine", "part(limit=5) | margine", "margine@2 -> random"])
def test_an_unknown_name_lists_what_there_is(project: Path, text: str) -> None:
    failed = CliRunner().invoke(app, ["next", str(project), "--strategy", text])
    assert isinstance(failed.exception, ls.UnknownName)
    for name in ("alfa_mix", "margin", "weighted_kmeans"):
        assert name in str(failed.exception)


def test_prices_come_from_a_column(project: Path) -> None:
    setting(project, 'price = "price"')
    with ls.open(project) as opened:
        margin, cost = (opened.next(10, strategy=name) for name in ("margin", "cost"))

    def dear(asked) -> int:
        searched = zip(asked.items, asked.query.purpose, strict=True)
        return sum(int(item.key[1:]) < 100 for item, purpose in searched if purpose == "search")

    assert dear(cost) == 0
    assert dear(margin) > 0


def test_a_price_column_that_is_not_there_is_named(project: Path) -> None:
    setting(project, 'price = "fee"')
    with ls.open(project) as opened, pytest.raises(ls.UnknownName, match="fee.*price"):
        opened.next(5, strategy="cost")


def test_a_price_that_is_no_number_is_named(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("w", newline="") as file:
        rows = [["text", "fee"], *([f"word {i} of {i % 7}", "free" if i == 17 else "2"] for i in range(40))]
        csv.writer(file).writerows(rows)
    with ls.create(tmp_path / "t.sieve", tmp_path / "t.csv", text="text") as opened:
        opened.embed(engine="words")
        asked = opened.next(12, strategy="random")
        opened.label(asked.ids, ["a", "b", "c"] * 4, by="ann", query=asked.id)
    setting(tmp_path / "t.sieve", 'price = "fee"')
    with ls.open(tmp_path / "t.sieve") as opened, pytest.raises(ls.InputError, match="'fee' is free"):
        opened.next(5, strategy="cost")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("margin", {"margin"}),
        ("seals(k=50, explore=0.1) | badge", {"seals", "badge"}),
        ("typiclust@2 -> part(limit=9) | margin", {"typiclust", "part", "margin"}),
    ],
)
def test_strategies_describes_what_a_text_names(text: str, names: set[str]) -> None:
    done = CliRunner().invoke(app, ["strategies", text, "--json"])
    assert done.exit_code == 0, done.output
    assert {entry["name"] for part in json.loads(done.stdout).values() for entry in part} == names


def test_strategies_says_which_name_of_a_text_is_wrong() -> None:
    assert "'badg'" in str(CliRunner().invoke(app, ["strategies", "seals | badg"]).exception)
    fact = str(CliRunner().invoke(app, ["strategies", "nope"]).exception)
    assert "'nope'" in fact and fact.count(" auto,") == 1


def test_one_seed_says_that_it_has_no_interval(project: Path, tmp_path: Path) -> None:
    words = ["simulate", str(project), "--truth", "truth", "--budget", "20", "--batch", "10", "--strategy", "margin"]
    assert "One seed has no interval" in CliRunner().invoke(app, [*words, "--seeds", "1"]).stdout
    assert "no interval" not in CliRunner().invoke(app, [*words, "--seeds", "2"]).stdout


@pytest.mark.parametrize("given", [{"strategy": ""}, {"strategy": " "}, {"candidates": ""}])
def test_an_empty_text_is_no_strategy(project: Path, given: dict[str, str]) -> None:
    with ls.open(project) as opened, pytest.raises(ls.InputError, match="is no strategy|names no candidates"):
        opened.next(3, **given)


@pytest.mark.parametrize("n", [2.5, "3", True, -1])
def test_numbers_of_items_that_are_none(project: Path, n: object) -> None:
    with ls.open(project) as opened:
        for ask in (opened.next, opened.hard, opened.disagreements, opened.coreset):
            with pytest.raises(ls.InputError, match="whole number"):
                ask(n)
        with pytest.raises(ls.InputError, match="a share of"):
            opened.coreset(share="a")

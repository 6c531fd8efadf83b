"""Which columns of table rows come first on tiles: by their spread, then by what the head's answers depend on."""

from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.types import Vector
from labelsieve.project.fitting import fit_task
from labelsieve.project.views import telling
from labelsieve.project.views.telling import Order, bits_told
from labelsieve.project.views.tiles import CELLS, small_cards, tiles_of

N = 120
NAMES = ["serial", "plant", "noise", "heat", "word", *(f"more{i}" for i in range(6))]


@pytest.fixture
def rows(tmp_path: Path) -> ls.Project:
    """Rows whose class is the sign of `heat`; `serial` counts them, `plant` is one, `word` names each."""
    rng = np.random.default_rng(0)
    lines = [
        [row, "north", rng.integers(1000), f"{heat(row):.3f}", f"w{row}x", *rng.integers(2, size=6)] for row in range(N)
    ]
    text = "\n".join(",".join(map(str, line)) for line in [NAMES, *lines])
    (tmp_path / "rows.csv").write_text(text, encoding="utf-8")
    project = ls.create(tmp_path / "p.sieve", tmp_path / "rows.csv", classes=["cold", "hot"])
    project.embed()
    return project


def heat(row: int) -> float:
    values: Vector = np.random.default_rng(1).normal(size=N)
    return float(values[row])


def answered(project: ls.Project, n: int) -> bool:
    """Labels the first n rows as they are, and weighs the columns; whether that was due."""
    project.label(list(range(1, n + 1)), ["hot" if heat(row) > 0 else "cold" for row in range(n)], by="ann")
    return telling.weigh(project.context, fit_task(project.context))


def test_bits_tell_values_apart() -> None:
    assert bits_told(["a", "b"] * 8) == 1.0
    assert bits_told([1.0, 1.0, 1.0]) == 0.0
    assert bits_told(["a", "a", "", None]) == pytest.approx(1.5)
    assert bits_told(list(range(40))) == bits_told([f"id{i}" for i in range(40)]) == 0.0  # they name the rows
    assert bits_told([f"a text of words {i}" for i in range(40)]) > 5
    assert bits_told([float("nan"), 1.0, 2.0, 1.0]) == pytest.approx(1.5)
    assert bits_told([]) == 0.0


def test_before_a_head_the_columns_with_most_spread_come_first(rows: ls.Project) -> None:
    with rows:
        assert telling.in_order(rows.context) == Order(tuple(NAMES), "source", 0)
        assert telling.weigh(rows.context, None)
        found = telling.in_order(rows.context)
        assert found.by == "spread" and set(found.columns[:2]) == {"noise", "heat"}
        assert set(found.columns[-3:]) == {"serial", "plant", "word"}
        assert not telling.weigh(rows.context, None)


@pytest.mark.slow
def test_the_head_says_what_tells_and_stays_with_it_until_twice_as_many_have_labelled(rows: ls.Project) -> None:
    with rows:
        telling.weigh(rows.context, None)
        assert answered(rows, 60)
        first = telling.in_order(rows.context)
        assert (first.by, first.columns[0]) == ("head", "heat")
        assert 40 < first.labels <= 60  # but for those that measure
        assert not answered(rows, 80)
        assert telling.in_order(rows.context) == first
        next((rows.context.cache / "columns").iterdir()).write_text("{", encoding="utf-8")
        assert telling.in_order(rows.context).by == "source"  # a file that is not whole is none
        assert answered(rows, 80)
        assert telling.in_order(rows.context).labels > first.labels


def test_tiles_show_what_tells_or_what_is_wanted(rows: ls.Project) -> None:
    with rows:
        context, ids = rows.context, np.array([3, 7])
        assert list(tiles_of(context, ids)[0]["row"]) == NAMES[:CELLS]
        telling.weigh(context, None)
        assert list(tiles_of(context, ids)[1]["row"]) == list(telling.in_order(context).columns[:CELLS])
        assert tiles_of(context, ids, columns=["plant", "gone", "heat"])[0]["row"] == {
            "plant": "north",
            "heat": f"{heat(2):.3f}",
        }
        assert list(tiles_of(context, ids, columns=["gone"])[0]["row"]) == NAMES[:CELLS]
        card = {"item": 3, "row": {"a": 1, "b": "x" * 500}}
        assert small_cards(context, [card], ["b"])[0]["row"] == {"b": "x" * 100}


def test_pools_without_rows_have_no_columns(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.float32))
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a"]) as project:
        assert not telling.weigh(project.context, None)
        assert telling.in_order(project.context) == Order()

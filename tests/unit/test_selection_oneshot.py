"""`ls.query` on plain arrays: what it reads, what it keeps in memory, and what it says of bad input."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.heads.linear import Linear
from labelsieve.testing.toys import toy_classes


@pytest.mark.parametrize("strategy", ["margin", "entropy", "random", "auto", "facility_location"])
def test_nothing_asked_one_item_and_all_items(strategy: str) -> None:
    toy = toy_classes(40)
    known: dict[str, Any] = {"labelled": np.arange(12), "y": toy.y[:12]}
    none = ls.query(toy.x, 0, strategy=strategy, **known)
    assert (len(none), none.ids.dtype, none.strategy) == (0, np.int64, strategy)
    assert sorted(ls.query(toy.x, 28, strategy=strategy, **known).ids.tolist()) == list(range(12, 40))
    assert ls.query(toy.x[:1], 1, strategy=strategy).ids.tolist() == [0]
    with pytest.raises(ls.PoolExhausted, match="29 items were asked for, 28 of 40"):
        ls.query(toy.x, 29, strategy=strategy, **known)
    with pytest.raises(ls.PoolExhausted, match="1 items were asked for, 0 of 0"):
        ls.query(toy.x[:0], 1, strategy=strategy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"x": np.ones((3, 2), complex)}, "x holds complex128; real numbers"),
        ({"x": np.array([["a", "b"]])}, "real numbers were expected"),
        ({"x": np.ones((3, 0))}, r"x has shape \(3, 0\)"),
        ({"x": np.ones(3)}, r"x has shape \(3,\)"),
        ({"n": 1.5}, "1.5 items were asked for; a whole number"),
        ({"n": "2"}, "'2' items were asked for"),
        ({"labelled": np.array([-1])}, "row -1 is labelled, and x has the rows 0 to 5"),
        ({"labelled": np.array([True] * 6)}, "labelled holds bool"),
        ({"labelled": np.array([[1]])}, r"of shape \(1, 1\)"),
    ],
)
def test_what_does_not_fit_is_said(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ls.InputError, match=said):
        ls.query(**({"x": np.eye(6), "n": 1} | change))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_that_is_not_finite_is_named(value: float, dtype: type) -> None:
    toy = toy_classes(9000)
    x: Any = toy.x.astype(dtype)
    x[8123, 2] = value
    with pytest.raises(ls.InputError, match="row 8123 of x is not finite"):
        ls.query(x, 5, strategy="margin", labelled=np.arange(30), y=toy.y[:30])


def test_length_of_rows_and_their_type_do_not_matter() -> None:
    toy = toy_classes(400)
    x = toy.x / np.linalg.norm(toy.x, axis=1, keepdims=True)
    known: dict[str, Any] = {"strategy": "margin", "labelled": np.arange(30), "y": toy.y[:30]}
    want = ls.query(x.astype(np.float32), 20, **known)
    stretch = np.random.default_rng(0).uniform(0.01, 100, size=(400, 1))
    for other in (x * stretch, (x * stretch).astype(np.float32), np.asfortranarray(x), x.tolist(), x * 1e-30):
        got = ls.query(other, 20, **known)
        assert got.ids.tolist() == want.ids.tolist()
        assert np.allclose(got.score, want.score, atol=1e-4)
    assert len(ls.query(np.zeros((50, 4)), 5, strategy="facility_location")) == 5  # a row of zeros stays as it is


def test_a_mapped_array_gives_the_same_query_and_is_never_loaded(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60_000, 64), dtype=np.float32)
    y = (x[:200, 0] > 0).astype(int) + 2 * (x[:200, 1] > 0)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    head = Linear(4).fit(x[:200] / np.linalg.norm(x[:200], axis=1, keepdims=True), y)
    known: dict[str, Any] = {"head": head, "strategy": "margin", "labelled": np.arange(200), "y": y}
    want = ls.query(x, 50, **known)
    tracemalloc.start()
    got = ls.query(mapped, 50, **known)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got.ids.tolist() == want.ids.tolist()
    assert got.score.tolist() == want.score.tolist()
    assert peak < x.nbytes / 2


def test_repeats_of_labelled_rows_count_once() -> None:
    toy = toy_classes(100)
    once = ls.query(toy.x, 5, strategy="margin", labelled=np.arange(20), y=toy.y[:20])
    twice = ls.query(toy.x, 5, strategy="margin", labelled=np.repeat(np.arange(20), 2), y=np.repeat(toy.y[:20], 2))
    assert once.ids.tolist() == twice.ids.tolist()
    assert twice.scored == 80

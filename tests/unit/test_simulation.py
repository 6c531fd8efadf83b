"""The simulation's bookkeeping, on a pool whose curve can be worked out by hand."""

from typing import Any, Self

import numpy as np
import pytest

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels, Query
from labelsieve.project.simulation import LISTS, Play, Run, SimulationSettings, simulate, summarise


class Lookup:
    """A head that is right on every class it has seen: accuracy is the share of the seen classes."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    def fit(self, x: Any, y: Any, weight: Any = None) -> Self:
        self.seen = np.zeros(self.n_classes)
        self.seen[y] = 1
        return self

    def predict_proba(self, x: Any) -> Any:
        proba = np.full((len(x), self.n_classes), 0.1 / self.n_classes, np.float32)
        code = x[:, 0].astype(int)
        proba[np.arange(len(x)), code] += 0.9 * self.seen[code]
        return proba


def by_id(state: Round, n: int, rng: Any) -> Query:
    ids = state.require(n)[:n]
    return Query(ids, np.zeros(n), np.full(n, np.nan), "by_id", scored=7)


def at_random(state: Round, n: int, rng: Any) -> Query:
    ids = rng.choice(state.require(n), n, replace=False)
    return Query(ids, np.zeros(n), np.full(n, 0.1), "random")


def play(kind: Any = "classes", n: int = 400, c: int = 8, groups: Any = None) -> Play:
    y = np.arange(n) % c if kind == "classes" else (np.arange(n) % 50 == 0).astype(int)
    x = np.stack([y, np.arange(n)], axis=1).astype(np.float32)
    classes = tuple(map(str, range(c))) if kind == "classes" else ("dull", "odd")
    truth = Labels(np.arange(n) + 100, y, classes, kind)
    return Play(
        ArrayPool(x, np.arange(n) + 100), truth, lambda labels, before: Lookup(len(classes)),
        {"by_id": by_id, "random": at_random}, groups,
    )  # fmt: skip


def test_lists_have_one_entry_a_query_and_random_always_runs() -> None:
    out = simulate(play(), SimulationSettings(budget=25, size=10, strategies=("by_id",), seeds=2))
    assert [(run["strategy"], run["seed"]) for run in out["runs"]] == [
        ("random", 0), ("by_id", 0), ("random", 1), ("by_id", 1),
    ]  # fmt: skip
    for run in out["runs"]:
        assert run["labels"] == [10, 20, 25]
        assert all(len(run[name]) == 3 for name in LISTS)
        assert run["found"] == [None] * 3 and run["average_precision"] == [None] * 3
        assert run["accuracy"] == [a for a in run["accuracy"] if 0 <= a <= 1]
    assert set(out["summary"]) == {"random", "by_id"}
    assert out["summary"]["random"]["gain_over_random"]["mean"] == 0
    assert out["runs"][1]["scored"] == [7, 7, 7]


def test_the_same_seed_gives_the_same_numbers() -> None:
    settings = SimulationSettings(budget=30, size=10, sample=200, seeds=2, strategies=("by_id",))
    one, two = simulate(play(), settings), simulate(play(), settings)
    for a, b in zip(one["runs"], two["runs"], strict=True):
        assert {k: v for k, v in a.items() if "seconds" not in k} == {k: v for k, v in b.items() if "seconds" not in k}


def test_a_screen_is_measured_on_what_is_not_labelled_yet() -> None:
    out = simulate(play("screen"), SimulationSettings(budget=400, size=100, strategies=("by_id",), seeds=1))
    run = out["runs"][1]
    assert run["found"] == [2, 4, 6, 8]
    assert run["accuracy"][-1] is None and run["average_precision"][-1] is None  # nothing is left
    assert run["average_precision"][0] == 1.0
    assert out["summary"]["by_id"]["area"]["mean"] == pytest.approx((0.25 + 1) / 2)


def test_label_ratio_counts_a_seed_that_never_got_there_as_one() -> None:
    def run(strategy: str, seed: int, accuracy: list[float]) -> Run:
        lists = {name: [None] * 3 for name in LISTS} | {"labels": [10, 20, 40], "accuracy": accuracy}
        return Run(strategy, seed, 0, lists)

    runs = [run("random", 0, [0.1, 0.5, 0.7]), run("a", 0, [0.2, 0.7, 0.8]),
            run("random", 1, [0.1, 0.5, 0.7]), run("a", 1, [0.2, 0.3, 0.6])]  # fmt: skip
    summary = summarise(runs, "a", "classes", 40)
    assert summary["label_ratio"]["mean"] == pytest.approx((0.5 + 1.0) / 2)
    assert summary["reached"] == 0.5


def test_what_cannot_be_played_says_so() -> None:
    with pytest.raises(InputError, match="budget is 300"):
        simulate(play(), SimulationSettings(budget=300, size=10))
    with pytest.raises(InputError, match=r"--test is 1\.5"):
        simulate(play(), SimulationSettings(budget=30, size=10, test=1.5))
    with pytest.raises(InputError, match="size is 0"):
        simulate(play(), SimulationSettings(budget=30, size=0))


def test_a_strategy_that_asks_twice_is_found_out() -> None:
    def stubborn(state: Round, n: int, rng: Any) -> Query:
        return Query(state.pool.ids[:n], np.zeros(n), np.zeros(n), "stubborn")

    game = play()
    game.strategies["stubborn"] = stubborn
    with pytest.raises(InputError, match="'stubborn' asked for items that are labelled"):
        simulate(game, SimulationSettings(budget=30, size=10, strategies=("stubborn",), seeds=1))

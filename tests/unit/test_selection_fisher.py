"""BAIT against dense Fisher matrices and inverses."""

import numpy as np
import pytest

from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Ids, Vector
from labelsieve.heads.linear import Linear
from labelsieve.selection.fisher import RIDGE, Design, Fisher, by_bait
from labelsieve.testing.toys import toy_classes, toy_multilabel


def play(rows: Ids, dim: int = 3, classes: int = 3, multilabel: bool = False) -> Round:
    toy = toy_multilabel(80, dim, classes) if multilabel else toy_classes(80, dim, classes, spread=1.5)
    labels = toy.labels(rows)
    return Round(ArrayPool(toy.x), labels, Linear(classes, c=1.0).fit(toy.x[labels.ids], labels.y))


def dense(state: Round, ids: Ids) -> np.ndarray:
    """Fisher information (m, dc, dc) of each item, as the expectation of outer products of gradients."""
    assert state.head is not None
    x, p = state.take(ids).astype(float), state.head.predict_proba(state.take(ids)).astype(float)
    c = p.shape[1]
    out = []
    for row, q in zip(x, p, strict=True):
        if state.labels.kind == "multilabel":
            out.append(np.kron(np.outer(row, row), np.diag(q * (1 - q))))
            continue
        gradients = [np.outer(row, q - np.eye(c)[y]).ravel() for y in range(c)]
        out.append(sum(q[y] * np.outer(g, g) for y, g in enumerate(gradients)))
    return np.array(out)


def naive(each: np.ndarray, known: np.ndarray, wanted: np.ndarray, n: int) -> tuple[list[int], list[int], list[float]]:
    """The items chosen forward, those left after the way back, and the gains, all with dense inverses."""
    order: list[int] = []
    gains: list[float] = []
    m = known.copy()
    for _ in range(2 * n):
        now = np.trace(np.linalg.inv(m) @ wanted)
        trace = [np.trace(np.linalg.inv(m + f) @ wanted) if i not in order else np.inf for i, f in enumerate(each)]
        order.append(int(np.argmin(trace)))
        gains.append(float(now - min(trace)))
        m += each[order[-1]]
    kept = list(order)
    while len(kept) > n:
        trace = [np.trace(np.linalg.inv(m - each[i]) @ wanted) for i in kept]
        m -= each[kept.pop(int(np.argmin(trace)))]
    return order, kept, gains


@pytest.mark.parametrize(("classes", "multilabel"), [(3, False), (2, False), (4, False), (3, True)])
def test_the_choice_is_that_of_dense_matrices(classes: int, multilabel: bool) -> None:
    state = play(np.arange(12), classes=classes, multilabel=multilabel)
    rows, points = np.arange(12, 40), np.arange(12, 80)
    each = dense(state, np.arange(80))
    known = RIDGE * np.eye(each.shape[1]) + each[:12].sum(axis=0)
    order, kept, gains = naive(each[12:40], known, each[12:].mean(axis=0), 4)
    fisher = Fisher(state, points)
    design = Design(
        fisher.roots(state, rows),
        RIDGE * np.eye(fisher.rank) + fisher.total(state, np.arange(12)),
        fisher.total(state, points) / len(points),
    )
    found, gain = design.forward(8, rows, np.random.default_rng(0))
    assert found.tolist() == order
    assert gain == pytest.approx(np.array(gains), rel=1e-6)
    left = design.backward(found, 4, rows, np.random.default_rng(0))
    assert found[left].tolist() == kept


def test_a_query_is_that_choice() -> None:
    state = play(np.arange(12))
    each = dense(state, np.arange(80))
    known = RIDGE * np.eye(9) + each[:12].sum(axis=0)
    _, kept, _ = naive(each[12:], known, each[12:].mean(axis=0), 5)
    query = by_bait(state, 5, np.random.default_rng(0))
    assert (query.ids - 12).tolist() == kept


def trace_after(state: Round, asked: Ids) -> float:
    each = dense(state, np.arange(80))
    m = RIDGE * np.eye(each.shape[1]) + each[:12].sum(axis=0) + each[asked].sum(axis=0)
    return float(np.trace(np.linalg.inv(m) @ each[12:].mean(axis=0)))


def test_it_beats_random_queries_at_what_it_minimises() -> None:
    state = play(np.arange(12))
    own = trace_after(state, by_bait(state, 6, np.random.default_rng(0)).ids)
    rng = np.random.default_rng(1)
    others: Vector = np.array([trace_after(state, rng.choice(np.arange(12, 80), 6, replace=False)) for _ in range(50)])
    assert own < others.min()


def test_a_large_head_is_seen_through_few_parameters() -> None:
    toy = toy_classes(400, 60, 12, spread=0.5)
    labels = toy.labels(np.arange(60))
    state = Round(ArrayPool(toy.x), labels, Linear(12).fit(toy.x[:60], labels.y))
    fisher = Fisher(state, np.arange(60, 400))
    assert fisher.rank == 8 * 32
    roots = fisher.roots(state, np.arange(5))
    assert roots.shape == (5, 8, 256)
    assert state.head is not None
    p = state.head.predict_proba(toy.x[60:])
    full = float((toy.x[60:] ** 2).sum(axis=1) @ (1 - (p**2).sum(axis=1)))
    assert 0.75 * full < np.trace(fisher.total(state, np.arange(60, 400))) <= full

"""Hard negatives: against a plain loop over all pairs, and each knob on its own."""

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError, ShapeError
from labelsieve.selection import pairs as module
from labelsieve.selection.pairs import Mining, hard_negatives


def drawn(q: int = 12, p: int = 60, d: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    queries, passages = rng.normal(size=(q, d)), rng.normal(size=(p, d))
    passages[:q] = queries + 0.7 * rng.normal(size=(q, d))
    positives = np.column_stack([np.arange(q), np.arange(q)])
    return queries, passages, np.concatenate([positives, [[0, 20], [3, 21]]])


def cosine(queries: np.ndarray, passages: np.ndarray) -> np.ndarray:
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, passages))
    return np.asarray(a @ b.T)


def plain(queries: np.ndarray, passages: np.ndarray, positives: np.ndarray, how: Mining) -> list[list[int]]:
    """What the docstrings say, one pair after another."""
    near, among = cosine(queries, passages), cosine(passages, passages)
    out = []
    for query, positive in positives.tolist():
        mine = [int(b) for a, b in positives.tolist() if a == query]
        ranked = [int(b) for b in np.argsort(-near[query], kind="stable") if b not in mine]
        found = []
        for b in ranked[how.range_min : how.reach]:
            score, best = near[query, b], near[query, positive]
            if how.guard is not None and among[b, mine].max() >= how.guard:
                continue
            if how.absolute_margin is not None and score > best - how.absolute_margin:
                continue
            if how.relative_margin is not None and score > best - how.relative_margin * abs(best):
                continue
            if (how.max_score is not None and score > how.max_score) or (
                how.min_score is not None and score < how.min_score
            ):
                continue
            found.append(b)
        out.append(found[: how.num_negatives])
    return out


@pytest.mark.parametrize(
    "how",
    [
        Mining(),
        Mining(num_negatives=5, range_min=4, range_max=11),
        Mining(absolute_margin=0.2),
        Mining(relative_margin=0.1, num_negatives=4),
        Mining(max_score=0.5, min_score=0.1, range_max=60),
        Mining(guard=0.5, range_max=60),
        Mining(guard=None),
    ],
)
def test_the_same_as_a_plain_loop(how: Mining, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUERIES", 5)
    monkeypatch.setattr(module, "PASSAGES", 16)
    queries, passages, positives = drawn()
    found = hard_negatives(queries, passages, positives, how)
    assert [[b for b in row if b >= 0] for row in found.negatives.tolist()] == plain(queries, passages, positives, how)
    near = cosine(queries, passages)
    np.testing.assert_allclose(found.score[:, 0], near[positives[:, 0], positives[:, 1]], atol=1e-5)
    there = found.negatives >= 0
    np.testing.assert_array_equal(np.isfinite(found.score[:, 1:]), there)


def test_a_copy_of_an_answer_is_no_negative() -> None:
    queries, passages, positives = drawn()
    passages[40] = passages[2] * 3.0  # the same direction: an answer that nobody marked
    assert 40 in hard_negatives(queries, passages, positives, Mining(guard=None)).negatives[2]
    assert 40 not in hard_negatives(queries, passages, positives).negatives[2]


def test_random_ones_come_from_the_same_range_and_differ_by_seed() -> None:
    queries, passages, positives = drawn()
    how = Mining(sampling_strategy="random", range_max=20)
    wide = hard_negatives(queries, passages, positives, Mining(num_negatives=20, range_max=20)).negatives
    a, again, b = (hard_negatives(queries, passages, positives, how, rng=seed).negatives for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, again)
    assert (a != b).any()
    assert all(set(row) <= set(allowed) for row, allowed in zip(a.tolist(), wide.tolist(), strict=True))


def test_rescoring_replaces_the_cosine() -> None:
    queries, passages, positives = drawn()
    found = hard_negatives(queries, passages, positives, Mining(range_max=10), rescore=lambda q, p: p.astype(float))
    assert (np.diff(found.negatives, axis=1) < 0).all()  # the highest position first
    np.testing.assert_array_equal(found.score[:, 0], positives[:, 1])
    with pytest.raises(InputError, match="rescore"):
        hard_negatives(queries, passages, positives, rescore=lambda q, p: np.full(len(q), np.nan))


def test_shapes_that_training_wants() -> None:
    queries, passages, positives = drawn()
    found = hard_negatives(queries, passages, positives, Mining(num_negatives=4, relative_margin=0.3))
    assert (found.negatives < 0).any() and (found.negatives >= 0).any()
    tuples, triplets = found.tuples(), found.triplets()
    assert tuples.shape == ((found.negatives >= 0).all(axis=1).sum(), 6)
    assert len(triplets) == (found.negatives >= 0).sum()
    pairs, label = found.labelled_pairs()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert {tuple(pair) for pair in pairs[label == 1].tolist()} == {tuple(pair) for pair in positives.tolist()}
    lists = found.labelled_lists()
    assert [query for query, _, _ in lists] == sorted(set(positives[:, 0].tolist()))
    assert sum(len(rows) for _, rows, _ in lists) == len(pairs)


def test_what_is_excluded_and_what_is_let_in() -> None:
    queries, passages, positives = drawn()
    first = hard_negatives(queries, passages, positives).negatives[:, 0]
    no = np.column_stack([positives[:, 0], first])
    assert not (hard_negatives(queries, passages, positives, Mining(exclude=no)).negatives == first[:, None]).any()
    all_in = hard_negatives(queries, passages, positives, Mining(include_positives=True, num_negatives=60))
    assert all(row[1] in all_in.negatives[i] for i, row in enumerate(positives.tolist()))


def test_no_pairs_and_fewer_passages_than_asked() -> None:
    found = ls.hard_negatives(np.eye(3), np.eye(3), np.empty((0, 2), np.int64))
    assert found.negatives.shape == (0, 3) and found.labelled_lists() == []
    few = ls.hard_negatives(np.eye(3), np.eye(3), np.array([[0, 0]]), Mining(num_negatives=5))
    assert sorted(few.negatives[0].tolist()) == [-1, -1, -1, 1, 2]


@pytest.mark.parametrize(
    ("how", "positives", "message"),
    [
        (Mining(num_negatives=0), [[0, 0]], "leave nothing"),
        (Mining(range_min=5, range_max=5), [[0, 0]], "leave nothing"),
        (Mining(), [[0, 9]], "row 9 of passages"),
        (Mining(), [0, 1], "were expected"),
    ],
)
def test_what_cannot_be_is_told(how: Mining, positives: list[int], message: str) -> None:
    with pytest.raises((InputError, ShapeError), match=message):
        hard_negatives(np.eye(3), np.eye(3), np.array(positives), how)
    with pytest.raises(ShapeError, match="one engine"):
        hard_negatives(np.eye(3), np.eye(4), np.array([[0, 0]]))

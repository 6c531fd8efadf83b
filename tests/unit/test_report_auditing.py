"""What the audit slice says of a head: against counts done by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, confusion_matrix, precision_score, recall_score

from labelsieve.core.errors import NotEnoughLabels, ShapeError
from labelsieve.core.statistics import wilson
from labelsieve.project.auditing import LEAST, audit_tables, calibration

NAMES = ("ant", "bee", "cat", "dog")


def slice_of(n: int = 200, seed: int = 0, skill: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    proba = (1 - skill) * rng.dirichlet(np.ones(4), n) + skill * np.eye(4)[
        np.where(rng.random(n) < 0.8, y, (y + 1) % 4)
    ]
    return y, proba


def test_the_tables_agree_with_scikit_learn() -> None:
    y, proba = slice_of()
    said = proba.argmax(axis=1)
    found = audit_tables(y, proba, NAMES)
    assert found.metric == "accuracy"
    assert found.score == wilson(int((said == y).sum()), 200)
    assert np.array_equal(found.matrix, confusion_matrix(y, said))
    recall, precision = recall_score(y, said, average=None), precision_score(y, said, average=None)
    assert [one.recall.mean for one in found.classes if one.recall] == pytest.approx(list(recall))
    assert [one.precision.mean for one in found.classes if one.precision] == pytest.approx(list(precision))


def test_confusions_name_their_items_most_frequent_first() -> None:
    y, proba = slice_of()
    said = proba.argmax(axis=1)
    found = audit_tables(y, proba, NAMES).confusions
    assert sum(len(one.rows) for one in found) == int((said != y).sum())
    assert [len(one.rows) for one in found] == sorted((len(one.rows) for one in found), reverse=True)
    for one in found:
        assert all(NAMES[y[row]] == one.true and NAMES[said[row]] == one.said for row in one.rows)


def test_a_class_without_ten_audit_items_has_no_rate() -> None:
    y = np.repeat([0, 1, 2], [LEAST, LEAST - 1, 30])
    found = audit_tables(y, np.eye(4)[y], NAMES).classes
    assert [one.recall is not None for one in found] == [True, False, True, False]
    assert [one.precision is not None for one in found] == [True, False, True, False]
    assert [one.true for one in found] == [10, 9, 30, 0]


def test_under_ten_items_nothing_is_claimed() -> None:
    y, proba = slice_of(LEAST - 1)
    with pytest.raises(NotEnoughLabels, match="9 audit items"):
        audit_tables(y, proba, NAMES)


def test_shapes_are_checked() -> None:
    y, proba = slice_of(20)
    with pytest.raises(ShapeError):
        audit_tables(y, proba[:, :3], NAMES)


def test_multilabel_counts_misses_and_extras() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random((120, 3)) < 0.4).astype(np.float32)
    y[:5, 1] = np.nan  # not asked
    proba = np.clip(0.6 * np.nan_to_num(y) + 0.5 * rng.random(y.shape), 0, 1)
    found = audit_tables(y, proba, NAMES[:3], "multilabel")
    assert found.metric == "average precision"
    assert not found.matrix.size
    each = [average_precision_score(y[~np.isnan(y[:, j]), j], proba[~np.isnan(y[:, j]), j]) for j in range(3)]
    assert found.score.mean == pytest.approx(np.mean(each), abs=1e-6)
    assert found.score.low <= found.score.mean <= found.score.high
    missed = {one.true: len(one.rows) for one in found.confusions if not one.said}
    extra = {one.said: len(one.rows) for one in found.confusions if not one.true}
    for j, name in enumerate(NAMES[:3]):
        asked = ~np.isnan(y[:, j])
        assert missed.get(name, 0) == int(((y[:, j] > 0.5) & (proba[:, j] <= 0.5) & asked).sum())
        assert extra.get(name, 0) == int(((y[:, j] < 0.5) & (proba[:, j] > 0.5) & asked).sum())


def test_a_calibrated_head_is_not_blamed_for_a_small_slice() -> None:
    rng = np.random.default_rng(1)
    errors, chance = [], []
    for _ in range(60):
        said = rng.uniform(0.5, 1, 60)
        right = rng.random(60) < said
        found = calibration(np.where(right, 0, 1), np.column_stack([said, 1 - said]))
        errors.append(found.error)
        chance.append(found.by_chance)
    assert np.mean(errors) > 0.05  # far from 0, though the head is perfect
    assert np.mean(errors) == pytest.approx(np.mean(chance), abs=0.015)


def test_bins_hold_at_least_ten_items() -> None:
    y, proba = slice_of(45)
    bins = calibration(y, proba).bins
    assert [part.count for part in bins] == [12, 11, 11, 11]
    assert all(part.right.low <= part.right.mean <= part.right.high for part in bins)

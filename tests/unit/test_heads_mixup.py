"""Mixtures as extra rows: the loss is that of soft answers, and the audit slice decides whether they stay."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import labelsieve as ls
from labelsieve.heads.choose import choose_head
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean
from labelsieve.heads.mixup import ALPHA, Mixup, audit_gain, keeps, mixed, with_mixtures
from labelsieve.testing.toys import toy_classes

X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
Y = np.arange(40) % 3


def test_a_mixture_lies_between_two_rows_and_its_weights_add_up() -> None:
    x = np.arange(4, dtype=np.float32)[:, None] * np.array([[1.0, 10.0]], np.float32)
    y = np.arange(4)
    extra = mixed(x, y, 200, 0)
    first, second = extra.x[:200], extra.x[200:]
    assert_allclose(first, second)
    a, b = extra.y[:200], extra.y[200:]
    share = extra.weight[:200]
    assert_allclose(share + extra.weight[200:], 1)
    assert (a != b).all()
    assert_allclose(first[:, 0], share * a + (1 - share) * b, atol=1e-5)


def test_shares_are_drawn_from_beta() -> None:
    share = mixed(X, Y, 20_000, 0).weight[:20_000]
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    assert share.var() == pytest.approx(1 / (4 * (2 * ALPHA + 1)), abs=0.005)


def test_several_classes_are_mixed_and_what_was_not_asked_stays_so() -> None:
    y = np.array([[1, 0, np.nan], [0, 1, 1]], np.float32)
    extra = mixed(X[:2], y, 50, 0)
    assert_allclose(extra.y[:, 0] + extra.y[:, 1], 1, atol=1e-6)
    assert np.isnan(extra.y[:, 2]).all() and (extra.weight == 1).all()
    assert ((extra.y[:, :2] >= 0) & (extra.y[:, :2] <= 1)).all()


def test_one_row_or_none_gives_no_mixture() -> None:
    assert len(mixed(X[:1], Y[:1], 9).x) == len(mixed(X, Y, 0).x) == len(mixed(X[:0], Y[:0], 9).x) == 0
    with pytest.raises(ls.ShapeError, match="one answer a row"):
        mixed(X, Y[:3], 9)


def test_the_weight_of_all_rows_together_stays() -> None:
    given: list[np.ndarray] = []

    class Spy(Mixup):
        def _targets(self, data):
            given.append(data.weight)
            return super()._targets(data)

    weight = np.linspace(0.5, 2, 40)
    Spy(3).fit(X, Y, weight)
    assert given[0].sum() == pytest.approx(weight.sum())
    assert_allclose(given[0][:40], 0.75 * weight)


def test_it_is_softer_than_the_plain_head_and_still_right() -> None:
    toy = toy_classes(400, spread=0.8)
    plain, other = (kind(4).fit(toy.x[:60], toy.y[:60]).predict_proba(toy.x[60:]) for kind in (Linear, Mixup))
    assert other.max(axis=1).mean() < plain.max(axis=1).mean()
    assert (other.argmax(axis=1) == toy.y[60:]).mean() > 0.9


def test_only_a_linear_head_gets_mixtures() -> None:
    few, many = toy_classes(8).labels(np.arange(4)), toy_classes(80).labels(np.arange(60))
    assert type(with_mixtures(choose_head(few))) is NearestMean
    head = with_mixtures(Linear(4, c=7.0, balanced=True, tol=1e-4))
    assert isinstance(head, Mixup)
    assert head.config() == {"n_classes": 4, "c": 7.0, "balanced": True, "tol": 1e-4}
    assert isinstance(with_mixtures(choose_head(many)), Mixup)


def proba(right: np.ndarray) -> np.ndarray:
    return np.stack([right, 1.0 - right], axis=1)


def test_the_gain_is_paired_on_the_same_items() -> None:
    y = np.zeros(100, np.int64)
    plain, other = np.ones(100), np.ones(100)
    plain[:12] = 0
    other[10:12] = 0
    gain = audit_gain(proba(plain), proba(other), y)
    assert gain.mean == pytest.approx(0.10)
    assert 0.03 < gain.low < 0.10 < gain.high < 0.18
    assert keeps(proba(plain), proba(other), y)
    assert not keeps(proba(other), proba(plain), y)


def test_a_gain_that_may_be_chance_is_not_kept() -> None:
    y = np.zeros(40, np.int64)
    plain, other = np.ones(40), np.ones(40)
    plain[:3], other[3:5] = 0, 0  # three mended, two spoilt
    assert audit_gain(proba(plain), proba(other), y).mean > 0
    assert not keeps(proba(plain), proba(other), y)
    assert not keeps(proba(plain), proba(plain), y)
    assert not keeps(proba(plain)[:0], proba(other)[:0], y[:0])


def test_on_several_classes_the_share_of_right_answers_counts() -> None:
    y = np.array([[1, 0, np.nan], [0, 0, 1]], np.float32)
    bad, good = np.array([[0.2, 0.1, 0.9], [0.1, 0.1, 0.9]]), np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.9]])
    assert audit_gain(bad, good, y).mean == pytest.approx(0.25)
    with pytest.raises(ls.ShapeError):
        audit_gain(bad, good[:1], y)

import numpy as np
import pytest

from labelsieve.core.errors import InputError, NotEnoughLabels, ShapeError
from labelsieve.core.types import DULL, ODD, Labels
from labelsieve.heads import metrics
from labelsieve.heads.choose import choose_head
from labelsieve.heads.distances import Place
from labelsieve.heads.fused import BEND, LIKE, TRUST, Fused, directions_of
from labelsieve.heads.gaussian import Gaussian
from labelsieve.heads.linear import Linear

RNG = np.random.default_rng(0)
DIM = 12
POOL = RNG.normal(size=(600, DIM)).astype(np.float32)
POOL[:60, :3] += 3.0  # odd
Y = (np.arange(600) < 60).astype(int)
KNOWN = np.r_[0:10, 60:160]
REST = np.setdiff1d(np.arange(600), KNOWN)


def fused(at=KNOWN, tabular=False, pool=POOL[REST]):
    return Fused(tabular=tabular).among(pool).fit(POOL[at], Y[at])


def test_directions_have_the_norm_of_their_width_and_zero_stays_zero():
    x = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    np.testing.assert_allclose(directions_of(x, False), [[0.6 * 2**0.5, 0.8 * 2**0.5], [0, 0]], rtol=1e-6)
    assert directions_of(x, True) is x


def naive(tabular):
    """The definition, step by step."""

    def z(score, pool):
        return (score - pool.mean()) / pool.std()

    dull, odd, pool = POOL[60:160], POOL[:10], POOL[REST]
    total = {"all": 0.0, "pool": 0.0, "odd": 0.0}
    for view in (lambda x: x,) if tabular else (lambda x: x, lambda x: directions_of(x, False)):
        own = Gaussian.fit([view(dull)])
        logs = {n: np.log(own.distance(view(x)) / DIM) for n, x in (("all", POOL), ("pool", pool), ("odd", odd))}
        total = {n: total[n] + z(log, logs["pool"]) for n, log in logs.items()}
    far = {n: z(value, total["pool"]) for n, value in total.items()}
    weight = min(max((far["odd"].sum() + TRUST) / (10 + TRUST), 0), 1)
    x = directions_of(POOL, tabular)
    linear = Linear(2, c=1.0, balanced=True).fit(x[KNOWN], Y[KNOWN])
    like = z(linear.decision(x)[:, 0], linear.decision(x[REST])[:, 0])
    own = LIKE * 10**0.5
    return (own * like + weight * BEND * np.tanh(far["all"] / BEND)) / (own + 1)


@pytest.mark.parametrize("tabular", [False, True])
def test_score_is_what_the_definition_says(tabular):
    np.testing.assert_allclose(fused(tabular=tabular).score(POOL), naive(tabular), atol=2e-4)


def test_probability_rises_with_the_score_and_both_classes_add_up():
    head = fused()
    score, proba = head.score(POOL), head.predict_proba(POOL)
    assert (np.diff(proba[np.argsort(score), ODD]) >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    far = head.predict_proba(POOL[:3] * np.float32(1e4))  # no overflow
    assert np.isfinite(far).all()


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_finds_the_kind_that_is_known_and_the_kind_that_is_not(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1000, 8)).astype(np.float32)
    x[:40, 0] += 2.5  # one kind of odd, ten of which are known
    x[40:60] *= 2.5  # another, far out and unknown
    y = (np.arange(1000) < 60).astype(int)
    known, rest = np.r_[0:10, 60:160], np.r_[10:60, 160:1000]
    head = Fused(tabular=True).among(x[rest]).fit(x[known], y[known])
    both = metrics.average_precision(y[rest], head.score(x[rest]))
    linear = Linear(2, c=1.0, balanced=True).fit(x[known], y[known]).decision(x[rest])[:, 0]
    assert both > metrics.average_precision(y[rest], linear) + 0.02
    seen, unseen = np.r_[0:30, 50:890], np.r_[30:50, 50:890]  # each kind alone, among the dull
    far = Gaussian.fit([x[60:160]]).distance(x[rest])
    known_kind = metrics.average_precision(y[rest][seen], head.score(x[rest][seen]))
    assert known_kind > metrics.average_precision(y[rest][seen], far[seen]) + 0.02
    assert metrics.average_precision(y[rest][unseen], head.score(x[rest][unseen])) > 0.2  # .02 of them are odd


def test_distance_loses_its_weight_where_odd_items_lie_close():
    x = RNG.normal(size=(500, 6)).astype(np.float32)
    x[:40] = 0.1 * RNG.normal(size=(40, 6))  # at the very centre
    y = (np.arange(500) < 40).astype(int)
    head = Fused(tabular=True).among(x[200:]).fit(x[:200], y[:200])
    assert float(head.state()["weight"]) == 0.0


def test_dull_items_alone_rank_by_distance_and_a_whole_pool_is_not_called_odd():
    head = fused(np.arange(60, 160))
    assert head.linear is None
    proba = head.predict_proba(POOL)[:, ODD]
    assert metrics.average_precision(Y[REST], proba[REST]) > 0.7
    assert (proba[REST] > 0.5).mean() <= 0.05
    of_pool = metrics.average_precision(Y[REST], Gaussian.fit([POOL]).distance(POOL[REST]))
    one = fused(np.array([60]), tabular=True)  # a single dull item: rows of the pool help
    assert metrics.average_precision(Y[REST], one.score(POOL[REST])) > of_pool


def test_nothing_labelled_is_distance_from_the_pool():
    head = Fused(tabular=True).among(POOL).fit(POOL[:0], np.empty(0, int))
    np.testing.assert_array_equal(np.argsort(head.score(POOL)), np.argsort(Gaussian.fit([POOL]).distance(POOL)))
    with pytest.raises(NotEnoughLabels):
        Fused().fit(POOL[:0], np.empty(0, int))


def test_odd_items_alone_are_told_from_the_pool():
    head = fused(np.arange(10))
    assert head.linear is not None
    assert metrics.average_precision(Y[REST], head.score(POOL[REST])) > 0.8
    nothing = Fused().fit(POOL[:10], Y[:10]).predict_proba(POOL)  # and with no pool there is nothing to say
    assert (nothing[:, ODD] > 0.5).all() and np.ptp(nothing) < 1


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (POOL[:1], [DULL]),
        (POOL[:1], [ODD]),
        (POOL[[0, 60]], [ODD, DULL]),
        (np.repeat(POOL[60:61], 30, axis=0), [DULL] * 30),
        (np.repeat(POOL[60:61], 30, axis=0), [ODD] + [DULL] * 29),
        (np.zeros((40, DIM), np.float32), [ODD] * 5 + [DULL] * 35),
    ],
)
@pytest.mark.parametrize("pool", [None, POOL, np.repeat(POOL[60:61], 50, axis=0)])
@pytest.mark.parametrize("tabular", [False, True])
def test_poor_labels_give_finite_probabilities(x, y, pool, tabular):
    head = Fused(tabular=tabular)
    head = (head if pool is None else head.among(pool)).fit(x, np.array(y))
    proba = head.predict_proba(POOL)
    assert np.isfinite(proba).all() and (proba >= 0).all() and (proba <= 1).all()
    again = Fused(**head.config()).restore(head.state())
    np.testing.assert_array_equal(again.predict_proba(POOL), proba)


def test_a_constant_column_changes_next_to_nothing():
    flat = np.c_[POOL, np.zeros(600, np.float32)]
    head = Fused(tabular=True).among(flat[REST]).fit(flat[KNOWN], Y[KNOWN])
    assert np.corrcoef(head.score(flat), fused(tabular=True).score(POOL))[0, 1] > 0.999


def test_weights_count():
    at = np.r_[0:10, 60:100]
    x, y = POOL[at], Y[at]
    weight = np.where(np.arange(50) < 25, 1.0, 1e-9)
    light = Fused(tabular=True).among(POOL[REST]).fit(x, y, weight)
    gone = Fused(tabular=True).among(POOL[REST]).fit(x[:25], y[:25])
    assert metrics.average_precision(Y[REST], light.score(POOL[REST])) > 0.7
    # the tiny weights leave what is usual as the first 15 dull items say it, but for the rows that the pool lends
    assert np.corrcoef(light.score(POOL), gone.score(POOL))[0, 1] > 0.9


def test_a_saved_head_says_the_same_and_keeps_no_row_of_the_pool():
    head = fused()
    state = head.state()
    again = Fused(**head.config()).restore(state)
    np.testing.assert_array_equal(again.predict_proba(POOL), head.predict_proba(POOL))
    assert not any(value.ndim and value.shape[0] == len(REST) for value in state.values())


def test_starts_at_the_head_before_and_ends_at_the_same_place():
    labels = Labels(KNOWN, Y[KNOWN], ("dull", "odd"), "screen")
    first = choose_head(labels).among(POOL[REST]).fit(POOL[KNOWN], Y[KNOWN])
    warm = choose_head(labels, previous=first)
    assert isinstance(warm, Fused) and warm.start is first.linear
    plain = choose_head(labels, previous=first.linear)
    assert plain.start is first.linear
    warm = warm.among(POOL[REST]).fit(POOL[KNOWN], Y[KNOWN])
    np.testing.assert_allclose(warm.score(POOL), first.score(POOL), atol=1e-3)
    assert warm.start is None


def test_wrong_rows_are_told():
    with pytest.raises(NotEnoughLabels, match="not been fitted"):
        Fused().predict_proba(POOL)
    with pytest.raises(ShapeError):
        fused().predict_proba(POOL[:, :3])
    with pytest.raises(InputError):
        fused().predict_proba(np.full((1, DIM), np.nan, np.float32))


def test_a_score_that_does_not_vary_is_placed_at_zero():
    assert Place.of(np.full(9, 3.0))(np.array([3.0, 4.0])).tolist() == [0.0, 1.0]

"""What odd places teach a patch bank: against scikit-learn, where it helps, and when nothing is taught."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from labelsieve.core.errors import ShapeError
from labelsieve.screening.likeness import HALF, LEAST, MOST, PLACES, Likeness, places_of
from labelsieve.screening.patches import PatchBank, thinned

GRID = (8, 8, 4)


def rows(n: int, at: float = 0.0, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=(n, 4))
    found[:, 0] += at
    return found.astype(np.float32)


def pictures(n: int, kind: int | None, seed: int) -> np.ndarray:
    """Maps of noise with a smudge of any kind in columns 0 and 1, and on odd ones a scratch in column `kind`."""
    rng = np.random.default_rng(seed)
    x = 0.3 * rng.normal(size=(n, 64, 4))
    for one in x:
        smudge, scratch = rng.permutation(64)[:2]
        one[smudge, :2] += rng.normal(0, 4, 2)
        if kind is not None:
            one[scratch, kind] += 2.5
    return x.reshape(n, -1).astype(np.float32)


def test_it_is_the_weighted_regression_that_it_says_it_is() -> None:
    odd, dull, usual = [rows(3, 2, 1), rows(7, 3, 2)], rows(30, 1, 3), rows(50, 0, 4)
    like = Likeness.fit(odd, dull, usual, 2)
    x = np.concatenate([*odd, dull, usual])
    weight = np.concatenate([np.full(3, 1 / 12), np.full(7, 1 / 28), np.full(30, 1 / 120), np.full(50, 1 / 200)]) * 2
    plain = x[10:].astype(np.float64)
    z = (x - plain.mean(axis=0)) / plain.std(axis=0)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(z, np.arange(90) < 10, weight / weight.sum())
    logit = theirs.decision_function(z)
    expected = 1 + MOST * 2 / (2 + HALF) / (1 + np.exp(-logit))
    assert np.allclose(like.factor(x), expected, atol=2e-3)


def test_nothing_odd_teaches_nothing() -> None:
    for odd in ([], [np.empty((0, 4), np.float32)]):
        assert (Likeness.fit(odd, rows(5), rows(5), len(odd)).factor(rows(9, 5)) == 1).all()
    assert (Likeness.none().factor(rows(3)) == 1).all()


def test_constant_columns_and_far_patches_stay_finite() -> None:
    flat = np.zeros((20, 4), np.float32)
    factor = Likeness.fit([rows(2, 50)], flat, flat, 1).factor(np.vstack([flat[:1], 1e6 * rows(3)]))
    assert np.isfinite(factor).all() and factor.min() >= 1 and factor.max() <= 1 + MOST


def test_places_are_the_oddest_patches_and_none_where_all_are_usual() -> None:
    assert places_of(np.array([9.0, 1.0, 10.0, 7.9])).tolist() == [2, 0]
    assert len(places_of(np.full(50, 3.0))) == PLACES
    assert len(places_of(np.full(50, LEAST - 0.01))) == 0


def test_scratches_rise_above_smudges_once_one_was_seen() -> None:
    bank = PatchBank().fit(pictures(12, None, 0), GRID)
    dull, odd = pictures(30, None, 1), pictures(30, 2, 2)

    def area(bank: PatchBank) -> float:
        return float((bank.score(odd)[:, None] > bank.score(dull)).mean())

    known = [one.reshape(64, 4) for one in pictures(5, 2, 3)]
    before, two, five = (area(PatchBank().fit(pictures(12, None, 0), GRID, 0, known[:k])) for k in (0, 2, 5))
    assert before == area(bank) < 0.7 and two > before + 0.1 and five > before + 0.2
    assert area(PatchBank().fit(pictures(12, None, 0), GRID, 0, [thinned(p, 20) for p in known])) > before + 0.2
    taught = PatchBank().fit(pictures(12, None, 0), GRID, 0, known)
    assert taught.own.max() == pytest.approx(1) and taught.seen.shape == (5,)
    assert taught.seen.mean() > taught.own.mean() + 0.2
    row = pictures(1, 2, 9)
    assert divmod(int(taught.heat(row)[0].argmax()), 8) == divmod(int(row.reshape(64, 4)[:, 2].argmax()), 8)


def test_what_was_taught_comes_back_and_is_the_same_again() -> None:
    known = [one.reshape(64, 4) for one in pictures(3, 2, 3)]
    bank, new = PatchBank().fit(pictures(6, None, 0), GRID, 1, known), pictures(4, 2, 5)
    back = PatchBank().restore(bank.state())
    assert np.array_equal(back.heat(new), bank.heat(new)) and np.array_equal(back.seen, bank.seen)
    again = PatchBank().fit(pictures(6, None, 0), GRID, 1, known)
    assert np.array_equal(again.heat(new), bank.heat(new)) and np.array_equal(again.own, bank.own)


def test_scores_of_odd_pictures_come_from_what_the_others_teach() -> None:
    known = [one.reshape(64, 4) for one in pictures(6, 2, 3)]
    bank = PatchBank().fit(pictures(10, None, 0), GRID, 1, known)
    own = bank.score(np.stack([one.ravel() for one in known]))
    assert bank.seen.shape == own.shape and not np.isclose(bank.seen, own, rtol=1e-4).any()


def test_one_dull_picture_and_an_odd_one_like_it() -> None:
    dull = pictures(1, None, 0)
    bank = PatchBank().fit(dull, GRID, 0, [dull.reshape(64, 4)])  # nothing of it is odd
    assert np.array_equal(bank.heat(pictures(2, 2, 1)), PatchBank().fit(dull, GRID).heat(pictures(2, 2, 1)))
    assert np.isfinite(PatchBank().fit(dull, GRID, 0, [pictures(1, 2, 1).reshape(64, 4)]).own).all()
    with pytest.raises(ShapeError):
        PatchBank().fit(dull, GRID, 0, [rows(5)[:, :3]])


def test_a_thinned_picture_keeps_what_is_odd_in_it() -> None:
    picture = 0.01 * rows(400)
    picture[123] += 5
    kept = thinned(picture, 16)
    assert len(kept) == 16 and (kept == picture[123]).all(axis=1).any()
    assert thinned(picture, 400) is picture

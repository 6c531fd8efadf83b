"""`cost`: doubt for its price."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import labelsieve as ls
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Ids, Labels, Vector
from labelsieve.heads.choose import choose_head
from labelsieve.selection.pricing import by_price, margin_per_price, prices_of
from labelsieve.selection.strategies import by_margin
from labelsieve.testing.toys import toy_classes

TOY = toy_classes(200)


def played(price=None) -> Round:
    labels: Labels = TOY.labels(np.arange(0, 80, 2))
    head = choose_head(labels).fit(TOY.x[labels.ids], labels.y)
    return Round(ArrayPool(TOY.x), labels, head, price=price)


def test_equal_prices_and_none_ask_like_margin() -> None:
    asked = [by_price(played(p), 9, np.random.default_rng(3)).ids.tolist() for p in (None, lambda ids: 4.0 + 0.0 * ids)]
    margin = by_margin(played(), 9, np.random.default_rng(3)).ids.tolist()
    assert asked == [margin, margin]


def test_the_score_is_margin_over_price() -> None:
    def price(ids: Ids) -> Vector:
        return 1.0 + ids % 7

    state = played(price)
    ids = state.free()
    expected = ls.margin(state.proba(ids)) / (1.0 + ids % 7)
    assert_allclose(margin_per_price(state, ids), expected, rtol=1e-5)
    query = by_price(played(price), 5, np.random.default_rng(0))
    assert query.ids.tolist() == ids[np.argsort(-expected)][:5].tolist()


def test_a_dear_item_is_left_for_the_next_best() -> None:
    first = int(by_margin(played(), 1, np.random.default_rng(0)).ids[0])
    query = by_price(played(lambda ids: np.where(ids == first, 1e6, 1.0)), 20, np.random.default_rng(0))
    assert first not in query.ids.tolist()


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_a_price_that_is_none_is_named(bad: float) -> None:
    state = played(lambda ids: np.where(ids == 101, bad, 2.0))
    with pytest.raises(ls.InputError, match="item 101 costs"):
        by_price(state, 3, np.random.default_rng(0))


def test_prices_of_another_shape_are_named() -> None:
    with pytest.raises(ls.InputError, match=r"prices have shape \(3,\)"):
        prices_of(played(lambda ids: np.ones(3)), np.arange(5))

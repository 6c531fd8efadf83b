"""Labels that cost different amounts: ask where a unit of price buys most doubt."""

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Vector
from labelsieve.selection.acquisition import from_proba, margin
from labelsieve.selection.composing import compose


def margin_per_price(state: Round, ids: Ids) -> Vector:
    """Margin score over price (m,) of `ids`; the margin score itself where the round has no prices.

    InputError names an item whose price is not above 0. Cost: one scan of `ids` by the head.
    """
    score = from_proba(margin)(state, ids)
    return score if state.price is None else score / prices_of(state, ids)


def prices_of(state: Round, ids: Ids) -> Vector:
    """What a label of each of `ids` costs (m,): 1 where the round has no prices. InputError for 0 or less."""
    if state.price is None:
        return np.ones(len(ids))
    price = np.asarray(state.price(ids), np.float64)
    bad = ~(np.isfinite(price) & (price > 0)) if price.shape == ids.shape else np.ones(1, bool)
    if bad.any():
        at = int(np.argmax(bad))
        what = f"item {ids[at]} costs {price[at]:g}" if price.shape == ids.shape else f"prices have shape {price.shape}"
        raise InputError(f"{what}; a number above 0 was expected for each item.", "mend the price column.")
    return price


by_price = compose(
    margin_per_price,
    name="cost",
    about="""Items with the most doubt for their price: margin score over what a label costs; equal prices: margin.

    Source: Haertel, Seppi, Ringger and Carroll 2008 (return on investment).
    Cost: one scan of the pool by the head, and the price of each item.
    """,
)

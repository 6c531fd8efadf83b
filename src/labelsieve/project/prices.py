"""What a label of each item costs, where a column of the source says so."""

from collections.abc import Callable

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Vector
from labelsieve.project import manifest
from labelsieve.project.context import Context


def item_prices(context: Context) -> Callable[[Ids], Vector] | None:
    """Prices (m,) of ids (m,), from the column that `price` of the task names; None where it names none.

    Nothing is read before a strategy asks. UnknownName for a column that is not there, InputError for a price that is
    no number above 0. Cost: reading the column once for the ids that are asked about.
    """
    column = context.task_settings.price
    if not column:
        return None

    def prices(ids: Ids) -> Vector:
        out = np.empty(len(ids))
        for source_id, (positions, refs) in manifest.locate(context.conn, ids).items():
            cells = context.source(source_id).column(column, refs)
            for at, cell in zip(positions.tolist(), cells, strict=True):
                out[at] = _price(context, int(ids[at]), column, cell)
        return out

    return prices


def _price(context: Context, item: int, column: str, cell: str | None) -> float:
    try:
        value = float(cell or "")
    except ValueError:
        value = float("nan")
    if not (np.isfinite(value) and value > 0):
        key = manifest.keys(context.conn, np.array([item]))[0]
        raise InputError(
            f"the price of {key!r} in the column {column!r} is {cell or 'empty'}; expected a number above 0.",
            "mend that row and run labelsieve sync, or take `price` out of labelsieve.toml.",
        )
    return value

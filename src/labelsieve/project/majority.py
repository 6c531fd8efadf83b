"""What several answers to an item agree on: arrays in, arrays out. Those of an item stand in the order they were given.

An answer is a class code, OUT where it trains nothing, or -2 - k for the k-th of `details`, each a tag and its JSON.
"""

import json

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids, Kind, Matrix
from labelsieve.project.current import last_of_each

OUT = -1  # the code of an answer that trains nothing: skip, unsure


def single_codes(code: Ids, details: list[tuple[str, str]], kind: Kind) -> Ids:
    """One code an answer (m,): soft answers give their heaviest class; in a multilabel task 0 stands for "trains"."""
    if kind == "multilabel":
        return np.where(code == OUT, OUT, 0)
    hard = [max(json.loads(detail), key=lambda pair: (pair[1], -pair[0]))[0] for _, detail in details]
    if not hard:
        return code
    return np.where(code < OUT, np.array(hard, np.int64)[np.maximum(-2 - code, 0)], code)


def agreed_codes(item: Ids, code: Ids) -> tuple[Ids, Ids, Ids]:
    """Items (m,), the answer of most of their rows, and the last row that gives it. Rows of an item are in the order
    they were given."""
    given = np.arange(len(item))
    order = np.lexsort((given, code, item))
    run_item, run_code = item[order], code[order]
    last = np.flatnonzero(last_of_each(run_item, run_code))
    votes = np.diff(last, prepend=-1)
    run_item, run_code, latest = run_item[last], run_code[last], given[order][last]
    best = np.lexsort((latest, votes, run_item))
    best = best[last_of_each(run_item[best])]
    return run_item[best], run_code[best], latest[best]


def several_classes(item: Ids, code: Ids, details: list[tuple[str, str]], classes: int) -> Matrix:
    """y (m, c) in [0, 1] of the items of these answers (v,), which name classes all. Those that a soft answer leaves
    out are NaN: not asked."""
    detail = -2 - code
    stop = np.flatnonzero(last_of_each(item)) + 1  # the rows of item k are start[k] : stop[k]
    start = np.append(0, stop)[: len(stop)]
    answers_ = np.empty((len(details), classes), np.float32)
    for k, (tag, text) in enumerate(details):
        answers_[k] = spread_of(tag, text, classes)
    out: Matrix = answers_[detail[stop - 1]]
    for row in np.flatnonzero(stop - start > 1):
        out[row] = _vote(answers_[detail[start[row] : stop[row]]])
    return out


def spread_of(tag: str, detail: str, classes: int) -> NDArray[np.float32]:
    """One answer as a row (c,)."""
    row = np.full(classes, 0.0 if tag == "classes" else np.nan, np.float32)
    if tag == "classes":
        row[json.loads(detail)] = 1.0
    else:
        for code, weight in json.loads(detail):
            row[code] = weight
    return row


def _vote(votes: Matrix) -> NDArray[np.float32]:
    """Several annotators' answers (a, c), in the order given -> (c,): their mean where they are soft, else the
    majority, the latest in a tie."""
    asked = ~np.isnan(votes)
    n, total = asked.sum(axis=0), np.nansum(votes, axis=0)
    mean = np.divide(total, n, out=np.full(votes.shape[1], np.nan, np.float32), where=n > 0)
    hard = np.all(~asked | (votes == 0) | (votes == 1), axis=0) & (n > 0)
    latest = votes[len(votes) - 1 - np.argmax(asked[::-1], axis=0), np.arange(votes.shape[1])]
    majority = np.where(mean == 0.5, latest, np.round(mean))
    voted: NDArray[np.float32] = np.where(hard, majority, mean).astype(np.float32)
    return voted

"""The learning curve of a project: in which order labels came, and what heads on the first of them reach."""

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import NotEnoughLabels
from labelsieve.core.randomness import stream
from labelsieve.core.types import Ids, Interval, Labels
from labelsieve.project import folding, queries
from labelsieve.project.claims.awaiting import awaited
from labelsieve.project.context import Context
from labelsieve.project.curves import checkpoints, found_curve, learning_curve, paired_gain
from labelsieve.project.report.data import Curve
from labelsieve.project.report.forecast import forecast_score
from labelsieve.project.slices import LEAST_AUDIT
from labelsieve.project.standing import Stand
from labelsieve.project.training import restricted

LEAST_CONTROL = 10  # control labels before they are compared
POINTS = 16  # of a curve whose labels came in no queries


def gathered_curve(context: Context, standing: Stand) -> Curve:
    """The curve on the audit slice, with the random control and the estimate; for a screen what was found."""
    seed = context.settings.seed
    if context.task.kind == "screen":
        known = folding.fold(context.conn, context.task_name)
        conn, name = context.conn, context.task_name
        known = restricted(known, np.union1d(queries.travelled(conn, name), awaited(conn, name)), inside=False)
        order, sizes = arrival(context, known.ids, seed)
        return Curve("share found", found=tuple(found_curve(known, order, sizes)) if len(order) else ())
    metric = "average precision" if context.task.kind == "multilabel" else "accuracy"
    order, sizes = arrival(context, standing.train.ids, seed)
    if len(standing.audit) < LEAST_AUDIT or not len(order):
        return Curve(metric)
    parts = standing.pool, standing.train
    points = tuple(learning_curve(*parts, order, standing.audit, sizes, standing.choose))
    control = order[np.isin(order, standing.control)]
    if len(control) < LEAST_CONTROL:
        return Curve(metric, points, forecast=forecast_score(points))
    steps = checkpoints(np.unique(np.linspace(LEAST_CONTROL, len(control), 8).round().astype(np.int64)))
    drawn = tuple(learning_curve(*parts, control, standing.audit, steps, standing.choose))
    gain = over_control(standing, order, control, seed)
    return Curve(metric, points, drawn, gain, forecast_score(points))


def arrival(context: Context, ids: Ids, seed: int) -> tuple[Ids, NDArray[np.int64]]:
    """Ids (m,) in the order in which they were first answered, and the label counts after each query.

    Labels that came outside of queries, as imports do, are in no order that means anything (files are often sorted
    by class): each run of them is shuffled by the seed, and cut at round shares instead.
    """
    sql = """SELECT item, query FROM events WHERE seq IN
      (SELECT MIN(seq) FROM events WHERE task = ? AND tag IS NOT NULL GROUP BY item) ORDER BY seq"""
    rows = np.array([(item, query or 0) for item, query in context.conn.execute(sql, (context.task.id,))], np.int64)
    rows = rows.reshape(-1, 2)[np.isin(rows.reshape(-1, 2)[:, 0], ids)]
    if not len(rows):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    order, query = rows.T.copy()
    starts = np.append(0, np.flatnonzero(np.diff(query)) + 1)
    sizes: list[int] = []
    rng = stream(seed, "arrival")
    for first, last in zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True):
        if query[first] == 0:
            order[first:last] = rng.permutation(order[first:last])
            sizes += (first + _cuts(last - first)).tolist()
        sizes.append(last)
    return order, np.unique(np.array(sizes, np.int64))


def _cuts(n: int) -> NDArray[np.int64]:
    """Round shares of n labels, closer together at the beginning, where a curve bends."""
    found: NDArray[np.int64] = np.unique(np.geomspace(min(10, n), n, POINTS).round().astype(np.int64))
    return found


def over_control(standing: Stand, order: Ids, control: Ids, seed: int) -> Interval | None:
    """What as many labels of the strategy's own gain over the control labels, paired by audit item.

    None for average precision, which has no pairs, and where the strategy has fewer labels than the control.
    """
    own = order[~np.isin(order, control)][: len(control)]
    if len(own) < len(control) or standing.audit.kind == "multilabel":
        return None
    x = standing.pool.take(standing.audit.ids)
    said = []
    for ids in (control, own):
        part: Labels = restricted(standing.train, ids)
        try:
            head = standing.choose(part, None).fit(standing.pool.take(part.ids), part.y, None)
        except NotEnoughLabels:
            return None
        said.append(head.predict_proba(x))
    return paired_gain(standing.audit, said[0], said[1], stream(seed, "control"))

"""Graph cut, and submodular information towards a set: what is like many, or like those that are searched for."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import BLOCK as SCAN
from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Matrix, Query, Vector
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, best, chosen
from labelsieve.selection.coverage import BLOCK, FACILITIES, POINTS, directions, similarity

BALANCE = 0.5  # .5 makes graph cut the herding that is nearest in mean to the pool; more is more diverse
WIDTH = 0.3  # of the similarity exp((cosine - 1) / width)
WANTED = 512  # at most so many items are the set to be like
CANDIDATES, SHARE = 4096, 20  # the most alike 20 n items, at least 4,096, can be chosen
ETA = 1.0  # weight of each pick's own likeness to the set, against how well the set is covered


def by_graph_cut(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items like many others and unlike one another and what is labelled. Needs no head.

    Greedy on (mean likeness of the picks to the pool) - balance / (labelled + n) x (likeness within labelled and
    picks): likeness exp((cosine - 1) / .3) of directions from the mean, balance .5. At most 8,192 random items can be
    chosen and 4,096 stand for the pool.

    Source: Iyer and Bilmes 2013; Kothawade et al. 2021. Cost: O(min(m, 8192) (min(m, 4096) + labels) d).
    """
    free = state.require(n)
    rows, points = thin(free, max(FACILITIES, n), rng), thin(free, POINTS, rng)
    seen = state.take(points)
    centre = seen.mean(axis=0)
    x = directions(state.take(rows), centre)
    given = directions(state.take(state.labels.ids), centre)
    order, gain = graph_cut(x, n, directions(seen, centre), given)
    return chosen(rows[order], gain, "graph_cut", "like many items, unlike what is labelled")


def by_targeted(state: Round, n: int, rng: Generator) -> Query:
    """A query (n,) of items like those of the wanted class, which cover them rather than repeat one another.

    The set to be like are the labelled items of the class that is searched for, else of the rarest class that has
    labels (at most 512). Greedy on sum_q max_a s(q, a) + sum_a max_q s(q, a). The 20 n items, at least 4,096, most
    like the set can be chosen. Needs no head; without a label of that class the query is drawn at random.

    Source: Kothawade et al. 2021 (FLQMI). Cost: O(m q d) for q items of the set, a block at a time.
    """
    free = state.require(n)
    code, members = wanted_items(state)
    if not len(members):
        why = "nothing is labelled" if code is None else f"no item is labelled {state.labels.classes[code]!r}"
        return at_random(state, n, rng, "targeted", f"{why} yet: drawn at random")
    centre = state.take(thin(free, POINTS, rng)).mean(axis=0)
    aim = directions(state.take(thin(members, WANTED, rng)), centre)
    alike = np.empty(len(free))
    for i in range(0, len(free), SCAN):
        alike[i : i + SCAN] = nearness(state.take(free[i : i + SCAN]), centre, aim)
    rows = np.sort(best(free, alike, min(max(SHARE * n, CANDIDATES), max(FACILITIES, n), len(free)), rng))
    order, gain = query_information(directions(state.take(free[rows]), centre), n, aim)
    why = f"like the {len(members)} labelled {state.labels.classes[code or 0]!r}, and unlike one another"
    return chosen(free[rows[order]], gain, "targeted", why)


def wanted_items(state: Round) -> tuple[int | None, Ids]:
    """The code of the class that is searched for, else of the rarest labelled one, and its labelled ids (k,).

    None while nothing is labelled. Of classes equally rare the lowest code is taken.
    """
    y = state.labels.y
    if state.labels.kind == "multilabel":
        member = np.nan_to_num(y) > 0.5
    else:
        member = y[:, None] == np.arange(len(state.labels.classes))
    count = member.sum(axis=0)
    code = state.wanted
    if code is None and count.any():
        code = int(np.where(count > 0, count, len(y) + 1).argmin())
    return code, state.labels.ids[member[:, code]] if code is not None and len(y) else state.labels.ids[:0]


def nearness(x: Matrix, centre: Matrix, aim: Matrix) -> Vector:
    """The largest cosine (m,) of each row of x (m, d), seen from the centre (d,), with unit rows aim (q, d).

    No row is copied: one product with aim, one with the centre. Cost: O(m q d).
    """
    far = np.einsum("ij,ij->i", x, x) - 2.0 * (x @ centre) + float(centre @ centre)
    along = (x @ aim.T - aim @ centre).max(axis=1)
    return np.asarray(along / np.sqrt(np.maximum(far, 1e-12)), np.float64)


def graph_cut(x: Matrix, n: int, points: Matrix, given: Matrix, balance: float = BALANCE) -> tuple[Ids, Vector]:
    """Order (n,) of unit rows x (r, d) and the gain (n,) of each, greedy; `given` (k, d) rows count as picked.

    The objective is (1/m) sum_ia s_ia - balance / (k + n) sum_aa' s_aa' over picks a, a' and points i (m, d).
    """
    mean, within = np.empty(len(x)), np.zeros(len(x))
    for i in range(0, len(x), BLOCK):
        part = x[i : i + BLOCK]
        mean[i : i + BLOCK] = _likeness(part, points).mean(axis=1, dtype=np.float64)
        if len(given):
            within[i : i + BLOCK] = _likeness(part, given).sum(axis=1, dtype=np.float64)
    rate, own = balance / max(len(given) + n, 1), 1.0
    order, gains = np.empty(n, np.int64), np.empty(n)
    gain = mean - rate * (2 * within + own)
    for step in range(n):
        row = int(gain.argmax())
        order[step], gains[step] = row, gain[row]
        gain -= 2 * rate * _likeness(x, x[row : row + 1])[:, 0]
        gain[row] = -np.inf
    return order, gains


def query_information(x: Matrix, n: int, aim: Matrix, eta: float = ETA) -> tuple[Ids, Vector]:
    """Order (n,) of unit rows x (r, d) and the gain (n,) of each, greedy on the mutual information with `aim` (q, d).

    Gain of a: sum_q max(0, s_qa - the best so far) + eta max_q s_qa. Cost: O(r q) a pick.
    """
    near = _likeness(x, aim)
    own = eta * near.max(axis=1).astype(np.float64)
    covered = np.zeros(len(aim), np.float32)
    order, gains, picked = np.empty(n, np.int64), np.empty(n), np.zeros(len(x), bool)
    for step in range(n):
        gain = np.maximum(near - covered, np.float32(0.0)).sum(axis=1, dtype=np.float64) + own
        row = int(np.where(picked, -np.inf, gain).argmax())
        order[step], gains[step], picked[row] = row, gain[row], True
        np.maximum(covered, near[row], out=covered)
    return order, gains


def _likeness(a: Matrix, b: Matrix) -> Matrix:
    """exp((cosine - 1) / width) of all pairs (k, m) of unit rows."""
    near = similarity(a, b)
    near -= np.float32(1.0)
    near /= np.float32(WIDTH)
    return np.exp(near, out=near)

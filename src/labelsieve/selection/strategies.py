"""The named query strategies: plain functions of a round."""

import numpy as np
from numpy.random import Generator

from labelsieve.core.rounds import Round
from labelsieve.core.types import Query
from labelsieve.selection import acquisition, clusters, coverage
from labelsieve.selection.candidates import thin
from labelsieve.selection.composing import at_random, chosen, compose


def random(state: Round, n: int, rng: Generator) -> Query:
    """Items drawn at random, each as likely as any other: the control that every other strategy has to beat.

    Source: simple random draws without replacement; the only choice that measures a head honestly.
    Cost: O(N); no head is needed.
    """
    return at_random(state, n, rng)


by_margin = compose(
    acquisition.from_proba(acquisition.margin),
    name="margin",
    about="""Items between two classes: the smallest gap between the two largest probabilities.

    Source: Scheffer, Decomain and Wrobel 2001.
    Cost: one scan of the pool by the head, O(N (d + 1) c).
    """,
)
by_entropy = compose(
    acquisition.from_proba(acquisition.entropy),
    name="entropy",
    about="""Items whose probabilities are spread most evenly over all classes.

    Source: Shannon 1948; Settles 2009. Below random on texts when measured.
    Cost: one scan of the pool by the head, O(N (d + 1) c).
    """,
)
by_least_confident = compose(
    acquisition.from_proba(acquisition.least_confident),
    name="least_confident",
    about="""Items whose likeliest class has the smallest probability.

    Source: Lewis and Gale 1994; Culotta and McCallum 2005.
    Cost: one scan of the pool by the head, O(N (d + 1) c).
    """,
)
by_ratio = compose(
    acquisition.from_proba(acquisition.ratio),
    name="ratio",
    about="""Items whose second class is nearly as likely as the first, by ratio and not by gap.

    Source: ratio of confidence, Monarch 2021, chapter 3.
    Cost: one scan of the pool by the head, O(N (d + 1) c).
    """,
)


def by_facility_location(state: Round, n: int, rng: Generator) -> Query:
    """Items near to many others and far from all that is labelled; needs no head.

    Source: Nemhauser, Wolsey and Fisher 1978; Wei, Iyer and Bilmes 2015.
    Cost: O(min(N, 8192) min(N, 4096) d): a random part of a large pool.
    """
    free = state.require(n)
    rows, points = thin(free, max(coverage.FACILITIES, n), rng), thin(free, coverage.POINTS, rng)
    given = coverage.Covering(state.take(points), state.take(state.labels.ids))
    order, gain = given.greedy(state.take(rows), n)
    return chosen(rows[order], gain, "facility_location", "near to many items, and far from all that is labelled")


def by_typiclust(state: Round, n: int, rng: Generator) -> Query:
    """Typical items of clusters that have no label yet; needs no head.

    Source: Hacohen, Dekel and Weinshall 2022, section 3.
    Cost: O(min(N, 10000) k d) for k clusters, one a label.
    """
    free = thin(state.require(n), max(clusters.ROWS, n), rng)
    ids = np.concatenate([state.labels.ids, free])
    picked = clusters.typiclust(state.take(ids), n, np.arange(len(state.labels)), rng)
    return chosen(ids[picked], np.arange(n, 0, -1) / max(n, 1), "typiclust", "typical of a cluster without labels")

"""Committees: several heads on the same labels, and where they disagree."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import BLOCK, Round
from labelsieve.core.sockets import Head, Strategy
from labelsieve.core.types import Ids, Query, Vector
from labelsieve.selection.acquisition import entropy
from labelsieve.selection.composing import compose

MEMBERS = 8

Said: TypeAlias = NDArray[Any]  # (k, m, c): what each of k heads says of m items
FromSaid: TypeAlias = Callable[[Said], Vector]
Members: TypeAlias = Sequence[Head]


def split_votes(said: Said) -> Vector:
    """Entropy (m,) of the votes of heads (k, m, c), in nats: each head votes for its likeliest class.

    Source: Dagan and Engelson 1995. Cost: O(kmc).

    >>> split_votes(np.array([[[0.9, 0.1]], [[0.2, 0.8]]])).round(3).tolist()
    [0.693]
    """
    votes = said.argmax(axis=2)
    return entropy(np.stack([(votes == code).mean(axis=0) for code in range(said.shape[2])], axis=1))


def information(said: Said) -> Vector:
    """What an answer would tell about which of the heads (k, m, c) is right (m,), in nats: 0 .. log(k).

    The entropy of the mean minus the mean entropy, which is also the mean KL divergence of each head from the mean.
    Source: Houlsby et al. 2011, equation 2; McCallum and Nigam 1998, section 3.2. Cost: O(kmc).

    >>> information(np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])).round(3).tolist()
    [0.693, 0.0]
    """
    each = np.mean([entropy(p) for p in said], axis=0)
    return np.asarray(np.maximum(entropy(said.mean(axis=0, dtype=np.float64)) - each, 0.0), np.float64)


def resampled(state: Round, k: int, rng: Generator) -> list[Head]:
    """k heads, each fitted on as many labels as there are, drawn with replacement. A class that is lost has chance 0.

    Source: query by bagging, Abe and Mamitsuka 1998. Cost: k fits.
    """
    labels, heads = state.labels, []
    for _ in range(k):
        rows = np.sort(rng.choice(len(labels), size=len(labels)))
        weight = None if labels.weight is None else labels.weight[rows]
        heads.append(state.refit(labels.ids[rows], labels.y[rows], weight))
    return heads


def drawn_heads(state: Round, k: int, rng: Generator) -> list[Head]:
    """k heads about as the posterior would draw them: each label gets a random weight, exponential with mean 1.

    Source: weighted likelihood bootstrap, Newton and Raftery 1994. Cost: k fits.
    """
    labels = state.labels
    own = np.ones(len(labels)) if labels.weight is None else labels.weight
    drawn = (own * rng.exponential(size=len(labels)) for _ in range(k))
    return [state.refit(labels.ids, labels.y, weight) for weight in drawn]


def disagreement(members: Members, of: FromSaid, state: Round, ids: Ids) -> Vector:
    """Score (m,) of ids by what the members say, `of` (k, b, c) -> (b,) a block at a time.

    Multilabel: the mean over classes of the score of (p, 1 - p), each against the mean of its class.
    Cost: one scan by each member; memory for a block, and (m, c) numbers in a multilabel task.
    """
    many = state.labels.kind == "multilabel"
    score = np.zeros((len(ids), len(state.labels.classes) if many else 1))
    for i in range(0, len(ids), BLOCK):
        said = heard(members, state, ids[i : i + BLOCK])
        if many:
            for code in range(score.shape[1]):
                score[i : i + BLOCK, code] = of(np.stack([said[:, :, code], 1.0 - said[:, :, code]], axis=2))
        else:
            score[i : i + BLOCK, 0] = of(said)
    state.scored += len(ids)
    if many:
        usual = score.mean(axis=0) if len(ids) else np.zeros(score.shape[1])
        score /= np.where(usual > 0, usual, 1.0)
    return np.asarray(score.mean(axis=1), np.float64)


def heard(members: Members, state: Round, ids: Ids) -> Said:
    """What each member says (k, m, c) of ids."""
    x = state.take(ids)
    return np.stack([head.predict_proba(x) for head in members])


def _strategy(name: str, of: FromSaid, draw: Callable[[Round, int, Generator], list[Head]], about: str) -> Strategy:
    def strategy(state: Round, n: int, rng: Generator) -> Query:
        state.check(n)
        members = [] if state.head is None else draw(state, MEMBERS, rng)
        return compose(partial(disagreement, members, of), name=name)(state, n, rng)

    strategy.__doc__ = about
    return strategy


by_vote_entropy = _strategy(
    "vote_entropy",
    split_votes,
    resampled,
    """A query (n,) of items on which eight heads, fitted on resampled labels, vote for different classes.

    Ties, of which there are many, fall by a hash of the id.

    Source: Dagan and Engelson 1995; query by committee, Seung, Opper and Sompolinsky 1992.
    Cost: 8 fits, then 8 scans of the pool: O(8 N d c).
    """,
)
by_vote_divergence = _strategy(
    "vote_divergence",
    information,
    resampled,
    """A query (n,) of items on which eight heads, fitted on resampled labels, diverge from their mean.

    The score is the mean Kullback-Leibler divergence of a head from the mean of all.

    Source: McCallum and Nigam 1998, section 3.2 (without their weight by density); Settles 2009, section 3.2.
    Cost: 8 fits, then 8 scans of the pool: O(8 N d c).
    """,
)
by_bald = _strategy(
    "bald",
    information,
    drawn_heads,
    """A query (n,) of items whose answer would tell most about the head, by eight heads drawn near its posterior.

    The formula is that of `vote_divergence`; here each head sees all labels, with random weights.

    Source: Houlsby et al. 2011, equation 2; the draws: Newton and Raftery 1994.
    Cost: 8 fits, then 8 scans of the pool: O(8 N d c).
    """,
)

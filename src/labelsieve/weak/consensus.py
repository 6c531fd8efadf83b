"""What is most likely true where annotators differ: Dawid and Skene's model of who confuses what with what.

dawid_skene(answers) -> Consensus              one class an item (a screen is two classes)
dawid_skene_each(answers, several) -> list     several classes an item: class by class, asked or not
majority_shares(counts) -> (n, c)              what most say: the start, and the thing to beat
single_shares(consensus, by, code) -> (v, c)   what single answers say, by what was learnt of who gave them
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.types import Vector
from labelsieve.weak.answersets import Answers, Codes

Table = NDArray[np.float64]
LEAST = 1e-12  # no answer is held for impossible
BLOCK = 2_000_000  # numbers that are held at once beside the posterior


@dataclass(frozen=True, slots=True)
class EmSettings:
    """How to fit. `shrink` is how many answers the annotators together count for beside those of one of them a class:
    0 trusts every count (Dawid and Skene's own), 20 was best or near it wherever it was measured
    (benchmarks/consensus.py). It ends when a step moves less than `tolerance` of the mean item's chance."""

    shrink: float = 20.0
    tolerance: float = 1e-4
    most_steps: int = 300


@dataclass(frozen=True, slots=True)
class Consensus:
    """`posterior` (n, c): the chance of each class for each item; `prior` (c,) of a class before any answer.

    `confusion` (a, c, c): the chance that an annotator says the last class where the middle one is true; rows sum to 1.
    """

    posterior: Table
    prior: Vector
    confusion: Table
    steps: int
    converged: bool

    @property
    def codes(self) -> Codes:
        """The likeliest class (n,) of each item; the first of equals."""
        return np.asarray(np.argmax(self.posterior, axis=1), np.int64)

    @property
    def doubt(self) -> Vector:
        """The chance (n,) that the likeliest class is wrong."""
        return np.asarray(1.0 - self.posterior.max(axis=1), np.float64)

    @property
    def accuracy(self) -> Vector:
        """The chance (a,) that an annotator names the true class of an item drawn by the prior."""
        return np.asarray(np.einsum("c,acc->a", self.prior, self.confusion), np.float64)


def majority_shares(counts: Codes) -> Table:
    """The share (n, c) of an item's answers that each class has; equal shares where there is none. Cost: O(n c)."""
    total = counts.sum(axis=1, keepdims=True)
    alike = np.full(counts.shape, 1.0 / max(counts.shape[1], 1))
    return np.asarray(np.divide(counts, total, out=alike, where=total > 0), np.float64)


def dawid_skene(answers: Answers, how: EmSettings | None = None) -> Consensus:
    """The consensus (n, c) of all answers: EM from the majority, each annotator weighed by what they confuse.

    Source: Dawid, Skene 1979 (`shrink=0`). Above 0 an annotator's rows lean towards their own accuracy with the errors
    that all annotators make, and that accuracy towards everybody's, since c^2 numbers a person need many answers; and
    each item is judged by what is known without it, since few answers would confirm themselves.
    It starts from the shares of the answers and draws nothing: equal answers give equal results.
    Cost: O(v c + a c^2) a step, some 10 to 100 steps; memory O(n c + a c^2).
    Two annotators that differ are told apart by other items alone: without those the posterior says so, near 1/2. Its
    doubt is too small still where classes are many: half of the errors that there are (benchmarks/consensus.py).
    """
    how = EmSettings() if how is None else how
    if how.shrink < 0:
        raise InputError(f"shrink is {how.shrink}; expected a number from 0 on.", "20 suits most.")
    if not answers.n_classes:
        raise ShapeError("there are 0 classes; expected at least 1.", "leave out a task that nobody has answered.")
    said, of_item = _said(answers), _of_item(answers)
    posterior = majority_shares(answers.counts())
    answered = np.bincount(answers.item, minlength=answers.n_items) > 0
    converged, steps = False, 0
    while not converged and steps < how.most_steps:
        prior, confusion = _maximised(said, posterior, answered, answers, how.shrink)
        before = posterior
        if how.shrink and answers.n_classes > 1:
            posterior = _expected_apart((said, of_item), before, answers, how.shrink)
        else:
            posterior = _expected(said, prior, confusion)
        steps += 1
        converged = bool(np.abs(posterior - before).sum() < 2 * how.tolerance * max(len(posterior), 1))
    return Consensus(posterior, prior, confusion, steps, converged)


def dawid_skene_each(answers: Answers, several: Sequence[Codes], how: EmSettings | None = None) -> list[Consensus]:
    """One consensus (n, 2) a class: is it there (code 1) or not (0). Source: as `dawid_skene`, c times.

    `several[k]` (v,) says of each answer whether it names class k: 1, 0, or -1 where it was not asked.
    """
    out = []
    for codes in several:
        if codes.shape != answers.item.shape:
            raise ShapeError(f"the codes of a class have the shape {codes.shape}; expected {answers.item.shape}.")
        asked = codes >= 0
        part = replace(answers, item=answers.item[asked], by=answers.by[asked], code=codes[asked], n_classes=2)
        out.append(dawid_skene(part, how))
    return out


def single_shares(found: Consensus, by: Codes, code: Codes) -> Table:
    """The chance (v, c) of each class of an item with one answer: `code` (v,) by `by` (v,), -1 where it was not asked.

    By what the other items taught of everybody; an item that says nothing else teaches nothing. Cost: O(v c).
    """
    heard = np.where((code >= 0)[:, None], found.confusion[by, :, np.maximum(code, 0)], 1.0)
    score = heard * found.prior
    return np.asarray(score / np.maximum(score.sum(axis=1, keepdims=True), LEAST), np.float64)


def _said(answers: Answers) -> Any:
    """How often (n, a c), sparse, an annotator gave an item a class."""
    from scipy.sparse import csr_matrix

    column = answers.by * answers.n_classes + answers.code
    shape = (answers.n_items, answers.n_people * answers.n_classes)
    return csr_matrix((np.ones(len(answers)), (answers.item, column)), shape=shape)


def _of_item(answers: Answers) -> Any:
    """Whether (n, v), sparse, an answer is about an item."""
    from scipy.sparse import csc_matrix

    shape = (answers.n_items, len(answers))
    return csc_matrix((np.ones(len(answers)), (answers.item, np.arange(len(answers)))), shape=shape)


def _maximised(
    said: Any, posterior: Table, answered: NDArray[np.bool_], answers: Answers, shrink: float
) -> tuple[Vector, Table]:
    """The prior (c,) and confusion (a, c, c) for which the posterior is likeliest."""
    a, c = answers.n_people, answers.n_classes
    prior = posterior[answered].sum(axis=0) + (shrink and 1.0 / c)
    prior = prior / prior.sum() if prior.sum() else np.full(c, 1.0 / c)
    counts = np.asarray(said.T @ posterior).reshape(a, c, c).transpose(0, 2, 1)  # [who, true, said]
    total = counts.sum(axis=2, keepdims=True)
    usual = _usual(counts, shrink)
    rows = np.divide(counts + shrink * usual, total + shrink, out=usual.copy(), where=total + shrink > 0)
    return prior, np.asarray(np.maximum(rows, LEAST), np.float64)


def _usual(counts: Table, shrink: float) -> Table:
    """Rows (a, c, c) that sum to 1: a person's own accuracy, and the errors that everybody makes."""
    c = counts.shape[1]
    if not shrink or c < 2:
        return np.full(counts.shape, 1.0 / c)
    own, wrong = _own(counts, shrink), _wrong(counts, shrink)
    wrong /= wrong.sum(axis=1, keepdims=True)
    return np.asarray(own[:, None, None] * np.eye(c) + (1.0 - own)[:, None, None] * wrong, np.float64)


def _own(counts: Table, shrink: float) -> Vector:
    """The accuracy (a,) of each person, leaning towards everybody's."""
    hits = np.einsum("acc->a", counts)
    right = (hits.sum() + 1.0) / (counts.sum() + 2.0)
    return np.asarray((hits + shrink * right) / (counts.sum(axis=(1, 2)) + shrink), np.float64)


def _wrong(counts: Table, shrink: float) -> Table:
    """How often (c, c) anybody said one class for another; nothing on the diagonal."""
    c = counts.shape[1]
    off = 1.0 - np.eye(c)
    return np.asarray((counts.sum(axis=0) + shrink / (c - 1)) * off, np.float64)


def _expected(said: Any, prior: Vector, confusion: Table) -> Table:
    """The chance (n, c) of each class for each item, given its answers."""
    a, c, _ = confusion.shape
    weight = np.log(confusion).transpose(0, 2, 1).reshape(a * c, c)
    return _shares(np.asarray(said @ weight) + np.log(np.maximum(prior, LEAST)))


def _shares(score: Table) -> Table:
    score = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(score / score.sum(axis=1, keepdims=True), np.float64)


def _expected_apart(tables: tuple[Any, Any], posterior: Table, answers: Answers, shrink: float) -> Table:
    """The same, each item judged by what is known without it: else few answers confirm themselves.

    Source: the collapsed variational estimate of order 0 (Asuncion, Welling, Smyth, Teh 2009), for this model.
    """
    a, c = answers.n_people, answers.n_classes
    said, by_item = tables
    counts = np.asarray(said.T @ posterior).reshape(a, c, c)  # [who, said, true]
    totals = counts.sum(axis=1)  # [who, true]
    own, wrong = _own(counts.transpose(0, 2, 1), shrink), _wrong(counts.transpose(0, 2, 1), shrink).T  # [said, true]
    wrongs, of_item = wrong.sum(axis=0), answers.counts()
    score = np.zeros(posterior.shape)
    size = max(1, BLOCK // c)
    for first in range(0, len(answers), size):
        rows = slice(first, first + size)
        item, by, code = answers.item[rows], answers.by[rows], answers.code[rows]
        mine, times = posterior[item], of_item[item]
        error = wrong[code] - mine * times[np.arange(len(item)), code][:, None]
        errors = wrongs - mine * (times.sum(axis=1, keepdims=True) - times)
        usual = (1.0 - own[by])[:, None] * np.maximum(error, LEAST) / np.maximum(errors, LEAST)
        usual[np.arange(len(item)), code] = own[by]
        chance = (counts[by, code] - mine + shrink * usual) / (totals[by] - mine + shrink)
        score += by_item[:, rows] @ np.log(np.maximum(chance, LEAST))
    answered = of_item.sum(axis=1, keepdims=True) > 0
    prior = (posterior * answered).sum(axis=0) - posterior * answered + 1.0 / c
    return _shares(score + np.log(np.maximum(prior, LEAST)))

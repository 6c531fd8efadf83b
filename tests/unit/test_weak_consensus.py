"""Consensus: the patients of Dawid and Skene, a naive reference, planted annotators."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.weak.answersets import Answers
from labelsieve.weak.consensus import Consensus, EmSettings, dawid_skene, dawid_skene_each, majority_shares

PLAIN = EmSettings(shrink=0.0, tolerance=1e-9, most_steps=2000)
# Dawid, Skene 1979, table 1: 45 patients; the first anaesthetist answered three times, four others once.
PATIENTS = """1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111
2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222
1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111
1212111 2322222 1211111 2222222""".split()


def _patients() -> Answers:
    said = np.array([[int(x) - 1 for x in word] for word in PATIENTS])
    item, column = np.indices(said.shape)
    return Answers(item.ravel(), np.maximum(column - 2, 0).ravel(), said.ravel(), 45, 5, 4)


def _naive(answers: Answers, steps: int) -> Consensus:
    """Loops over the equations 2.3 to 2.5 of the paper, from the start 3.1."""
    n, a, c = answers.n_items, answers.n_people, answers.n_classes
    said = np.zeros((n, a, c))
    for i, k, code in zip(answers.item, answers.by, answers.code, strict=True):
        said[i, k, code] += 1
    posterior = said.sum(axis=1) / said.sum(axis=(1, 2))[:, None]
    for _ in range(steps):
        prior = posterior.mean(axis=0)
        confusion = np.zeros((a, c, c))
        for k in range(a):
            for j in range(c):
                row = sum(posterior[i, j] * said[i, k] for i in range(n))
                confusion[k, j] = row / row.sum() if row.sum() else 1 / c
        for i in range(n):
            likely = [prior[j] * math.prod((confusion[:, j] ** said[i]).ravel()) for j in range(c)]
            posterior[i] = np.array(likely) / sum(likely)
    return Consensus(posterior, prior, confusion, steps, True)


def test_the_patients_are_those_of_the_paper() -> None:
    """Table 2 of the paper: the shares of the four classes are .40, .42, .11, .07."""
    found = dawid_skene(_patients(), PLAIN)
    assert found.converged
    assert found.prior.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]


def test_it_is_the_naive_reference_where_nothing_is_shrunk() -> None:
    found = dawid_skene(_patients(), EmSettings(0.0, 0.0, 40))
    naive = _naive(_patients(), 40)
    assert found.steps == 40
    np.testing.assert_allclose(found.posterior, naive.posterior, atol=1e-8)
    np.testing.assert_allclose(found.confusion, naive.confusion, atol=1e-8)


def _planted(seed: int, n: int, confusion: np.ndarray, share: float = 1.0) -> tuple[Answers, np.ndarray]:
    """Answers of annotators with a known confusion (a, c, c), each to a share of the items; the truth (n,)."""
    rng = np.random.default_rng(seed)
    a, c, _ = confusion.shape
    truth = rng.integers(0, c, n)
    item, by = (rng.random((n, a)) < share).nonzero()
    roll = rng.random(len(item))
    code = (roll[:, None] > confusion[by, truth[item]].cumsum(axis=1)).sum(axis=1)
    return Answers(item, by, np.minimum(code, c - 1), n, a, c), truth


def _even(right: list[float], c: int) -> np.ndarray:
    return np.stack([np.full((c, c), (1 - p) / (c - 1)) + np.eye(c) * (p - (1 - p) / (c - 1)) for p in right])


@pytest.mark.parametrize("shrink", [0.0, 5.0])
def test_it_finds_the_planted_confusion(shrink: float) -> None:
    planted = _even([0.9, 0.7, 0.8, 0.6, 0.75], 3)
    planted[1, 0] = [0.3, 0.6, 0.1]  # the second takes the first class for the second one
    answers, truth = _planted(3, 4000, planted)
    found = dawid_skene(answers, EmSettings(shrink=shrink))
    assert np.abs(found.confusion - planted).max() < 0.06
    assert np.abs(found.prior - 1 / 3).max() < 0.03
    majority = np.argmax(majority_shares(answers.counts()), axis=1)
    assert (found.codes == truth).mean() > (majority == truth).mean() + 0.02
    assert found.accuracy[0] == pytest.approx(0.9, abs=0.03)


def test_its_doubt_is_as_large_as_its_errors() -> None:
    answers, truth = _planted(4, 4000, _even([0.8, 0.7, 0.65], 3))
    found = dawid_skene(answers)
    assert found.doubt.mean() == pytest.approx((found.codes != truth).mean(), abs=0.02)


def test_with_many_classes_its_doubt_is_not_nothing() -> None:
    """Plain Dawid and Skene is nearly sure of everything here; what is right is judged without the item itself."""
    answers, truth = _planted(11, 800, _even([0.9, 0.75, 0.6, 0.7, 0.65], 40), share=0.6)
    plain, shrunk = dawid_skene(answers, EmSettings(shrink=0.0)), dawid_skene(answers)
    errors = (shrunk.codes != truth).mean()
    assert (plain.codes != truth).mean() > errors
    assert plain.doubt.mean() < 0.25 * errors < shrunk.doubt.mean()


def test_one_good_annotator_outweighs_two_bad_ones() -> None:
    answers, truth = _planted(5, 1500, _even([0.97, 0.55, 0.55, 0.55], 4))
    found = dawid_skene(answers)
    majority = np.argmax(majority_shares(answers.counts()), axis=1)
    assert (found.codes == truth).mean() > 0.95 > (majority == truth).mean()


def test_somebody_with_few_answers_does_no_harm() -> None:
    answers, truth = _planted(6, 300, _even([0.85, 0.85, 0.85], 5))
    few = Answers(
        np.append(answers.item, [0, 1]), np.append(answers.by, [3, 3]), np.append(answers.code, [4, 0]), 300, 4, 5
    )
    found = dawid_skene(few)
    assert (found.codes[2:] == dawid_skene(answers).codes[2:]).mean() > 0.99
    assert 0.5 < found.accuracy[3] < 0.95
    assert found.confusion[3].sum(axis=1) == pytest.approx(np.ones(5))
    assert (found.codes == truth).mean() > 0.9


def test_many_classes_and_few_answers_are_not_worse_than_the_majority() -> None:
    answers, truth = _planted(7, 600, _even([0.9, 0.7, 0.6, 0.8, 0.5], 60), share=0.6)
    majority = (np.argmax(majority_shares(answers.counts()), axis=1) == truth).mean()
    assert (dawid_skene(answers).codes == truth).mean() >= majority


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(2, 4), st.floats(0, 20))
def test_permuting_items_people_and_classes_permutes_the_result(seed: int, c: int, shrink: float) -> None:
    rng = np.random.default_rng(seed)
    answers, _ = _planted(seed, 30, _even([0.9, 0.6, 0.7], c), share=0.8)
    items, people, classes = rng.permutation(30), rng.permutation(3), rng.permutation(c)
    moved = Answers(items[answers.item], people[answers.by], classes[answers.code], 30, 3, c)
    how = EmSettings(shrink=shrink, most_steps=30, tolerance=0.0)
    before, after = dawid_skene(answers, how), dawid_skene(moved, how)
    np.testing.assert_allclose(after.posterior[items][:, classes], before.posterior, atol=1e-6)
    np.testing.assert_allclose(after.confusion[people][:, classes][:, :, classes], before.confusion, atol=1e-6)


def test_the_same_answers_give_the_same_bytes() -> None:
    answers, _ = _planted(8, 200, _even([0.9, 0.6], 3))
    assert dawid_skene(answers).posterior.tobytes() == dawid_skene(answers).posterior.tobytes()


def test_perfect_agreement_leaves_no_doubt() -> None:
    item = np.repeat(np.arange(40), 2)
    answers = Answers(item, np.tile([0, 1], 40), item % 4, 40, 2, 4)
    found = dawid_skene(answers)
    assert (found.codes == np.arange(40) % 4).all()
    assert found.doubt.max() < 0.01


@pytest.mark.parametrize("shrink", [0.0, 5.0])
def test_two_who_differ_alone_leave_doubt(shrink: float) -> None:
    found = dawid_skene(Answers(np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), 1, 2, 2), EmSettings(shrink))
    assert found.doubt[0] == pytest.approx(0.5, abs=0.01)


def test_items_without_an_answer_have_the_prior() -> None:
    answers = Answers(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1, 1, 0]), 4, 2, 3)
    found = dawid_skene(answers)
    np.testing.assert_allclose(found.posterior[2:], np.tile(found.prior, (2, 1)))
    empty = dawid_skene(Answers(*(np.empty(0, np.int64),) * 3, 2, 1, 3))
    np.testing.assert_allclose(empty.posterior, np.full((2, 3), 1 / 3))
    assert dawid_skene(Answers(*(np.empty(0, np.int64),) * 3, 0, 0, 1)).posterior.shape == (0, 1)


def test_several_classes_are_agreed_class_by_class() -> None:
    """Class 0 is seen well by all; class 1 only by the first of three."""
    rng = np.random.default_rng(9)
    truth = rng.random((800, 2)) < 0.4
    item, by = np.indices((800, 3)).reshape(2, -1)
    right = np.array([[0.95, 0.95], [0.95, 0.6], [0.95, 0.6]])
    said = np.where(rng.random((2400, 2)) < right[by], truth[item], ~truth[item]).astype(np.int64)
    said[0, 1] = -1  # not asked
    answers = Answers(item, by, np.zeros(2400, np.int64), 800, 3, 1)
    first, second = dawid_skene_each(answers, [said[:, 0], said[:, 1]])
    assert (first.codes == truth[:, 0]).mean() > 0.98
    assert (second.codes == truth[:, 1]).mean() > 0.93
    assert second.accuracy[0] > 0.8 > second.accuracy[1]


def test_what_cannot_be_fitted_is_refused() -> None:
    nobody = Answers(*(np.empty(0, np.int64),) * 3, 0, 0, 0)
    with pytest.raises(ShapeError, match="0 classes"):
        dawid_skene(nobody)
    with pytest.raises(InputError, match=r"shrink is -1"):
        dawid_skene(_patients(), EmSettings(shrink=-1))
    with pytest.raises(ShapeError, match="codes of a class"):
        dawid_skene_each(_patients(), [np.zeros(2, np.int64)])

import numpy as np
import pytest

from labelsieve.core.types import Labels, Query
from labelsieve.screening.bandit import BEFORE, OTHERS, Credit, credits_of, drawn_order


def asked(ids, *arms):
    n = len(ids)
    return Query(np.array(ids), np.zeros(n), np.full(n, np.nan), "screen", ("",) * n, (), 0, arms)


LABELS = Labels(np.array([1, 2, 3, 4, 5]), np.array([1, 0, 1, 0, 0]), ("dull", "odd"), "screen")


def test_every_arm_that_had_an_item_on_its_list_is_credited_with_its_answer():
    found = credits_of([asked([3, 2, 1], "a + b", "b", "a")], LABELS)
    assert found == {"a": Credit(2.0, 0.0), "b": Credit(1.0, 1.0)}


def test_what_has_no_answer_or_no_arm_counts_nothing():
    past = [asked([1, 99], "a", "a"), asked([2, 4], "", "b"), asked([5])]
    assert credits_of(past, LABELS) == {"b": Credit(0.0, 1.0), "a": Credit(pytest.approx(0.95**0.2), 0.0)}
    assert credits_of([], LABELS) == {}


def test_counts_fade_by_a_twentieth_every_ten_answers_however_many_are_asked_at_once():
    labels = Labels(np.arange(40), np.ones(40, int), ("dull", "odd"), "screen")
    tens = [asked(range(i, i + 10), *("old" if i < 10 else "new",) * 10) for i in range(0, 30, 10)]
    found = credits_of(tens, labels)
    assert found["old"].hits == pytest.approx(10 * 0.95**2)
    assert found["new"].hits == pytest.approx(10 * 0.95 + 10)
    ones = credits_of([asked([i], "old" if i < 10 else "new") for i in range(30)], labels)
    assert ones["old"].hits == pytest.approx(found["old"].hits, rel=0.05)


def test_answers_long_ago_are_not_looked_at():
    labels = Labels(np.arange(5000), np.ones(5000, int), ("dull", "odd"), "screen")
    past = [asked(range(i, i + 100), *("old" if i < 2000 else "new",) * 100) for i in range(0, 5000, 100)]
    assert set(credits_of(past, labels)) == {"new"}


def test_an_arm_is_drawn_by_its_chance_to_be_the_best():
    rng, credit = np.random.default_rng(0), {"good": Credit(20, 20), "bad": Credit(0, 60)}
    first = [drawn_order(["bad", "good", "new"], credit, rng)[0] for _ in range(2000)]
    new, good = (rng.beta(2 * (OTHERS[0] + n), 2 * (OTHERS[1] + n), 100_000) for n in (0, 20))
    better = (new > good).mean()
    assert first.count("bad") < 20
    assert first.count("new") / 2000 == pytest.approx(better, abs=0.03)
    assert sorted(drawn_order(["bad", "good", "new"], credit, rng)) == ["bad", "good", "new"]


def test_before_anything_is_answered_arms_that_know_nothing_of_odd_items_come_last():
    rng, arms = np.random.default_rng(0), ["anomaly", "explore", "fuse", "isolation", "linear", "medoids"]
    first = [drawn_order(arms, {}, rng)[0] for _ in range(2000)]
    often = sorted(arms, key=first.count)
    assert set(often[:2]) == {"explore", "medoids"}
    assert often[-1] == "fuse"
    assert BEFORE.keys() <= {*arms, "apart", "forest", "patches", "tails"}


def test_in_dense_embeddings_trees_start_with_the_trust_of_what_is_not_named():
    arms = ["fuse", "forest", "linear"]
    often = {}
    for dense in (True, False):
        rng = np.random.default_rng(0)
        first = [drawn_order(arms, {}, rng, dense)[0] for _ in range(3000)]
        often[dense] = {arm: first.count(arm) / 3000 for arm in arms}
    assert often[True]["forest"] == pytest.approx(often[True]["linear"], abs=0.03)
    assert often[False]["forest"] > 2 * often[False]["linear"]

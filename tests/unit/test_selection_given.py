"""What callers of the pure functions may give that does not fit: an error with one thing to do, never an answer."""

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.plugins import load
from labelsieve.core.randomness import as_rng
from labelsieve.core.rounds import ArrayPool, Round
from labelsieve.core.types import Labels
from labelsieve.heads.linear import Linear
from labelsieve.selection.coverage import reader
from labelsieve.selection.given import named_classes

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
CHOOSE = {
    "kcenter": ls.kcenter,
    "typiclust": ls.typiclust,
    "facility_location": ls.facility_location,
    "badge": lambda x, n, **more: ls.badge(x, np.full((len(x), 3), 1 / 3), n, **more),
}


class Fixed:
    """A head that gives what it was told to."""

    def __init__(self, of) -> None:
        self.predict_proba = of

    def fit(self, x, y, weight=None):
        return self


def sure(x, classes=3):
    e = np.exp(x[:, :classes])
    return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("name", CHOOSE)
def test_a_mask_is_no_row_numbers(name):
    with pytest.raises(ls.InputError, match="np.flatnonzero"):
        CHOOSE[name](X, 3, labelled=np.arange(40) < 9)  # would be rows 0 and 1
    with pytest.raises(ls.InputError, match="row numbers"):
        CHOOSE[name](X, 3, labelled=[0.7])


@pytest.mark.parametrize("name", CHOOSE)
@pytest.mark.parametrize("n", [2.5, "5", True, None, -1])
def test_n_is_a_whole_number(name, n):
    with pytest.raises(ls.InputError, match="whole number of 0 or more"):
        CHOOSE[name](X, n)


@pytest.mark.parametrize("rng", [None, -1, 1.5, "a", True])
def test_rng_is_a_seed_or_a_generator(rng):
    with pytest.raises(ls.InputError, match="or a numpy Generator"):
        ls.query(X, 2, rng=rng)


def test_rng_of_numpy_is_a_seed():
    assert as_rng(np.int64(3)).random() == as_rng(3).random()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("x", [X * np.float32(1e20), X.astype(float) * 1e200, X * np.float32(1e-25)])
def test_squares_that_single_precision_does_not_hold(x):
    for choose in CHOOSE.values():
        with pytest.raises(ls.InputError, match="divide x by its largest"):
            choose(x, 3)
    with pytest.raises(ls.InputError, match="divide x"):
        ls.near_duplicates(x)
    with pytest.raises(ls.InputError, match="divide x"):
        ls.hard_negatives(x, x, [[0, 0]])
    assert len(ls.coreset(X, 3)) == len(ls.coreset(np.zeros((5, 2)), 3)) == 3


@pytest.mark.filterwarnings("error")
def test_a_query_takes_rows_of_any_finite_norm():
    same = ls.query(X, 4, strategy="kcenter").ids
    assert ls.query(X * np.float32(2.0**70), 4, strategy="kcenter").ids.tolist() == same.tolist()
    with pytest.raises(ls.InputError, match="row 0 of x is not finite"):
        ls.query(X.astype(float) * 1e200, 4, strategy="kcenter")


@pytest.mark.parametrize("x", [X + 1j, X.astype(str), X.astype(object)])
def test_what_is_no_number(x):
    for choose in (reader, ls.near_duplicates, lambda rows: ls.coreset(rows, 2), lambda rows: ls.query(rows, 2)):
        with pytest.raises(ls.InputError, match="real numbers were expected"):
            choose(x)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e300, 1e38, 1e-300])
def test_weights_of_any_size(scale):
    weight = np.arange(40.0)
    chosen = ls.facility_location(X, 5, weight=weight * scale).tolist()
    assert chosen == ls.facility_location(X, 5, weight=weight / 64).tolist()
    for bad in (weight + 1j, ["a"] * 40):
        with pytest.raises(ls.InputError, match="weight holds"):
            ls.facility_location(X, 5, weight=bad)


def test_answers_of_a_row_that_differ():
    with pytest.raises(ls.InputError, match="row 3 is labelled twice"):
        ls.query(X, 2, labelled=[3, 1, 3], y=[0, 1, 1])
    with pytest.raises(ls.InputError, match="row 3 is labelled twice"):
        ls.query(X, 2, labelled=[3, 3], y=[[0, 1], [1, 1]])
    assert len(ls.query(X, 2, labelled=[], y=[])) == len(ls.query(X, 2, labelled=[], y=np.zeros((0, 3)))) == 2
    again = ls.query(X, 2, labelled=[3, 1, 3], y=[0, 1, 0])
    assert again.ids.tolist() == ls.query(X, 2, labelled=[1, 3], y=[1, 0]).ids.tolist()


@pytest.mark.parametrize("y", [[0, np.nan], ["a", None], np.zeros((2, 0)), np.zeros((2, 2, 2)), 3, [["a"], ["b"]]])
def test_answers_that_are_none(y):
    with pytest.raises(ls.InputError):
        ls.query(X, 2, labelled=[0, 1], y=y)


def test_classes_may_be_objects():
    names, codes = named_classes(np.array(["b", "a", "b"], object), 3)
    assert names.tolist() == ["a", "b"] and codes.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "of",
    [
        lambda x: np.full((len(x), 3), np.nan),
        lambda x: x[:, :3] * 10,
        lambda x: sure(x)[:, 0],
        lambda x: sure(x)[:-1],
        lambda x: sure(x, 2),
        lambda x: sure(x).tolist(),
        lambda x: None,
    ],
)
@pytest.mark.parametrize("strategy", ["margin", "greedy_search", "kcenter"])
def test_a_head_that_gives_no_probabilities(of, strategy):
    with pytest.raises(ls.InputError):
        ls.query(X, 2, head=Fixed(of), strategy=strategy, labelled=[0, 1, 2], y=[0, 1, 2])


@pytest.mark.parametrize("strategy", ["greedy_search", "hardest", "expected_change", "badge", "ens"])
def test_a_head_that_fails_on_some_rows(strategy):
    def of(x):
        proba = sure(x)
        proba[20:] = np.nan  # the first rows are well
        return proba

    with pytest.raises(ls.InputError, match="not finite, from item"):
        ls.query(X, 2, head=Fixed(of), strategy=strategy, labelled=[0, 1, 2], y=[0, 1, 2])


def test_a_head_of_several_classes_an_item():
    head = Fixed(lambda x: (1 / (1 + np.exp(-x[:, :3]))).astype(np.float32))  # rows do not sum to 1
    y = np.eye(3)[[0, 1, 2, 2]]
    assert len(ls.query(X, 2, head=head, strategy="margin", labelled=[0, 1, 2, 3], y=y)) == 2
    with pytest.raises(ls.ShapeError, match=r"\(rows, 3\)"):
        ls.query(X, 2, head=head, labelled=[0, 1, 2, 3], y=y[:, :2])


def test_no_head_at_all():
    with pytest.raises(ls.InputError, match="no predict_proba"):
        ls.query(X, 2, head="linear", labelled=[0, 1], y=[0, 1])
    with pytest.raises(ls.InputError, match="a name was expected"):
        ls.query(X, 2, strategy=None)


def test_a_head_fixes_the_codes_of_y():
    head = Fixed(sure)  # three classes, of which two have labels
    seen = []
    ls.query(X, 2, head=head, strategy=lambda s, n, r: seen.append(s.labels), labelled=[5, 4], y=[2, 0])
    assert seen[0].y.tolist() == [0, 2] and len(seen[0].classes) == 3
    with pytest.raises(ls.InputError, match="codes 0 to 2"):
        ls.query(X, 2, head=head, labelled=[5, 4], y=["a", "b"])


@pytest.mark.parametrize(
    "text", ["part(limit=-5)", "part(limit=0)", "part(limit=1.5)", "part(limit=x)", "seals(k=True)", "anchors(k=True)"]
)
def test_options_that_are_no_whole_numbers(text):
    with pytest.raises(ls.InputError, match="whole number"):
        ls.query(X, 2, strategy=f"{text} | margin", labelled=[0, 1], y=[0, 1])


@pytest.mark.parametrize("text", ["seals(k=99999999999999999999)", "anchors(k=999999999999)"])
def test_more_neighbours_than_items(text):
    query = ls.query(X, 38, strategy=f"{text} | margin", labelled=[0, 1], y=[0, 1])
    assert sorted(query.ids.tolist()) == list(range(2, 40))


@pytest.mark.parametrize(
    "options",
    [
        {"num_negatives": 2.5}, {"num_negatives": None}, {"range_max": 5.0}, {"absolute_margin": float("nan")},
        {"relative_margin": "a"}, {"guard": float("nan")}, {"exclude": [[0, 99]]},
    ],
)  # fmt: skip
def test_mining_options(options):
    with pytest.raises(ls.InputError):
        ls.hard_negatives(X[:5], X, [[0, 0]], ls.Mining(**options))


def test_mining_looks_no_further_than_there_are_passages():
    found = ls.hard_negatives(X[:5], X, [[0, 0]], ls.Mining(num_negatives=39, range_max=10**12, guard=None))
    assert sorted(found.negatives[0].tolist()) == list(range(1, 40))


@pytest.mark.parametrize("y", [[3, 0], [-2, 0], [0.5, 0], [np.nan, 0], ["0", "1"]])
def test_disagreements_with_codes_there_are_not(y):
    with pytest.raises(ls.InputError, match="codes 0 to 1"):
        ls.disagreements(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array(y))


@pytest.mark.parametrize("strategy", ["auto", "graph_cut", "facility_location_sparse"])
def test_the_layout_of_an_array_changes_nothing(strategy):
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=400)
    x = (2 * rng.normal(size=(4, 16))[y] + rng.normal(size=(400, 16))).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x[50:60] = x[50]  # ties, which rounding must not settle
    seen = []
    for rows in (x, np.asfortranarray(x), x.astype(np.float64, order="F"), np.repeat(x, 2, axis=1)[:, ::2]):
        pool = ArrayPool(rows)
        state = Round(pool, Labels(np.arange(40), y[:40].astype(np.int64), tuple("abcd")))
        state.head = Linear(4).fit(pool.take(state.labels.ids), state.labels.y)
        seen.append(load("strategies", strategy)(state, 7, np.random.default_rng(5)).ids.tolist())
    assert all(ids == seen[0] for ids in seen)

import numpy as np
import pytest

from labelsieve.core.errors import InputError
from labelsieve.core.types import Labels
from labelsieve.heads.boosted import Boosted
from labelsieve.heads.choose import choose_head, class_sizes
from labelsieve.heads.fused import Fused
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean


def labels(y, c, kind="classes"):
    y = np.asarray(y)
    return Labels(np.arange(len(y)), y, tuple(map(str, range(c))), kind)


@pytest.mark.parametrize(
    ("y", "kind", "balanced"),
    [
        ([0], NearestMean, None),
        ([0, 0, 0], NearestMean, None),
        ([0, 0, 1], NearestMean, None),
        ([0, 0, 1, 1], Linear, True),
        ([0, 0, 0, 2, 2, 2], Linear, False),
    ],
)
def test_means_until_every_class_has_two_labels_then_linear(y, kind, balanced):
    head = choose_head(labels(y, 3))
    assert type(head) is kind
    assert getattr(head, "balanced", None) == balanced
    assert head.n_classes == 3


def test_the_previous_linear_head_is_the_start():
    x = np.eye(6, dtype=np.float32)
    known = labels([0, 0, 0, 1, 1, 1], 2)
    first = choose_head(known).fit(x, known.y)
    assert choose_head(known, previous=first).start is first
    assert choose_head(known, previous=NearestMean(2).fit(x, known.y)).start is None


def test_sizes_count_a_multilabel_item_once_a_class():
    y = np.array([[1, 0, np.nan], [1, 1, 0]])
    assert class_sizes(labels(y, 3, "multilabel")).tolist() == [2, 1, 0]
    assert type(choose_head(labels(y, 3, "multilabel"))) is Linear


@pytest.mark.parametrize(
    ("y", "kind", "balanced"),
    [
        ([0, 0, 1], NearestMean, None),
        ([0, 0, 1, 1], Linear, True),
        ([0, 1] * 20, Linear, False),
        ([0, 1] * 500, Boosted, False),
    ],
)
def test_tables_get_a_softer_head_and_then_trees(y, kind, balanced):
    head = choose_head(labels(y, 2), tabular=True)
    assert type(head) is kind
    assert getattr(head, "balanced", None) == balanced
    assert getattr(head, "c", 1.0) == 1.0


@pytest.mark.parametrize("tabular", [False, True])
@pytest.mark.parametrize("y", [[0], [1], [0, 1], [0] * 30 + [1] * 3])
def test_a_screen_has_one_head_whatever_is_known(y, tabular):
    known = labels(y, 2, "screen")
    head = choose_head(known, tabular=tabular)
    assert isinstance(head, Fused) and head.tabular == tabular
    x = np.random.default_rng(0).normal(size=(len(y), 5)).astype(np.float32)
    later = choose_head(known, tabular=tabular, previous=head.fit(x, known.y))
    assert later.start is head.linear


def test_the_head_of_a_screen_refuses_several_classes_an_item() -> None:
    with pytest.raises(InputError, match="several classes"):
        Fused(2).fit(np.zeros((3, 2), np.float32), np.zeros((3, 2)))

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from labelsieve.core.errors import InputError
from labelsieve.heads.boosted import Boosted
from labelsieve.heads.foreign import foreign_head
from labelsieve.heads.forest import Forest
from labelsieve.heads.fused import Fused
from labelsieve.heads.linear import Linear
from labelsieve.heads.means import NearestMean
from labelsieve.heads.mixup import Mixup
from labelsieve.heads.onnx_export import to_onnx
from labelsieve.heads.temperature import Temperature
from labelsieve.heads.usual import Usual
from labelsieve.heads.view import WAYS, View

RNG = np.random.default_rng(0)
Y = RNG.permutation(np.arange(150) % 4)
X = (RNG.normal(size=(4, 9))[Y] * 2 + RNG.normal(size=(150, 9)) + 1).astype(np.float32)
NEW = np.concatenate([RNG.normal(size=(299, 9)) + 1, np.zeros((1, 9))]).astype(np.float32)
TARGETS = {
    "classes": (Y, 4),
    "gap": (np.where(Y == 2, 0, Y), 6),
    "two": (Y % 2, 2),
    "one": (np.full(150, 1), 3),
    "multilabel": (np.stack([Y == 0, Y > 1, Y < 9], axis=1).astype(float), 3),
    "unanswered": (np.full((150, 2), np.nan), 2),
}


def run(model):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"embeddings": NEW})[0]


def same(view, head, temperature, model, multilabel):
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    ours = temperature(head.predict_proba(view(NEW)), multilabel)
    theirs = run(model)
    assert theirs.dtype == np.float32
    wrong = np.abs(theirs - ours).max(axis=1) > 1e-4
    assert wrong.mean() <= 0.01  # a row on the very threshold of a tree may change sides by rounding in the view


@pytest.mark.parametrize("kind", [NearestMean, Linear, Mixup, Forest, Boosted])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("t", [1.0, 0.6])
def test_gives_the_same_probabilities_elsewhere(kind, target, t):
    y, c = TARGETS[target]
    view = View.fit(X, "z" if kind in (Forest, Boosted) else "unit")
    head = kind(c).fit(view(X), y)
    same(view, head, Temperature(t), to_onnx(view, head, Temperature(t)), y.ndim == 2)


@pytest.mark.parametrize("how", WAYS)
def test_every_view_is_inside(how):
    view = View.fit(X, how)
    head = Linear(4).fit(view(X), Y)
    same(view, head, Temperature(), to_onnx(view, head), False)


def test_trees_follow_float32_thresholds_exactly():
    view = View.fit(X, "raw")
    for head in (Forest(4).fit(X, Y), Boosted(4).fit(X, Y)):
        np.testing.assert_allclose(run(to_onnx(view, head)), head.predict_proba(NEW), atol=1e-5)


def test_a_screen_of_dull_items_alone():
    view = View.fit(X, "z")
    head = Usual().fit(view(X), np.zeros(150, int))
    same(view, head, Temperature(), to_onnx(view, head), False)


@pytest.mark.parametrize("tabular", [False, True])
@pytest.mark.parametrize("known", [range(150), range(60), [0], [1], [0, 1], np.flatnonzero(Y == 0)])
@pytest.mark.parametrize("t", [1.0, 0.6])
def test_the_head_of_a_screen(tabular, known, t):
    view, y, known = View.fit(X, "z"), (Y == 1).astype(int), np.array(known)
    for pool in (view(X), view(X)[:0]):
        head = Fused(tabular=tabular).among(pool).fit(view(X)[known], y[known])
        same(view, head, Temperature(t), to_onnx(view, head, Temperature(t)), False)


def test_the_head_of_a_screen_with_fewer_labels_than_columns():
    x = np.random.default_rng(1).normal(size=(400, 128)).astype(np.float32)
    view = View.fit(x, "z")
    head = Fused().among(view(x[110:])).fit(view(x[:110]), np.repeat([1, 0], [5, 105]))
    assert head.state()["far_0_rest"] > 0
    session = onnxruntime.InferenceSession(to_onnx(view, head), providers=["CPUExecutionProvider"])
    found = session.run(None, {"embeddings": x})[0]
    np.testing.assert_allclose(found, head.predict_proba(view(x)), atol=1e-4)


def test_class_names_stand_in_the_metadata():
    head = Linear(2).fit(X, Y % 2)
    model = onnx.load_from_string(to_onnx(View.fit(X, "raw"), head, classes=["schwarz", "weiß"]))
    assert json.loads({p.key: p.value for p in model.metadata_props}["classes"]) == ["schwarz", "weiß"]


def test_a_foreign_head_stays_in_python():
    head = foreign_head("sklearn.naive_bayes:GaussianNB", 4).fit(X, Y)
    with pytest.raises(InputError, match="Foreign"):
        to_onnx(View.fit(X, "raw"), head)

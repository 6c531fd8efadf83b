import numpy as np
import pytest

from labelsieve.core.errors import InputError, MissingExtra
from labelsieve.heads.foreign import Foreign, foreign_head

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize(
    ("name", "error", "fact"),
    [
        ("SVC", InputError, "module:Class"),
        ("sklearn.svm:", InputError, "module:Class"),
        ("sklearn.svmm:SVC", InputError, "sklearn.svmm"),
        ("sklearn.svm:SVCC", InputError, "SVCC"),
        ("sklearn.svm:LinearSVC", InputError, "predict_proba"),
        ("sklearn.preprocessing:StandardScaler", InputError, "predict_proba"),
        ("not_a_package_of_this_world:Thing", MissingExtra, "not_a_package"),
    ],
)
def test_a_name_that_is_no_head_is_told(name, error, fact):
    with pytest.raises(error, match=fact):
        foreign_head(name)


def test_weights_reach_a_classifier_that_takes_them_and_spare_one_that_does_not():
    weight = np.where(Y == 1, 10.0, 1.0)
    bayes = foreign_head("sklearn.naive_bayes:GaussianNB")
    assert bayes.fit(X, Y, weight).predict_proba(X)[:, 1].mean() > bayes.fit(X, Y).predict_proba(X)[:, 1].mean() + 0.05
    near = foreign_head("sklearn.neighbors:KNeighborsClassifier")
    assert np.isfinite(near.fit(X, Y, weight).predict_proba(X)).all()


def test_any_maker_of_classifiers_is_a_head():
    from sklearn.neural_network import MLPClassifier

    head = Foreign(lambda: MLPClassifier((8,), max_iter=50, solver="lbfgs", random_state=0), n_classes=3).fit(X, Y)
    assert head.predict_proba(X).shape == (60, 3)
    assert not hasattr(head, "state")

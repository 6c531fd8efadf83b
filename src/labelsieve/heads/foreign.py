"""Any scikit-learn classifier as a head: refitted from the labels whenever it is needed, never saved."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, MissingExtra
from labelsieve.core.types import Matrix, Vector
from labelsieve.heads.columns import Columns
from labelsieve.heads.inputs import labelled, rows


class Foreign:
    """A head around `make()`, which gives an unfitted classifier with fit(x, y) and predict_proba(x).

    Weights are handed on where its fit takes sample_weight. Multilabel is one classifier a class.
    It has no state: its own code would have to be unpickled, and nothing here ever is.
    """

    def __init__(self, make: Callable[[], Any], n_classes: int | None = None) -> None:
        self.n_classes, self._make = n_classes, make
        self._models: list[Any] = []
        self._columns = Columns()

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self:
        data = labelled(x, y, weight, self.n_classes)
        self.n_classes, self._columns, self._models = data.n_classes, Columns.of(data), []
        for rows_, codes in self._columns.questions(data):
            model = self._make()
            weighted = weight is not None and _takes_weight(model)
            model.fit(data.x[rows_], codes, **({"sample_weight": data.weight[rows_]} if weighted else {}))
            self._models.append(model)
        return self

    def predict_proba(self, x: Matrix) -> Matrix:
        x = rows(x, self._columns.dim)
        if not len(x):  # which scikit-learn refuses
            return self._columns.of_proba(np.empty((0, self._columns.width)))
        each = [np.asarray(model.predict_proba(x), dtype=np.float64) for model in self._models]
        if self._columns.yes_no:
            yes = [proba[:, 1:] for proba in each]
            return self._columns.of_proba(np.concatenate([*yes, np.empty((len(x), 0))], axis=1))
        return self._columns.of_proba(each[0] if each else np.ones((len(x), self._columns.width)))


def foreign_head(name: str, n_classes: int | None = None) -> Foreign:
    """A head around the class that "module:Class" names, with its default settings.

    InputError for a name without a colon, a class that is not there or has no predict_proba; MissingExtra for a
    package that is not installed. Importing runs that package's code: name only what you trust.

    >>> foreign_head("sklearn.naive_bayes:GaussianNB", n_classes=3).n_classes
    3
    """
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InputError(f"the head is {name!r}; expected module:Class.", "for example sklearn.svm:SVC.")
    try:
        kind = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        package = (error.name or module).partition(".")[0]
        if package == module.partition(".")[0] and error.name == package:
            raise MissingExtra(package, package) from error
        raise InputError(f"there is no module {error.name!r}.", "check the part before the colon.") from error
    except AttributeError as error:
        raise InputError(f"the module {module} has no {attribute!r}.", "check the part after the colon.") from error
    if not isinstance(kind, type) or not hasattr(kind, "fit") or not hasattr(kind, "predict_proba"):
        raise InputError(
            f"{name} has no fit and predict_proba; a head has to give probabilities.",
            "name a classifier class, for example sklearn.naive_bayes:GaussianNB.",
        )
    return Foreign(kind, n_classes)


def _takes_weight(model: Any) -> bool:
    from sklearn.utils.validation import has_fit_parameter

    return bool(has_fit_parameter(model, "sample_weight"))

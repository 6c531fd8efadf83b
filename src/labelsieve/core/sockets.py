"""The sockets: structural protocols. A plug-in inherits nothing, it only has these methods."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.rounds import Round
from labelsieve.core.types import Ids, Label, Matrix, Modality, Query, State, Vector


@runtime_checkable
class Engine(Protocol):
    """A frozen network: things -> embeddings.

    `prepare` decodes one thing (thread-safe; InputError for a bad one, which is then set aside);
    `compute` turns a list of prepared things into (b, dim) float32 rows, in the same order.
    """

    name: str
    revision: str
    preprocess: str
    dim: int
    space: str
    accepts: frozenset[Modality]

    def prepare(self, thing: Any) -> Any: ...
    def compute(self, prepared: Sequence[Any]) -> Matrix: ...


@runtime_checkable
class Learner(Engine, Protocol):
    """An engine that learns once from the pool; the digest of what it learnt is its revision."""

    def fit(self, things: Iterable[Any], rng: Generator) -> Self: ...
    def state(self) -> State: ...
    def restore(self, state: State) -> Self: ...


@runtime_checkable
class Head(Protocol):
    """A small model on embeddings. y is (m,) codes in range(c), or (m, c) with NaN = not asked."""

    def fit(self, x: Matrix, y: NDArray[Any], weight: Vector | None = None) -> Self: ...
    def predict_proba(self, x: Matrix) -> Matrix: ...


class Neighbours(Protocol):
    """Nearest neighbours of items of the pool: ids (m, k), best first, the item itself left out; -1 where fewer."""

    def __call__(self, ids: Ids, k: int) -> Ids: ...


class Strategy(Protocol):
    """A query strategy: what to ask next, most wanted first."""

    def __call__(self, state: Round, n: int, rng: Generator) -> Query: ...


class Candidates(Protocol):
    """Which of the unlabelled items are scored at all: (m,) ids, ascending."""

    def __call__(self, state: Round, rng: Generator) -> Ids: ...


class Acquisition(Protocol):
    """How much each of `ids` is wanted: (m,), higher is more wanted, finite."""

    def __call__(self, state: Round, ids: Ids) -> Vector: ...


class Pick(Protocol):
    """Which n of the scored ids are asked, most wanted first."""

    def __call__(self, state: Round, ids: Ids, score: Vector, n: int, rng: Generator) -> Ids: ...


class Oracle(Protocol):
    """Whoever answers a query: a person, known labels, a rule, a model. Any subset may be answered."""

    def answer(self, query: Query) -> Sequence[Label]: ...

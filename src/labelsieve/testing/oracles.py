"""An oracle that knows the truth and errs now and then."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from labelsieve.core.randomness import stream
from labelsieve.core.types import Label, Query, Value

_START = datetime(2024, 1, 1, tzinfo=UTC)


class NoisyOracle:
    """Answers from a mapping id -> class name (or names); a share `noise` of the answers names another class.

    An id without truth is left unanswered, as a person would leave it. Which answers are wrong depends on the
    seed and the item alone, so that the same question gets the same answer.
    """

    def __init__(
        self,
        truth: Mapping[int, str | Sequence[str]],
        task: str = "main",
        by: str = "oracle",
        noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        self._truth = {item: (name,) if isinstance(name, str) else tuple(name) for item, name in truth.items()}
        self._names = sorted({name for names in self._truth.values() for name in names})
        self._multilabel = any(not isinstance(name, str) for name in truth.values())
        self._task, self._by, self._noise, self._seed = task, by, noise, seed
        self._answered = 0

    def answer(self, query: Query) -> list[Label]:
        """One label for each item of the query whose truth is known, in the order asked."""
        return [self._label(int(item)) for item in query.ids if int(item) in self._truth]

    def _label(self, item: int) -> Label:
        rng = stream(self._seed, "oracle", item)
        names = self._truth[item]
        others = [name for name in self._names if name not in names]
        if others and rng.random() < self._noise:
            names = (others[int(rng.integers(len(others)))],)
        value = Value("classes" if self._multilabel else "class", names)
        self._answered += 1
        at = (_START + timedelta(seconds=self._answered)).isoformat()
        return Label(str(uuid.UUID(bytes=rng.bytes(16), version=4)), self._task, item, value, self._by, at, seconds=1.0)

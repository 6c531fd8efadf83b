"""`words`: embeddings of texts from their words and character n-grams, learnt on the pool itself. No download."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from labelsieve.core.errors import InputError
from labelsieve.core.types import Matrix, Modality, State
from labelsieve.engines._learning import (
    axes_worth,
    digest,
    nothing_to_learn,
    pack,
    principal_axes,
    reservoir,
    take_state,
    unfitted,
    unpack,
)
from labelsieve.engines._tokens import grams, tokens_of

TEXTS = 10_000  # at most this many texts are learnt from
FEATURES = 20_000  # at most
DIM = 384  # at most
POWERS = 3  # of the search for directions: more did not change accuracy
REMEMBERED = 200_000  # words whose features are kept at hand
NAMES = ("vocabulary", "rarity", "axes")


class Words:
    """Texts -> (b, dim) float32; dim is set by `fit` (at most 384). A text without a known word gives zeros.

    TF-IDF of words, pairs of words and character n-grams (3 to 5, within words), then the principal
    directions of the pool (latent semantic analysis).
    Source: Deerwester et al. 1990, "Indexing by latent semantic analysis"; Halko, Martinsson & Tropp 2011,
    algorithm 4.4, for the directions.
    Cost: about 50 us a short text and core.
    """

    name = "words"
    preprocess = "words-1"
    space = "words"
    accepts: frozenset[Modality] = frozenset({"text"})
    chunk = 256  # texts at once: a sparse product has a fixed cost

    def __init__(self) -> None:
        self.revision = ""
        self.dim = 0
        self._state: State = {}

    def fit(self, things: Iterable[Any], rng: Generator) -> Self:
        """Learn from at most 10,000 of the texts. EngineError if none has a word."""
        with threadpool_limits(1):  # the same sums in the same order, whatever the machine
            drawn = [tokens_of(text) for text in reservoir(things, TEXTS, rng) if isinstance(text, str)]
            vocabulary, share = _vocabulary(drawn)
            if not vocabulary:
                raise nothing_to_learn(self.name, "text with a word")
            self._open(vocabulary, (1.0 - np.log(share)).astype(np.float32))
            axes = _directions(
                self._weigh([self._features(words) for words in drawn]), axes_worth(len(drawn), DIM), rng
            )
        return self.restore(
            {
                "vocabulary": pack(vocabulary),
                "rarity": self._rarity,
                "axes": np.ascontiguousarray(axes, dtype=np.float16),
            }
        )

    def state(self) -> State:
        """What was learnt, as plain arrays (axes in half precision: at most 15 MB)."""
        if not self._state:
            raise unfitted(self.name)
        return dict(self._state)

    def restore(self, state: State) -> Self:
        """Take back what `state` gave: the embeddings are the same to the bit."""
        vocabulary, rarity, axes = take_state(state, self.name, NAMES)
        self._open(unpack(vocabulary), rarity)
        self._axes = np.ascontiguousarray(axes, dtype=np.float32)  # rows of it are gathered
        self._state = {"vocabulary": vocabulary, "rarity": rarity, "axes": axes}
        self.dim = int(axes.shape[1])
        self.revision = digest(self._state)
        return self

    def prepare(self, thing: Any) -> NDArray[np.int32]:
        """The numbers of the features in a text, repeats included. InputError for what is no text."""
        if not self._state:
            raise unfitted(self.name)
        if not isinstance(thing, str):
            raise InputError(f"words expects a text, not {type(thing).__name__}.", "name the text column: --text.")
        return self._features(tokens_of(thing))

    def compute(self, prepared: Sequence[NDArray[np.int32]]) -> Matrix:
        """(b, dim) rows, one a text: a row does not depend on its neighbours."""
        if not self._state:
            raise unfitted(self.name)
        return np.asarray(self._weigh(prepared) @ self._axes, dtype=np.float32).reshape(len(prepared), self.dim)

    def _open(self, vocabulary: Sequence[str], rarity: Matrix) -> None:
        self._number = {feature: i for i, feature in enumerate(vocabulary)}
        self._rarity = rarity
        self._known: dict[str, list[int]] = {}

    def _features(self, words: list[str]) -> NDArray[np.int32]:
        found: list[int] = []
        for word in words:
            numbers = self._known.get(word)
            if numbers is None:
                numbers = [self._number[f] for f in (_word(word), *grams(word)) if f in self._number]
                if len(self._known) < REMEMBERED:
                    self._known[word] = numbers
            found += numbers
        found += [self._number[pair] for pair in _pairs(words) if pair in self._number]
        return np.array(found, dtype=np.int32)

    def _weigh(self, prepared: Sequence[NDArray[np.int32]]) -> Any:
        """TF-IDF rows of unit norm (b, features), sparse: (1 + log count) * rarity."""
        from scipy.sparse import csr_array

        starts = np.cumsum([0, *(len(row) for row in prepared)])
        numbers = np.concatenate([np.empty(0, np.int32), *prepared])
        rows = csr_array((np.ones(len(numbers), np.float32), numbers, starts), shape=(len(prepared), len(self._rarity)))
        rows.sum_duplicates()
        rows.data = (1.0 + np.log(rows.data)) * self._rarity[rows.indices]
        norm = np.sqrt(rows.power(2).sum(axis=1))
        rows.data /= np.repeat(np.maximum(norm, 1e-12), np.diff(rows.indptr)).astype(np.float32)
        return rows


def _word(token: str) -> str:
    return f"\t{token}"  # apart from an n-gram of the same characters


def _pairs(words: list[str]) -> Iterator[str]:
    return (f"{one} {two}" for one, two in pairwise(words))


def _vocabulary(texts: Sequence[list[str]]) -> tuple[list[str], NDArray[np.float64]]:
    """The features that occur in most texts, and the share of texts of each; ties by spelling."""
    count: Counter[str] = Counter()
    spelt: dict[str, tuple[str, ...]] = {}
    for words in texts:
        seen = set(_pairs(words))
        for word in set(words):
            if word not in spelt:
                spelt[word] = (_word(word), *grams(word))
            seen.update(spelt[word])
        count.update(seen)
    least = 2 if len(texts) >= 100 else 1  # what occurs once in a large pool connects nothing
    kept = sorted((f for f, n in count.items() if n >= least), key=lambda f: (-count[f], f))[:FEATURES]
    return kept, np.array([(1 + count[f]) / (1 + len(texts)) for f in kept])


def _directions(rows: Any, d: int, rng: Generator) -> Matrix:
    """The first d right singular directions (features, m) of sparse rows, m = min(d, rank).

    Cost: 7 sparse products of nnz * (d + 16), and O(n d^2).
    """
    width = min(d + 16, *rows.shape)
    basis = rows @ rng.standard_normal((rows.shape[1], width), dtype=np.float32)
    for _ in range(POWERS):
        basis = rows @ (rows.T @ np.linalg.qr(basis)[0])
    small = rows.T @ np.linalg.qr(basis)[0]
    axes, _ = principal_axes(small.T, d)
    return axes

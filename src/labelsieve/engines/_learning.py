"""What the built-in engines share: a bounded part of the pool, principal axes, and state as plain arrays."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from labelsieve.core.errors import EngineError, NotEnoughLabels
from labelsieve.core.types import Matrix, State


def reservoir(things: Iterable[Any], n: int, rng: Generator) -> list[Any]:
    """At most n of the things, each with the same chance, in the order in which they came.

    Things that are themselves an error (what a source could not read) are passed over.
    Source: Li 1994, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", algorithm L.
    Cost: one pass; n things in memory.
    """
    kept: list[tuple[int, Any]] = []
    weight, upcoming = 1.0, -1
    for at, thing in enumerate(thing for thing in things if not isinstance(thing, Exception)):
        if len(kept) < n:
            kept.append((at, thing))
        elif at == upcoming:
            kept[int(rng.integers(n))] = (at, thing)
        if len(kept) == n and at >= upcoming:
            weight *= float(np.exp(np.log(1.0 - rng.random()) / n))
            upcoming = at + 1 + _skip(weight, rng)
    return [thing for _, thing in sorted(kept, key=lambda pair: pair[0])]


def _skip(weight: float, rng: Generator) -> int:
    if weight <= 0.0:
        return 2**62
    chance = np.log1p(-weight) if weight < 1.0 else -np.inf
    return int(min(np.floor(np.log(1.0 - rng.random()) / chance), 2.0**62)) if chance < 0 else 2**62


def digest(state: State) -> str:
    """32 hex digits that name what was learnt: names, types, shapes and bytes of all arrays."""
    mark = hashlib.blake2b(digest_size=16)
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        mark.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        mark.update(array.tobytes())
    return mark.hexdigest()


def pack(value: Any) -> NDArray[np.uint8]:
    """JSON in a (b,) array of bytes: texts of any script and length survive (numpy's own text arrays cut NULs)."""
    return np.frombuffer(json.dumps(value, separators=(",", ":")).encode("ascii"), dtype=np.uint8).copy()


def unpack(array: NDArray[Any]) -> Any:
    """What `pack` was given (tuples come back as lists)."""
    return json.loads(np.asarray(array, dtype=np.uint8).tobytes().decode("ascii"))


def take_state(state: State, engine: str, names: Sequence[str]) -> list[NDArray[Any]]:
    """The arrays of `names`, in order. EngineError when one is missing."""
    missing = [name for name in names if name not in state]
    if missing:
        raise EngineError(
            f"the state of {engine} lacks {', '.join(missing)}; it has {', '.join(sorted(state)) or 'nothing'}.",
            "learn again: labelsieve embed --relearn",
        )
    return [np.asarray(state[name]) for name in names]


def unfitted(engine: str) -> EngineError:
    """The error of an engine that was asked for embeddings before it learnt."""
    return EngineError(f"{engine} has learnt nothing yet.", "call fit(things, rng) or restore(state) first.")


def nothing_to_learn(engine: str, what: str) -> NotEnoughLabels | EngineError:
    """The error of an engine that was given no usable thing to learn from."""
    return EngineError(f"{engine} found no {what} that it can read to learn from.", "check the sources of the project.")


def axes_worth(n: int, most: int) -> int:
    """How many principal axes n things can tell: `most` from 1,000 things on, fewer in proportion, at least 8.

    A screen scales each axis to deviation 1. With as many axes as things, all things then lie equally far apart (the
    corners of a simplex), and none is odder than another.
    """
    return min(most, max(8, n * most // 1000))


def principal_axes(x: Matrix, d: int) -> tuple[Matrix, Matrix]:
    """Axes (p, m) and variances (m,) of the rows x (n, p), largest first, m = min(d, rank); x must be centred.

    Signs are fixed (the largest entry of each axis is positive), so that a fit can be repeated.
    Cost: O(n p min(n, p)).
    """
    n, p = x.shape
    wide = x.astype(np.float64)
    gram = wide @ wide.T if n < p else wide.T @ wide
    values, vectors = np.linalg.eigh(gram / n)
    keep = [i for i in np.argsort(values)[::-1][:d] if values[i] > 1e-9 * max(float(values[-1]), 1e-30)]
    axes = wide.T @ vectors[:, keep] if n < p else vectors[:, keep]
    axes /= np.maximum(np.linalg.norm(axes, axis=0), 1e-30)
    flip = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return (axes * flip).astype(np.float32), values[keep].astype(np.float32)

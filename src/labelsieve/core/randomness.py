"""Explicit randomness: one seed, many independent streams, no global state."""

import hashlib

import numpy as np
from numpy.random import Generator

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Vector


def as_rng(rng: int | Generator) -> Generator:
    """A numpy Generator from an int of 0 or more, or a Generator (handed back as it is); InputError for another."""
    if isinstance(rng, Generator):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise InputError(f"rng is {rng!r}; a whole number of 0 or more, or a numpy Generator, was expected.")
    return np.random.default_rng(int(rng))


def stream(seed: int, *names: str | int) -> Generator:
    """A Generator that depends on the seed and the names alone: the same choice can be replayed later.

    >>> bool(stream(1, "query", 3).random() == stream(1, "query", 3).random())
    True
    """
    mark = hashlib.blake2b(repr((seed, *names)).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(mark, "little"))


def hash_uniform(seed: int, ids: Ids) -> Vector:
    """One number in [0, 1) for each id (m,), fixed by seed and id alone (splitmix64). Cost: O(m)."""
    with np.errstate(over="ignore"):
        z = ids.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % 2**64)
        z = (z + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / float(2**53)


def hash_uniform_text(seed: int, text: str) -> float:
    """One number in [0, 1) for a text (a group), fixed by seed and text alone."""
    mark = hashlib.blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()
    return (int.from_bytes(mark, "little") >> 11) / float(2**53)

"""An engine that needs no weights: it hashes words, cells or bytes. Fast, frozen, the same on every machine."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.types import Matrix, Modality


class HashEngine:
    """Every token of a thing adds +1 or -1 to one of `dim` columns: things that share tokens lie close.

    Tokens are the words of a text, the cells of a row, and all the bytes of a file (as one token).
    Source: Weinberger et al. 2009, feature hashing. Raises InputError for an empty thing, as a real engine would.
    """

    name = "hash"
    revision = "1"
    preprocess = "tokens-1"
    space = "hash"
    accepts: frozenset[Modality] = frozenset({"image", "text", "row", "embedding"})

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim

    def prepare(self, thing: Any) -> list[bytes]:
        if isinstance(thing, Path):
            tokens = [thing.read_bytes()]
        elif isinstance(thing, bytes):
            tokens = [thing]
        elif isinstance(thing, str):
            tokens = [word.encode() for word in thing.lower().split()]
        elif isinstance(thing, Mapping):
            tokens = [f"{name}={value}".encode() for name, value in thing.items()]
        else:
            tokens = [np.asarray(thing).tobytes()]
        if not any(tokens):
            raise InputError(
                "the item is empty; expected at least one word, cell or byte.", "remove it, or leave it aside."
            )
        return tokens

    def compute(self, prepared: Sequence[list[bytes]]) -> Matrix:
        out = np.zeros((len(prepared), self.dim), dtype=np.float32)
        for row, tokens in zip(out, prepared, strict=True):
            for token in tokens:
                mark = int.from_bytes(hashlib.blake2b(token, digest_size=8).digest(), "little")
                row[mark % self.dim] += 1 if mark >> 63 else -1
        return out

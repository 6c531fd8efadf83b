"""Ready embeddings in an .npy or .npz file, used where they lie."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.norms import MOST, small_enough
from labelsieve.core.types import Matrix, Modality
from labelsieve.sources import npz
from labelsieve.sources.base import (
    CHUNK,
    Found,
    Known,
    Ref,
    class_text,
    digest,
    require_names,
    require_one_kind,
    stat_of,
)
from labelsieve.sources.caching import working_folder
from labelsieve.sources.options import SourceOptions
from labelsieve.sources.visible import require_root, root_of, seen_pictures, seen_texts, shown_kind

NOT_FINITE = "the embedding holds a value that is not finite (NaN or infinite)"
TOO_LARGE = f"the embedding holds a value beyond {MOST:g}, so large that all others would count for nothing"


def why_unusable(row: Matrix) -> str:
    """What is wrong with an embedding (d,); empty where it can be used."""
    if not np.isfinite(row).all():
        return NOT_FINITE
    return "" if small_enough(row[None])[0] else TOO_LARGE


class ArrayFile:
    """Rows of one array (n, d) are the items; the row number is the ref. In an .npz other arrays are columns.

    Without `embeddings` the one array with two axes is taken. Rows that cannot be used are listed in `bad` by `scan`
    and by `block_digests`.
    """

    modality: Modality = "embedding"
    _mark = ""

    def __init__(self, path: Path, options: SourceOptions | None = None, cache: Path | None = None) -> None:
        self.path = path
        self.options = options or SourceOptions()
        self.bad: list[tuple[Ref, str]] = []
        self.notes: list[str] = []
        self._folder = working_folder(cache, self)
        self._refuse("columns")
        require_one_kind(replace(self.options, embeddings="array"))
        require_root(self.options, path)
        self.shows: Modality | None = shown_kind(self.options)
        self.root = root_of(self.options, path)
        self._fresh()

    def _fresh(self) -> None:
        """Reads the headers again when the file has changed; what options say must fit them."""
        mark = self.fingerprint()
        if mark == self._mark:
            return
        path = self.path
        self._headers = npz.headers(path)
        self._loaded: dict[str, list[Any]] = {}
        self._mapped: NDArray[Any] | None = None
        require_names(self.options, list(self._headers), path)
        self._name = self._choose()
        shape, _, dtype = self._headers[self._name]
        if len(shape) != 2 or shape[1] == 0:
            raise ShapeError(
                f"array {self._name!r} of {path.name} has shape {shape}; expected (items, columns).", self._hint()
            )
        if dtype.kind not in "fiub":
            raise ShapeError(f"array {self._name!r} of {path.name} has type {dtype}; expected numbers.", self._hint())
        for name in set(self.options.named().values()) - {self._name}:
            self._require_column(name)
        if self.shows is not None:
            self._require_text(self.options.data()[self.shows])
        self._mark = mark

    def _require_text(self, name: str) -> None:
        kind = self._headers[name][2].kind
        if kind not in "US":
            raise InputError(
                f"array {name!r} of {self.path.name} has type {self._headers[name][2]}; expected text.",
                "convert it: array.astype(str), then save it again.",
            )

    def _refuse(self, *options: str) -> None:
        for option in options:
            if getattr(self.options, option):
                raise InputError(
                    f"{self.path.name} holds arrays; --{option} needs a table file.", "use --embeddings ARRAY."
                )

    def _choose(self) -> str:
        if self.options.embeddings:
            if self.options.embeddings not in self._headers:
                raise UnknownName(f"array of {self.path.name}", self.options.embeddings, list(self._headers))
            return self.options.embeddings
        wide = [name for name, (shape, _, dtype) in self._headers.items() if len(shape) == 2 and dtype.kind in "fiub"]
        if len(wide) == 1:
            return wide[0]
        if not wide and len(self._headers) == 1:
            return next(iter(self._headers))
        listed = ", ".join(f"{name} {shape}" for name, (shape, _, _) in self._headers.items()) or "no array"
        raise InputError(
            f"{self.path.name} has {len(wide)} arrays that could be embeddings; it holds {listed}.",
            "name one: --embeddings ARRAY.",
        )

    def _hint(self) -> str:
        wide = [name for name, (shape, _, dtype) in self._headers.items() if len(shape) == 2 and dtype.kind in "fiub"]
        return f"--embeddings {wide[0]}" if wide else "give one row an item and one column a number."

    def _require_column(self, name: str) -> None:
        shape = self._headers[name][0]
        if shape != (self._count,):
            raise ShapeError(
                f"array {name!r} of {self.path.name} has shape {shape}; expected ({self._count},), one value a row.",
                "choose an array with one value for each row of the embeddings.",
            )

    def __len__(self) -> int:
        self._fresh()
        return self._count

    @property
    def _count(self) -> int:
        return self._headers[self._name][0][0]

    def array(self) -> NDArray[Any]:
        """The embeddings (n, d) as they are stored, mapped read-only."""
        self._fresh()
        if self._mapped is None:
            self._mapped = npz.map_array(self.path, self._name, self._folder)
        return self._mapped

    def scan(self, known: Known | None = None) -> Iterator[Found]:
        """Chunks of finite rows, each with the digest of its bytes. Cost: one read of the array."""
        self.bad, array = [], self.array()
        kind = str(array.dtype).encode()
        keys, groups, times = (self._column(name) for name in (self.options.key, self.options.group, self.options.time))
        for first in range(0, len(array), CHUNK):
            block = np.ascontiguousarray(array[first : first + CHUNK])
            good = np.flatnonzero(self._note_bad(block, first))
            part = slice(first, first + len(block))
            chosen = [None if c is None else c[part] for c in (keys, groups, times)]
            marks = [digest(kind + row.tobytes()) for row in block]
            found = Found(range(first, first + len(block)), marks, keys=chosen[0], groups=chosen[1], times=chosen[2])
            found = found if len(good) == len(block) else found.only(good.tolist())
            if len(found):
                yield found

    def _note_bad(self, block: NDArray[Any], first: int) -> NDArray[np.bool_]:
        """Which rows heads can use, in float32: finite ones that are not too large; the others go to `bad`."""
        with np.errstate(over="ignore"):
            rows = block.astype(np.float32, copy=False)
        good = small_enough(rows)
        self.bad += [(first + int(i), why_unusable(rows[i])) for i in np.flatnonzero(~good)]
        return good

    def block_digests(self, n: int | None = None) -> list[str]:
        """A digest for each 65,536 rows of the first n: earlier rows that changed show, appending is fine.

        Fills `bad` with the rows of the first n that cannot be used. Cost: one read of them.
        """
        self.bad, out, array = [], list[str](), self.array()
        n = len(array) if n is None else n
        for first in range(0, n, CHUNK):
            block = np.ascontiguousarray(array[first : min(first + CHUNK, n)])
            mark = hashlib.blake2b(f"{block.dtype}{block.shape}".encode(), digest_size=16)
            mark.update(block.data)
            out.append(mark.hexdigest())
            self._note_bad(block, first)
        return out

    def read(self, refs: Sequence[Ref]) -> Iterator[Matrix]:
        """Each row (d,) as float32, in order."""
        array = self.array()
        for first in range(0, len(refs), 4096):
            rows = np.asarray(refs[first : first + 4096], dtype=np.int64)
            yield from np.asarray(array[rows], dtype=np.float32)

    def seen(self, refs: Sequence[Ref]) -> Iterator[Any]:
        """What people see of each ref: its text or the path of its picture; an InputError where that is missing."""
        if self.shows is None:
            yield from self.read(refs)
            return
        values = npz.map_array(self.path, self.options.data()[self.shows], self._folder)
        found = values[np.asarray(refs, dtype=np.int64)].tolist()
        texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in found]
        yield from seen_texts(texts) if self.shows == "text" else seen_pictures(texts, self.root)

    def metas(self, refs: Sequence[Ref]) -> list[dict[str, Any]]:
        """The other arrays with one value a row, but for the truth."""
        hidden = {self.options.labels, self.options.text, self.options.image}
        columns = {name: self._values(name) for name in self.names() if name not in hidden}
        return [{name: values[int(ref)] for name, values in columns.items()} for ref in refs]

    def _column(self, name: str | None) -> list[str | None] | None:
        return None if name is None else self.column(name)

    def column(self, name: str, refs: Sequence[Ref] | None = None) -> list[str | None]:
        """An array with one value a row, as class text; all rows by default."""
        self._fresh()
        if name not in self._headers or self.path.suffix.lower() == ".npy":
            raise UnknownName(f"array of {self.path.name}", name, self.names())
        self._require_column(name)
        values = self._values(name)
        chosen = values if refs is None else [values[int(ref)] for ref in refs]
        return [class_text(value, self.options.separator) for value in chosen]

    def _values(self, name: str) -> list[Any]:
        if name not in self._loaded:
            self._loaded[name] = npz.load_array(self.path, name).tolist()
        return self._loaded[name]

    def names(self) -> list[str]:
        """The arrays with one value a row."""
        return [name for name, (shape, _, _) in self._headers.items() if shape == (self._count,)]

    def engine_columns(self) -> list[str]:
        """The array that holds the embeddings, and no other."""
        return [self._name]

    def fingerprint(self) -> str:
        """Size and time of change of the file."""
        return "{}-{}".format(*stat_of(self.path))

    def holds(self, fingerprint: str) -> bool:
        """Whether the rows are as they were when the file had this fingerprint."""
        return self.fingerprint() == fingerprint

"""What is known of every item of the pool, as arrays (N,) beside its ids: read when a filter or an order asks for it.

Glance(context, by)     `by` names one annotator whose answers alone count; None counts everybody's
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import UnknownName
from labelsieve.core.idsets import positions
from labelsieve.core.types import DULL, ODD, Ids
from labelsieve.project import folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.views import foreseen
from labelsieve.project.views.arrayfiles import kept, put
from labelsieve.project.views.veiling import audited

NONE, SKIP, UNSURE, SEVERAL = -1, -2, -3, -4  # codes of items without one class
CHUNK = 50_000
Mask = NDArray[np.bool_]


@runtime_checkable
class Coded(Protocol):
    """A source that gives a column chunk by chunk, as codes into the distinct texts of each."""

    def coded(self, name: str) -> Iterator[tuple[Ids, list[str | None]]]: ...


class Glance:
    """The pool at one moment. Nothing here is an object an item."""

    def __init__(self, context: Context, by: str | None = None) -> None:
        self.context, self.by = context, by
        self.task = context.task

    @cached_property
    def ids(self) -> Ids:
        """All present items, ascending."""
        return manifest.ids(self.context.conn)

    def among(self, wanted: Ids) -> Mask:
        """Whether each item is one of `wanted`, in any order."""
        mask = np.zeros(len(self.ids), bool)
        mask[positions(self.ids, np.asarray(wanted, np.int64))] = True
        return mask

    # Labels

    @cached_property
    def _tally(self) -> folding.Tally:
        return folding.tally(self.context.conn, self.task.name, self.by)

    @cached_property
    def code(self) -> NDArray[np.int16]:
        """Code of the class that stands; NONE, SKIP, UNSURE, or SEVERAL in a task of several classes an item."""
        tally = self._tally
        said = np.where(tally.code == folding.OUT, SKIP, SEVERAL if self.task.kind == "multilabel" else tally.code)
        said[tally.code == folding.OUT] = self._without_class(tally.seq[tally.code == folding.OUT])
        out = np.full(len(self.ids), NONE, np.int16)
        at, ours = self._both(tally.ids)
        out[at] = said[ours]
        return out

    def _both(self, ids: Ids) -> tuple[Ids, Ids]:
        """Positions of ascending `ids` (m,) in the pool, and in themselves."""
        ours = np.flatnonzero(np.isin(ids, self.ids, assume_unique=True))
        return positions(self.ids, ids[ours]), ours

    def _without_class(self, seq: Ids) -> Ids:
        """SKIP or UNSURE of each of these answers (m,)."""
        sql = "SELECT seq FROM events WHERE tag = 'unsure' AND seq IN (SELECT value FROM json_each(?))"
        rows = self.context.conn.execute(sql, (json.dumps(seq.tolist()),))
        return np.where(np.isin(seq, np.fromiter((one for (one,) in rows), np.int64)), UNSURE, SKIP)

    @cached_property
    def several(self) -> NDArray[np.bool_]:
        """(N, c) in a task of several classes an item: whether the item has each class."""
        labels = folding.fold(self.context.conn, self.task.name, self.by)
        out = np.zeros((len(self.ids), len(self.task.classes)), bool)
        at, ours = self._both(labels.ids)
        out[at] = labels.y[ours] >= 0.5
        return out

    @cached_property
    def differ(self) -> Mask:
        """Whether annotators named different classes."""
        return self.among(self._tally.ids[self._tally.differ])

    def answered_by(self, name: str) -> Mask:
        """Whether an annotator has a standing answer."""
        if self.by is not None and name != self.by:
            return np.zeros(len(self.ids), bool)
        return self.among(folding.tally(self.context.conn, self.task.name, name).ids)

    @cached_property
    def labelled(self) -> NDArray[np.float64]:
        """Number of the last event of each item; NaN where there is none."""
        sql = """SELECT item, MAX(seq) FROM events WHERE task = :task AND (:by IS NULL OR annotator = :by)
          GROUP BY item ORDER BY item"""
        rows = self.context.conn.execute(sql, {"task": self.task.id, "by": self.by})
        table = np.fromiter((cell for row in rows for cell in row), np.int64).reshape(-1, 2)
        out = np.full(len(self.ids), np.nan)
        at, ours = self._both(table[:, 0])
        out[at] = table[ours, 1]
        return out

    # What the head says

    @cached_property
    def _foreseen(self) -> foreseen.Foreseen | None:
        return foreseen.read(self.context)

    @property
    def guessed(self) -> tuple[str, ...]:
        """Classes that the head tells apart; `guess` are positions in it."""
        return () if self._foreseen is None else self._foreseen.classes

    @cached_property
    def guess(self) -> NDArray[np.int16]:
        """The likeliest class, -1 where the head has not seen the item."""
        return self._seen("code", np.int16(-1))

    @cached_property
    def p(self) -> NDArray[np.float32]:
        """Probability of the likeliest class, NaN where there is none."""
        return self._seen("p", np.float32(np.nan))

    @cached_property
    def second(self) -> NDArray[np.float32]:
        """The second largest probability, NaN where there is none."""
        return self._seen("second", np.float32(np.nan))

    def _seen(self, name: str, nothing: np.generic) -> NDArray[Any]:
        out = np.full(len(self.ids), nothing)
        if self._foreseen is not None:
            known = self._foreseen.ids
            values = getattr(self._foreseen, name)
            if np.array_equal(known, self.ids):
                return self._veiled(np.asarray(values), nothing)
            at = np.searchsorted(known, self.ids)
            at[at == len(known)] = 0
            found = known[at] == self.ids if len(known) else np.zeros(len(self.ids), bool)
            out[found] = values[at[found]]
        return self._veiled(out, nothing)

    def _veiled(self, values: NDArray[Any], nothing: np.generic) -> NDArray[Any]:
        """Without what the head says of the items of an audit: an answer to them measures the head and the reviewer.

        For annotators of all of them, which would tell the hidden ones apart; for others until an item is answered.
        """
        if not self.audited.any():
            return values
        return np.where(self.audited if self.by is not None else self.audited & (self.code == NONE), nothing, values)

    @cached_property
    def audited(self) -> Mask:
        """Whether an audit asked for the item, or has it hidden among what it asks for."""
        return self.among(audited(self.context.conn, self.task))

    @cached_property
    def gainsaid(self) -> Mask:
        """Whether the label is one class and the head's guess another."""
        if self.task.kind == "multilabel" or not self.guessed:
            return np.zeros(len(self.ids), bool)
        if self.task.kind == "screen":
            codes = [DULL if name == self.task.dull else ODD for name in self.task.classes]
        else:
            place = {name: at for at, name in enumerate(self.guessed)}
            codes = [place.get(name, -2) for name in self.task.classes]
        told = np.array([*codes, -2], np.int64)
        code = self.code
        return np.asarray((code >= 0) & (self.guess >= 0) & (told[np.maximum(code, -1)] != self.guess))

    # The source

    def named(self, what: str) -> Ids:
        """Ids of the present items of the source of that name. UnknownName where there is none."""
        rows = self.context.rows
        for row in rows.values():
            if row.name == what:
                return manifest.ids(self.context.conn, source=row.id)
        raise UnknownName("source", what, [row.name for row in rows.values()])

    def with_text(self, column: str, fits: Callable[[str | None], bool]) -> Mask:
        """Whether the text of a column fits, in any source that has it. UnknownName where none has."""
        return self.among(np.concatenate([ids[found] for ids, found in self.measured(column, fits, np.bool_)]))

    def measured(
        self, column: str, value: Callable[[str | None], float], kind: type[np.generic] = np.float64
    ) -> Iterator[tuple[Ids, NDArray[Any]]]:
        """Ids (m,) and the value of each one's text in a column, part by part. UnknownName where no source has it."""
        having = [id_ for id_ in self.context.rows if column in columns_of(self.context, id_)]
        if not having:
            every = sorted({name for id_ in self.context.rows for name in columns_of(self.context, id_)})
            raise UnknownName("column", column, every)
        for id_ in having:
            yield from _measured(self.context, id_, column, value, kind)

    def keyed(self, text: str) -> Mask:
        """Whether the key contains a text; the case of ASCII letters does not count."""
        if "\0" in text:  # SQLite would compare what is before it
            return np.zeros(len(self.ids), bool)
        pattern = "%" + text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        sql = r"SELECT id FROM items WHERE key LIKE ? ESCAPE '\' ORDER BY id"
        rows = self.context.conn.execute(sql, (pattern,))
        mask = self.among(np.fromiter((id_ for (id_,) in rows), np.int64))
        of_ranges = manifest.in_ranges(self.context.conn, self.ids)
        for first in range(0, len(of_ranges), CHUNK):
            part = of_ranges[first : first + CHUNK]
            keys = manifest.range_keys(self.context.conn, part)
            mask |= self.among(part[[text.lower() in key.lower() for key in keys]])
        return mask

    def by_key(self) -> Ids:
        """Ids (m,) of all items that have a row of their own, by key; kept as long as the pool does not change."""
        mark = hashlib.blake2b(repr(pool_state(self.context)).encode(), digest_size=16).hexdigest()
        path = self.context.cache / "views" / f"keys-{mark}.npy"
        found = kept(path)
        if found is None:
            rows = self.context.conn.execute("SELECT id FROM items ORDER BY key")
            found = put(path, np.fromiter((id_ for (id_,) in rows), np.int64))
        return found

    def by_time(self, descending: bool) -> Ids:
        """Ids (m,) of all items that have a time, in its order, ties by id."""
        rows = self.context.conn.execute(_TIMES[descending])
        return np.fromiter((id_ for (id_,) in rows), np.int64)

    def asked(self, purposes: tuple[str, ...]) -> Mask:
        """Whether a query asked for the item for one of these purposes."""
        sql = """SELECT DISTINCT i.item FROM queries q JOIN query_items i ON i.query = q.id
          WHERE q.task = ? AND i.purpose IN (SELECT value FROM json_each(?))"""
        rows = self.context.conn.execute(sql, (self.task.id, json.dumps(purposes)))
        return self.among(np.fromiter((item for (item,) in rows), np.int64))


_TIMES = {
    False: "SELECT id FROM items WHERE time IS NOT NULL ORDER BY time, id",
    True: "SELECT id FROM items WHERE time IS NOT NULL ORDER BY time DESC, id",
}


def pool_state(context: Context) -> list[int | str | None]:
    """What changes with the items of the pool. Cost: a few look-ups."""
    sql = "SELECT (SELECT MAX(seq) FROM changes), (SELECT MAX(id) FROM items), MAX(synced), COUNT(*) FROM sources"
    return list(context.conn.execute(sql).fetchone())


def columns_of(context: Context, source_id: int) -> list[str]:
    """Columns of a source by which items can be looked for: all but the truth and embeddings."""
    source = context.source(source_id)
    hidden = {source.options.labels, source.options.embeddings}
    return [name for name in source.names() if name not in hidden]


def _measured(
    context: Context, source_id: int, column: str, value: Callable[[str | None], float], kind: type[np.generic]
) -> Iterator[tuple[Ids, NDArray[Any]]]:
    """Ids of a source and the value of each one's text in a column, part by part."""
    source = context.source(source_id)
    if isinstance(source, Coded) and context.modality(source_id) != "image":
        ids, rows = manifest.numbered(context.conn, source_id)
        parts = [np.fromiter(map(value, texts), kind, len(texts))[codes] for codes, texts in source.coded(column)]
        yield ids, np.concatenate([np.empty(0, kind), *parts])[rows]
        return
    ids = manifest.ids(context.conn, source=source_id)
    for first in range(0, len(ids), CHUNK):
        part = ids[first : first + CHUNK]
        places, refs = manifest.locate(context.conn, part)[source_id]
        yield part[places], np.fromiter(map(value, source.column(column, refs)), kind, len(places))

"""Known labels into events: from a file of keys and labels, or from a column of a source.

    import_file(conn, task, path, by, separator=";") -> ImportReport     CSV, TSV, JSONL or Parquet
    import_column(context, spec, source) -> ImportReport                 the `--labels` column of a source
    read_file(conn, task, path, by) -> Import, import.write()            the same in two steps: read, then write
    unimported(conn, task, path) -> int                                  labels in it that would be lost with the file

UUIDs are made from the content, so that importing twice doubles nothing. What cannot be a label (an unknown
key, a class that a closed task has not) is set aside, counted and named, and stops nothing.
"""

import hashlib
import math
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np

from labelsieve.core.errors import InputError, LabelsieveError
from labelsieve.core.types import Ids, Label, Origin, Task, Value
from labelsieve.project import deciding, events, folding, grouping, live, manifest, queries, tasks
from labelsieve.project.context import Context
from labelsieve.project.database import now, transaction
from labelsieve.project.decoding import FITS
from labelsieve.project.labelfiles import KEY, LabelRow, key_column, read_label_file
from labelsieve.project.parking import Parked, ParkedLabels
from labelsieve.sources import Source
from labelsieve.sources.classcells import split_names

BLOCK = 50_000  # labels in memory at once
_ORIGINS = get_args(Origin)
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))  # of a UUID: the two high bits are 10
LONGEST = 100_000  # characters of a class, as in the app: every page reads the classes
_SPACE = uuid.UUID("6c0d3a5e-2f0b-5f57-9f0e-5d1f0c4b8a11")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How many labels were `added`, were `known` already, and rows that had no label (`empty`);
    `set_aside` lists keys by reason. `together` more went to near-duplicates of what was answered. `key_column` of a
    table named the items; where some keys are unknown, `known_key` is one that is not."""

    added: int = 0
    known: int = 0
    empty: int = 0
    set_aside: Mapping[str, list[str]] = field(default_factory=dict)
    together: int = 0
    key_column: str = KEY
    known_key: str = ""


@dataclass
class Import:
    """One import on its way: `read` takes in and checks all rows beside other writers, `write` is one transaction.

    `stamp` marks its origin in UUIDs, `name` in what is set aside.
    """

    conn: sqlite3.Connection
    task: Task
    by: str
    separator: str
    name: str
    stamp: str
    key_column: str = KEY
    at: str = field(default_factory=now)
    counts: Counter[str] = field(default_factory=Counter)
    aside: dict[str, list[str]] = field(default_factory=dict)
    _current: dict[str, dict[int, Value | None]] = field(default_factory=dict)
    _asked: dict[tuple[str, int], str] | None = None
    _repeats: dict[int, set[int]] = field(default_factory=dict)
    _groups: dict[int, dict[int, Ids]] = field(default_factory=dict)
    _decisions: set[int] | None = None
    _judgements: dict[Value, tuple[str, str]] = field(default_factory=dict)
    _parked: ParkedLabels = field(init=False, repr=False)
    _by_rule: set[tuple[str, int]] = field(default_factory=set)  # (annotator, item) that nobody has looked at

    def read(self, rows: Iterable[LabelRow]) -> Self:
        """Reads and checks all rows; nothing is written. What cannot be a label stands in `aside` then."""
        self._parked, stream = ParkedLabels(self.conn, self.task.name), iter(rows)
        while block := list(islice(stream, BLOCK)):
            ids = manifest.by_key(self.conn, (row.key for row in block if row.item is None))
            self._parked.add([label for row in block if (label := self._label(row, ids)) is not None])
        return self

    def write(self, also: Callable[[ImportReport], None] | None = None) -> ImportReport:
        """Writes all that was read in one transaction, `also` at its end: all of it, or nothing where that fails."""
        stage = f"import {self.name}"
        try:
            with transaction(self.conn):
                manifest.clear_set_aside(self.conn, stage)
                added = self._parked.write_plainly()
                self.counts["added"] += added or 0
                for block in self._parked.blocks(BLOCK) if added is None else ():
                    self._write(block)
                marked = (manifest.Aside(key, why, stage) for why, keys in self.aside.items() for key in keys)
                manifest.set_aside(self.conn, marked)
                counts = self.counts
                told = {name: counts[name] for name in ("added", "known", "empty", "together")}
                first = manifest.ids(self.conn)[: "unknown key" in self.aside]
                like = "".join(manifest.keys(self.conn, first))
                report = ImportReport(**told, set_aside=self.aside, key_column=self.key_column, known_key=like)
                if also is not None:
                    also(report)
        finally:
            self._parked.drop()
        return report

    def _write(self, block: list[Parked]) -> None:
        made = [one.label(self.task.name) for one in block]
        labels = [self._deciding(label) if one.decides else label for label, one in zip(made, block, strict=True)]
        added = events.write(self.conn, labels)
        self.counts["added"] += added
        self.counts["known"] += len(labels) - added
        rest = zip(labels, block, strict=True)
        groups = [self._others(one.stands_for, label) for label, one in rest if one.stands_for is not None]
        self.counts["together"] += events.write(self.conn, list(chain(*groups)))

    def _deciding(self, label: Label) -> Label:
        return replace(label, query=deciding.decision_query(self.conn, self.task, [label.item]))

    def _label(self, row: LabelRow, ids: Mapping[str, int]) -> Parked | None:
        value, reason = self._value(row), row.why
        if value is None and not reason:
            self.counts["empty"] += 1
            return None
        item = ids.get(row.key) if row.item is None else row.item
        unfit, content = ("", "") if value is None else self._judged(value)
        reason = reason or self._misfit(row, item, unfit)
        if reason or value is None or item is None:
            self.aside.setdefault(reason, []).append(row.key)
            return None
        by, query = row.annotator or self.by, self._query(row, item)
        decides = row.purpose == deciding.STRATEGY
        hidden = (query is not None and self._hidden(query, item)) or (decides and item not in self._decided())
        if not hidden:
            answers = self._answers(by)
            if _same(answers.get(item), value) and not self._unseen(row, by, item):
                self.counts["known"] += 1
                return None
            answers[item] = value
        origin_ = row.mark or f"{self.stamp}\0{row.row}"
        mark = _uuid(f"{origin_}\0{self.task.name}\0{by}\0{row.key}\0{content}")
        decides = decides and query is None
        given: Origin = "human" if decides or query is not None else "import"  # who answers a query has looked at it
        origin: Origin = row.source if row.source in _ORIGINS else given  # type: ignore[assignment]
        seconds = None if row.seconds is None else float(row.seconds)
        stands_for = row.stands_for if query is not None and (row.stands_for or "").strip() else None
        return Parked(mark, item, value, by, row.at or self.at, seconds, origin, query, stands_for, decides)

    def _others(self, stands_for: str, label: Label) -> list[Label]:
        """The same answer for the near-duplicates that the query grouped with the item, where the row says so."""
        if label.query is None:
            return []
        if label.query not in self._groups:
            self._groups[label.query] = grouping.groups_of(self.conn, label.query)
        members = self._groups[label.query].get(label.item)
        if members is None or stands_for != str(len(members)):  # 0, or a column of the source that has this name
            return []
        members = grouping.still_open(self.conn, self.task.name, members)
        rule = replace(label, source="rule", seconds=None)
        marks = {member: _uuid(f"{label.id}\0{member}") for member in members.tolist()}
        return [replace(rule, id=mark, item=member) for member, mark in marks.items()]

    def _hidden(self, query: int, item: int) -> bool:
        """Whether a query asked for a known odd item once more, to measure who answers."""
        if query not in self._repeats:
            self._repeats[query] = live.hidden_in(self.conn, query)
        return item in self._repeats[query]

    def _decided(self) -> set[int]:
        """Items of which a decision stood before this import."""
        if self._decisions is None:
            self._decisions = deciding.decided_items(self.conn, self.task)
        return self._decisions

    def _query(self, row: LabelRow, item: int) -> int | None:
        """The query of this task that asked for the item; None for a row that answers none."""
        return int(row.query) if row.query and self._asker(row, item) == self.task.name else None

    def _asker(self, row: LabelRow, item: int) -> str | None:
        """The task whose query the row answers."""
        if not row.query:
            return None
        if self._asked is None:
            every = ((task, pair) for task in tasks.listed(self.conn) for pair in queries.asked_items(self.conn, task))
            self._asked = {(str(id_), asked): task.name for task, (id_, asked) in every}
        return self._asked.get((row.query, item))

    def _elsewhere(self, row: LabelRow, item: int) -> str:
        """Why a filled-in query cannot be a label here: it asked for another task. Exports name their source."""
        asker = None if row.source else self._asker(row, item)
        other = asker is not None and asker != self.task.name
        return (
            f"query {row.query} is of the task {asker!r}: import it into that task (--task-name {asker})"
            if other
            else ""
        )

    def _value(self, row: LabelRow) -> Value | None:
        """The answer in a row, None where there is none. Our own exports also say skip, unsure and no class at all."""
        if row.value is not None or row.why:
            return row.value
        cell = (row.label or "").strip()
        if not cell:
            if row.answer == "classes" and self.task.kind == "multilabel":
                return Value("classes")
            return Value("skip") if row.answer == "skip" else Value("unsure") if row.answer == "unsure" else None
        return _value_of(cell, self.separator if self.task.kind == "multilabel" else None)

    def _misfit(self, row: LabelRow, item: int | None, unfit: str) -> str:
        """Why a row cannot be a label; empty when it can."""
        if item is None:
            return "unknown key"
        if unfit:
            return unfit
        if row.at is not None and not _is_time(row.at):
            return f"time {row.at!r} is not ISO 8601"
        if row.seconds is not None and not _is_duration(row.seconds):
            return f"seconds {row.seconds!r} are not a number from 0 on"
        return self._elsewhere(row, item) if row.query else ""

    def _judged(self, value: Value) -> tuple[str, str]:
        """Why the task cannot hold an answer, empty when it can, and the answer as text. Most rows share theirs."""
        if value not in self._judgements:
            text = "\0".join((value.tag, *value.names, *map(repr, value.weights)))
            self._judgements[value] = (self._unfit(value), text)
        return self._judgements[value]

    def _unfit(self, value: Value) -> str:
        if value.tag not in FITS[self.task.kind]:
            return f"several classes an item, in a task of kind {self.task.kind}"
        if any(len(name) > LONGEST for name in value.names):
            return f"a class name of more than {LONGEST:,} characters"
        absent = [name for name in value.names if self.task.closed and name not in self.task.classes]
        return f"class {absent[0]!r} is not among the closed classes" if absent else ""

    def _answers(self, by: str) -> dict[int, Value | None]:
        if by not in self._current:
            standing = list(folding.answers(self.conn, self.task.name, by))
            self._current[by] = {label.item: label.value for label in standing}
            self._by_rule |= {(by, label.item) for label in standing if label.source == "rule"}
        return self._current[by]

    def _unseen(self, row: LabelRow, by: str, item: int) -> bool:
        """Whether the same answer stands by a rule alone: whoever has looked now says more, and an audit needs it."""
        if row.source == "rule" or (by, item) not in self._by_rule:
            return False
        self._by_rule.discard((by, item))
        return True


def _uuid(name: str) -> str:
    """As str(uuid5(_SPACE, name)), in a third of the time: a large import makes millions."""
    text = hashlib.sha1(_SPACE.bytes + name.encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


@lru_cache(4096)  # whole files have few
def _value_of(cell: str, separator: str | None) -> Value | None:
    """The answer in a cell that is not empty: one class, or several where there is a separator."""
    if separator is None:
        return Value("class", (cell,))
    names = split_names(cell, separator)
    return Value("classes", names) if names else None


def _same(a: Value | None, b: Value) -> bool:
    return a is not None and a.tag == b.tag and _content(a) == _content(b)


def _content(value: Value) -> set[Any]:
    return set(zip(value.names, value.weights, strict=True)) if value.weights else set(value.names)


@lru_cache(4096)  # whole files have few
def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_duration(text: str) -> bool:
    try:
        return 0 <= float(text) < math.inf
    except ValueError:
        return False


def import_file(conn: sqlite3.Connection, task: str, path: Path, by: str, separator: str = ";") -> ImportReport:
    """What a file of labels added. All of it is written in one transaction, after all of it was read.

    Columns: key, label, and where they are there annotator (else `by`), seconds, at, source (else import).
    A row whose annotator gives that very answer already is `known`. Errors: InputError where the file
    cannot be read or has no column key or label.
    """
    return read_file(conn, task, path, by, separator).write()


def read_file(
    conn: sqlite3.Connection, task: str, path: Path, by: str, separator: str = ";", instead: Sequence[str] = ()
) -> Import:
    """A file of labels, read and checked, to be written; `instead` are columns that stand in for a missing key."""
    rows = read_label_file(path, instead)
    with path.open("rb") as file:
        stamp = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    key = key_column(path, instead)
    return Import(conn, tasks.get(conn, task), by, separator, path.name, stamp, key).read(rows)


def read_rows(conn: sqlite3.Connection, task: str, rows: Iterable[LabelRow], by: str, name: str) -> Import:
    """Rows that another reader made, checked, to be written; `name` is what they are set aside under."""
    return Import(conn, tasks.get(conn, task), by, ";", name, name).read(rows)


def unimported(conn: sqlite3.Connection, task: str, path: Path) -> int:
    """How many rows of a label file have a label for an item that nobody ever answered: 0 for any other file."""
    try:
        filled = [row.key for row in read_label_file(path) if (row.label or "").strip()] if path.is_file() else []
    except LabelsieveError:
        return 0
    known = set(events.answered(conn, task).tolist())
    return sum(id_ not in known for id_ in manifest.by_key(conn, filled).values())


def import_column(context: Context, spec: Any, source: Source) -> ImportReport:
    """What the labels column of a source added to the context's task, as answers of the annotator "import".

    A later sync imports what is new or has changed. A label that somebody else gave stays beside it.
    """
    name = str(spec.path)
    row = next(row for row in manifest.source_rows(context.conn) if row.name == name)
    if not source.options.labels:
        raise InputError(f"the source {name} names no labels.", "labelsieve sync PROJECT SOURCE --labels COLUMN")
    stamp = f"{name}\0{source.options.labels}"
    task = tasks.get(context.conn, context.task_name)
    made = Import(context.conn, task, "import", source.options.separator, name, stamp)
    return made.read(_column_rows(context.conn, row.id, source)).write()


def _column_rows(conn: sqlite3.Connection, source_id: int, source: Source) -> Iterator[LabelRow]:
    ids = manifest.ids(conn, source=source_id)
    for first in range(0, len(ids), BLOCK):
        part: np.ndarray[Any, np.dtype[np.int64]] = ids[first : first + BLOCK]
        keys = manifest.keys(conn, part)
        for positions, refs in manifest.locate(conn, part).values():
            cells = source.column(str(source.options.labels), refs)
            for at, cell in zip(positions.tolist(), cells, strict=True):
                yield LabelRow(int(part[at]), keys[at], cell)

"""Watching a folder that fills: what is new and settled is screened as it arrives, each file once."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.randomness import stream
from labelsieve.project.context import Context
from labelsieve.project.database import now
from labelsieve.project.streams.arrivallog import ArrivalLog, Stamp
from labelsieve.project.streams.incoming import Incoming, incoming_items
from labelsieve.project.streams.judging import Arrived, arrive, judged, known_of
from labelsieve.project.streams.newparts import image_part
from labelsieve.project.streams.scoring import Scorer, scorer_of
from labelsieve.project.streams.tabling import COLUMNS, rows_of
from labelsieve.project.streams.wanting import Wanted
from labelsieve.screening.shift import LEAST, ROWS, Shift, shift_of
from labelsieve.sources.imagefiles import is_image_name
from labelsieve.sources.opening import BUILT_IN

WATCHED = (*COLUMNS[1:], "at")  # a rank says nothing of what comes one by one
WINDOW = 200  # items of the last arrivals that are held against the pool


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What one look at the folder brought: rows of WATCHED that were written, how many of them are escalated, files
    that were set aside. `shift` is given once, when the last arrivals begin to look like another domain."""

    files: int
    items: int
    rows: list[tuple[Any, ...]]
    escalated: int
    set_aside: tuple[tuple[str, str], ...]
    shift: Shift | None = None
    promised: float | None = None  # the rate of false alarms; None where there is none yet


@dataclass
class _Window:
    """The last arrivals, and whether they looked like another domain before."""

    parts: list[Arrived]
    fresh: int = 0
    told: bool = False

    def add(self, arrived: Arrived) -> None:
        self.parts.append(arrived)
        self.fresh += len(arrived.at)
        while sum(len(part.at) for part in self.parts[1:]) >= WINDOW:
            self.parts.pop(0)

    def judged(self, scorer: Scorer, alarms: float, seed: int) -> Shift | None:
        """The evidence, when it shows another domain for the first time since it did not."""
        if self.fresh < LEAST:
            return None
        self.fresh = 0
        rows = np.concatenate([part.rows for part in self.parts])[-ROWS:]
        score = np.concatenate([part.score for part in self.parts])
        found = shift_of(scorer.side(rows, score), scorer.reference, alarms, stream(seed, "watch"))
        new, self.told = found.another_domain and not self.told, found.another_domain
        return found if new else None


def watch_folder(
    context: Context, folder: Path, out: Path, wanted: Wanted, every: float = 10.0, once: bool = False
) -> Iterator[Arrivals]:
    """Screens what is new below `folder` and no longer changes, for ever, or once; appends what is to be escalated.

    A file is settled when two looks, `every` seconds apart, find it the same. It is screened once, also after a kill;
    one that cannot be read is set aside until it changes. Labels that come meanwhile count from the next look on.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder.", "name the folder that fills.")
    if wanted.top is not None or wanted.recall is not None or wanted.explain is not None:
        raise InputError("top, recall and explain are of one batch, and a watch has no end.", "labelsieve screen")
    if not 0 < every < float("inf"):
        raise InputError(f"the time between two looks is {every} seconds; expected more than 0.", "--every 10")
    with ArrivalLog(out, WATCHED) as log:
        watch = _Watch(context, folder, log, wanted)
        before = watch.files()
        while True:
            time.sleep(every)
            seen = watch.files()
            settled = {ref: stamp for ref, stamp in seen.items() if before.get(ref) == stamp}
            before = seen
            fresh = {ref: stamp for ref, stamp in settled.items() if log.done.get(ref) != stamp}
            for group in watch.groups(fresh):
                yield watch.screened(group)
            if once:
                return


class _Watch:
    """One folder that is watched, with what scores its items by what is known now."""

    def __init__(self, context: Context, folder: Path, log: ArrivalLog, wanted: Wanted) -> None:
        self.context, self.folder, self.log, self.wanted = context, folder, log, wanted
        self.window = _Window([])
        self.images = any(row.modality == "image" for row in context.rows.values())
        self._scorer, self._mark = scorer_of(context), self._last_change()

    def _last_change(self) -> tuple[Any, ...]:
        """What changes whenever a label does."""
        sql = "SELECT (SELECT MAX(seq) FROM events WHERE task = :task), (SELECT MAX(id) FROM taught WHERE task = :task)"
        return tuple(self.context.conn.execute(sql, {"task": self.context.task.id}).fetchone())

    def files(self) -> dict[str, Stamp]:
        """(size, time of change) of every file that may hold items, by its path; hidden ones and our own left out."""
        endings = tuple(ending for group in BUILT_IN.values() for ending in group)
        ours = {self.log.out.resolve(), self.log.path.resolve()}
        found: dict[str, Stamp] = {}
        for root, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(root, name)
                fits = is_image_name(name) if self.images else name.lower().endswith(endings)
                if fits and not name.startswith(".") and path.resolve() not in ours:
                    with suppress(OSError):  # it went, or cannot be seen yet
                        stat = path.stat()
                        found[path.relative_to(self.folder).as_posix()] = (stat.st_size, stat.st_mtime_ns)
        return found

    def groups(self, fresh: dict[str, Stamp]) -> list[dict[str, Stamp]]:
        """What is screened together: all images of a look, but a table or an array by itself."""
        if not fresh:
            return []
        if (change := self._last_change()) != self._mark:
            self._scorer, self._mark = scorer_of(self.context), change
        return [fresh] if self.images else [{ref: stamp} for ref, stamp in fresh.items()]

    def screened(self, group: dict[str, Stamp]) -> Arrivals:
        """Some settled files: scored, kept as screened, and their rows written."""
        given = Incoming([])
        try:
            if self.images:
                given.parts.append(image_part(self.folder, list(group), given.bad))
            else:
                dim = self._scorer.standing.raw.dim
                given = incoming_items(self.context, [self.folder / ref for ref in group], dim)
            arrived = arrive(self.context, self._scorer, given)
        except InputError as error:
            given.bad.extend((ref, error.fact) for ref in group if ref not in dict(given.bad))
            self.log.add(group, [])
            return Arrivals(len(group), 0, [], 0, tuple(given.bad))
        rows, n, promised = self._rows(given, arrived, "" if self.images else f"{next(iter(group))}:")
        self.log.add(group, rows)
        self.window.add(arrived)
        shift = self.window.judged(self._scorer, self.wanted.alarms, self.context.settings.seed)
        return Arrivals(len(group), len(arrived.at), rows, n, tuple(given.bad), shift, promised)

    def _rows(self, given: Incoming, arrived: Arrived, prefix: str) -> tuple[list[tuple[Any, ...]], int, float | None]:
        """Rows of WATCHED, most odd first: what is escalated; all of them where no rate can be promised."""
        known = known_of(self.context, self._scorer, given, arrived)
        found = judged(self._scorer, arrived, known, self.wanted)
        at = now()
        rows = rows_of(self._scorer, given, found, found.kept(self.wanted.everything))
        rows = [(f"{prefix}{row[1]}", *row[2:], at) for row in rows]
        promised = found.rate.attained if found.rate is not None and found.decides else None
        return rows, int(found.flagged.sum()), promised

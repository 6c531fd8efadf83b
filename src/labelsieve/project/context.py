"""What every part of a project works on: its folder, settings, ledger and opened sources."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.errors import InputError, ProjectError, UnknownName
from labelsieve.core.types import Ids, Item, Modality, Task
from labelsieve.project import config, manifest, tasks
from labelsieve.project.config import Settings, TaskSettings
from labelsieve.project.database import Ledger
from labelsieve.sources import Source, open_source


@dataclass
class Context:
    """One open project and the task that is worked on. Sources are opened when they are first read."""

    root: Path
    settings: Settings
    conn: Ledger
    task_name: str = "main"
    _opened: dict[int, Source] = field(default_factory=dict, repr=False)

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def task(self) -> Task:
        """The task with the classes that it has by now."""
        return tasks.get(self.conn, self.task_name)

    @property
    def task_settings(self) -> TaskSettings:
        try:
            return self.settings.tasks[self.task_name]
        except KeyError:
            raise UnknownName(
                "task", self.task_name, self.settings.tasks, "labelsieve init PROJECT --task-name"
            ) from None

    def change(self, **values: Any) -> None:
        """Changes settings and writes them to labelsieve.toml."""
        self.settings = replace(self.settings, **values)
        config.write(self.root, self.settings)

    @cached_property
    def rows(self) -> dict[int, manifest.SourceRow]:
        return {row.id: row for row in manifest.source_rows(self.conn)}

    def key_columns(self) -> tuple[str, ...]:
        """The columns that name items for good in the project's sources, each once."""
        given = (spec.options.key for spec in self.settings.sources)
        return tuple(dict.fromkeys(key for key in given if key is not None))

    def source(self, source_id: int) -> Source:
        """The opened source of a manifest id. ProjectError where labelsieve.toml does not name it any more."""
        if source_id not in self._opened:
            name = self.rows[source_id].name
            spec = next((spec for spec in self.settings.sources if spec.path == name), None)
            if spec is None:
                raise ProjectError(
                    f"items come from the source {name!r}, which {config.NAME} does not name any more.",
                    f"put its [[sources]] entry back into {config.NAME}; where it has a new name, labelsieve sync.",
                )
            path = config.resolve(spec.path, self.root)
            if not path.exists():
                raise config.source_gone(spec, path)
            opened = open_source(path, spec.read_options(self.root), self.cache)
            mark = self.rows[source_id].fingerprint
            if mark and hasattr(opened, "holds") and not opened.holds(mark):
                raise ProjectError(
                    f"{spec.path} has changed since the last sync, so its rows cannot be told apart.",
                    f"labelsieve sync {self.root}: no label is lost or moved by that.",
                )
            self._opened[source_id] = opened
        return self._opened[source_id]

    def things(self, ids: Ids) -> Iterator[Any]:
        """The data of each id, in order; an InputError stands in the place of what cannot be read, or has gone."""
        out: list[Any] = [None] * len(ids)
        for source_id, (positions, refs) in manifest.locate(self.conn, ids, present=True).items():
            for at, thing in zip(positions.tolist(), _read(self.source(source_id), refs), strict=True):
                out[at] = thing
        for thing in out:
            yield InputError("it has gone from its source.", "put it back and sync.") if thing is None else thing

    def items(self, ids: Ids) -> list[Item]:
        """The items of `ids`, in order, with group, time and the other columns of their source in `meta`."""
        ids = np.asarray(ids, np.int64)
        entries = manifest.entries(self.conn, ids)
        metas: list[dict[str, Any]] = [{}] * len(ids)
        for source_id, (positions, refs) in manifest.locate(self.conn, ids, present=True).items():
            for at, meta in zip(positions.tolist(), self.source(source_id).metas(refs), strict=True):
                metas[at] = dict(meta)
        things = list(self.things(ids))
        return [
            Item(entry.id, entry.key, entry.digest, self.modality(entry.source), thing, meta)
            for entry, thing, meta in zip(entries, things, metas, strict=True)
        ]

    def share_sources(self, other: "Context") -> None:
        """Reads from the sources that another context of the same project has opened: a mapped file is mapped once."""
        self._opened = other._opened

    def forget(self) -> None:
        """Drops what was read before a sync."""
        self.__dict__.pop("rows", None)
        self._opened.clear()

    def modality(self, source_id: int) -> Modality:
        return self.rows[source_id].modality  # type: ignore[return-value]

    def ids_of(self, given: Sequence[int] | Sequence[str] | Ids) -> Ids:
        """Ids (m,) of ids or keys. UnknownName for a key that there is not."""
        values = list(given)
        if not all(isinstance(value, str) for value in values):
            return np.asarray(values, np.int64)
        found = manifest.by_key(self.conn, values)
        absent = [value for value in values if value not in found]
        if absent:
            raise UnknownName("item key", str(absent[0]), None, "labelsieve export --predictions lists the keys.")
        return np.array([found[str(value)] for value in values], np.int64)


def _read(source: Source, refs: list[Any]) -> list[Any]:
    """Data of each ref. Where reading them together fails, they are read one by one to find which."""
    try:
        return list(source.read(refs))
    except InputError:
        return [_read_one(source, ref) for ref in refs]


def _read_one(source: Source, ref: Any) -> Any:
    try:
        return next(iter(source.read([ref])))
    except InputError as error:
        return error

"""Open projects for requests: each request borrows one for itself, and gives it back.

A project is opened anew where labelsieve.toml or the sources have changed since, so that a server never shows an
old pool; and where labels.sqlite is another file by now, so that no label goes into one that nobody will find.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labelsieve.project import config
from labelsieve.project.facade import Project
from labelsieve.project.making import LEDGER, opened_context

CACHE = -8192  # KiB of the ledger that each connection keeps in memory


class Desks:
    """A pool of open projects on one folder, at most as many as requests run at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writing = threading.Lock()  # writers of this process wait in order, not by SQLite's naps
        self._free: list[tuple[object, Project]] = []
        self._guard = threading.Lock()
        self._first: tuple[object, Project] | None = None  # whose opened sources all of the same mark share

    @contextmanager
    def borrowed(self, task: str | None = None) -> Iterator[Project]:
        """A project on a task (on `main`, or the first one). UnknownName where there is no such task."""
        mark, project = self._taken()
        try:
            yield project if task is None else project.on_task(task)
        finally:
            if project.context.conn.in_transaction:  # something went wrong in the middle
                project.close()
            else:
                with self._guard:
                    self._free.append((mark, project))

    def _taken(self) -> tuple[object, Project]:
        while True:
            with self._guard:
                mark, project = self._free.pop() if self._free else (None, None)
            if project is None:
                return self._opened()
            try:
                same = mark == self._mark(project)
            except BaseException:  # the folder is not there any more
                project.close()
                raise
            if same:
                return mark, project
            project.close()

    def _opened(self) -> tuple[object, Project]:
        (self.root / LEDGER).stat()  # opening makes none
        project = Project(opened_context(self.root, "main", shared=True))
        project.context.conn.execute(f"PRAGMA cache_size = {CACHE}")
        mark = self._mark(project)
        with self._guard:
            if self._first is None or self._first[0] != mark:
                self._first = mark, project
            project.context.share_sources(self._first[1].context)
        return mark, project

    def _mark(self, project: Project) -> object:
        stat, ledger = (self.root / config.NAME).stat(), (self.root / LEDGER).stat()
        synced = project.context.conn.execute("SELECT MAX(synced), COUNT(*) FROM sources").fetchone()
        return stat.st_mtime_ns, stat.st_size, ledger.st_dev, ledger.st_ino, tuple(synced)

    def close(self) -> None:
        """Closes what is not in use."""
        with self._guard:
            for _, project in self._free:
                project.close()
            self._free.clear()

"""What happens in the project, looked up once for all who follow it."""

import time
from collections.abc import Callable
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool

from labelsieve.api.desks import Desks
from labelsieve.project.jobs.happening import now_going_on

FRESH = 0.2  # seconds for which one look serves everybody


class News:
    """The newest state of what changes: jobs, labels, fits, queries, workers."""

    def __init__(self, desks: Desks, workers: Callable[[], list[dict[str, Any]]]) -> None:
        self._desks, self._workers = desks, workers
        self._at, self._latest = -FRESH, dict[str, Any]()
        self._looking = anyio.Lock()

    async def latest(self) -> dict[str, Any]:
        """What is going on, not older than FRESH seconds."""
        async with self._looking:
            if time.monotonic() - self._at >= FRESH:
                self._latest = await run_in_threadpool(self._look)
                self._at = time.monotonic()
        return self._latest

    def _look(self) -> dict[str, Any]:
        with self._desks.borrowed() as project:
            return now_going_on(project.context.conn) | {"workers": self._workers()}

"""Progress with rate and time left, to stderr; quiet when that is not a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from labelsieve.cli.output import printable

if TYPE_CHECKING:
    from labelsieve.project.embedding import EmbedProgress


class Tell(Protocol):
    """Called as work goes on; `fetching` names a file while bytes of it are counted instead."""

    def __call__(self, done: int, total: int, fetching: str = "") -> None: ...


@contextmanager
def showing(what: str, unit: str = "items") -> Iterator[Tell]:
    """A function (done, total) to call as work goes on, for the time of a `with` block."""
    if not sys.stderr.isatty():
        yield _quiet
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        bar = progress.add_task(what, total=None, rate="")

        def tell(done: int, total: int, fetching: str = "") -> None:
            said = f"Fetching {printable(fetching)}" if fetching else what
            progress.update(bar, completed=done, total=total, description=said)
            speed = progress.tasks[bar].finished_speed or progress.tasks[bar].speed
            progress.update(
                bar, rate=f"{speed:,.0f} {'bytes' if fetching else unit}/s" if speed and speed >= 10 else ""
            )

        yield tell


@contextmanager
def showing_run(what: str = "Embedding") -> Iterator[Callable[["EmbedProgress"], None]]:
    """What a run that embeds calls as it goes on, for the time of a `with` block."""
    with showing(what) as tell:
        yield lambda at: tell(at.done, at.total, at.what)


def _quiet(done: int, total: int, fetching: str = "") -> None:
    """Where nobody is looking."""

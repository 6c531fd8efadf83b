"""Progress with rate and time left, to stderr; quiet when that is not a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[int, int, str], None]  # done, total, and a note of a few words


@contextmanager
def showing(what: str, unit: str = "items") -> Iterator[Tell]:
    """A function (done, total, note) to call as work goes on, for the time of a `with` block."""
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
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        bar = progress.add_task(what, total=None, rate="", note="")

        def tell(done: int, total: int, note: str = "") -> None:
            progress.update(bar, completed=done, total=total, note=note)
            speed = progress.tasks[bar].finished_speed or progress.tasks[bar].speed
            progress.update(bar, rate=f"{speed:,.0f} {unit}/s" if speed and speed >= 10 else "")

        yield tell


def _quiet(done: int, total: int, note: str = "") -> None:
    """Where nobody is looking."""

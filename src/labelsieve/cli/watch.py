"""labelsieve watch: screen what arrives in a folder."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import count, hint, say


def run(
    project: given.ProjectPath,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder that fills.", show_default=False)],
    out: Annotated[Path, typer.Option(help="A .csv or .jsonl file that grows by what is to escalate.")] = Path(
        "escalate.csv"
    ),
    every: Annotated[float, typer.Option(help="Seconds between two looks.")] = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Screen what is there and settled, then stop.")] = False,
    alarms: Annotated[float, typer.Option(help="At most this share of the dull items may be escalated.")] = 0.01,
    all_: Annotated[bool, typer.Option("--all", help="Write what is not escalated too.")] = False,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Screen new files as they arrive, each once, also after a crash. Ctrl-C stops it."""
    from labelsieve.project.facade import open as open_project

    files = items = escalated = 0
    with open_project(project, task_name) as opened:
        if not once:
            hint(f"Watching {folder}; a file is screened when it has not changed for {every:g} seconds. Ctrl-C stops.")
        try:
            for came in opened.watch(folder, out=out, every=every, once=once, alarms=alarms, everything=all_):
                files, items, escalated = files + came.files, items + came.items, escalated + came.escalated
                _tell(came, json, given.named(project, task_name))
        except KeyboardInterrupt:
            hint("Stopped; the next watch goes on from here.")
    if not json:
        say(f"{count(files, 'file')}, {count(items, 'item')} screened, {escalated:,} to escalate: {out}")


def _tell(came: Any, json: bool, here: str) -> None:
    from dataclasses import asdict
    from json import dumps

    from labelsieve.cli.output import plain

    if json:
        say(dumps(plain(asdict(came)), ensure_ascii=False, allow_nan=False))
        return
    for key, why in came.set_aside:
        hint(f"Set aside: {key}: {why.rstrip('.')}.")
    if came.shift is not None:
        shift = came.shift
        say(
            f"The last {shift.new:,} arrivals look like another domain than the pool: {shift.flagged:.0%} score higher "
            f"than {1 - shift.expected:.1%} of it, {shift.far:.0%} lie far from anything in it; energy test "
            f"p = {shift.p:.3f}."
        )
    if came.items and came.promised is None:
        hint("No rate of false alarms can be promised yet, so everything is written. Next: labelsieve label "
             f"{here} --purpose calibration")  # fmt: skip
    for row in came.rows if came.promised is not None else ():
        say(f"{row[0]}  score {row[1]:.3f}  p {row[2]:.4f}  {row[-2]}")

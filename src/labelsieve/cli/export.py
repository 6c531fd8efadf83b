"""labelsieve export: labels, predictions, the head and its model card; labels for other tools."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say

if TYPE_CHECKING:
    from labelsieve.project.formats.exchanging import Exported


def run(
    project: given.ProjectPath,
    labels: Annotated[Path | None, typer.Option(help="Labels: .csv, .jsonl or .parquet.", show_default=False)] = None,
    predictions: Annotated[Path | None, typer.Option(help="Predictions, likewise.", show_default=False)] = None,
    head: Annotated[
        Path | None, typer.Option(help="A folder: head.json, head.npz, head.onnx.", show_default=False)
    ] = None,
    card: Annotated[Path | None, typer.Option(help="The model card: .md.", show_default=False)] = None,
    consensus: Annotated[
        Path | None, typer.Option(help="What is most likely true, a row an item, likewise.", show_default=False)
    ] = None,
    format: given.Format = None,
    out: Annotated[Path | None, typer.Option(help="Where to write --format.", show_default="below exports/")] = None,
    allow_loss: Annotated[bool, typer.Option("--allow-loss", help="Drop what the format cannot hold.")] = False,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Export what is named, or everything to exports/ when nothing is. No cell of a CSV is a formula.

    With --format, all labels for another tool. An answer that its format cannot hold is an error, unless --allow-loss.
    """
    from labelsieve.project.facade import open as open_project

    named = {"labels": labels, "predictions": predictions, "head": head, "card": card, "consensus": consensus}
    foreign = format is not None or out is not None
    with open_project(project, task_name) as opened:
        made = opened.export_as(out, format, allow_loss) if foreign else None
        paths = opened.export(**named) if not foreign or any(named.values()) else []
    if json:
        say(as_json(made if made is not None and not paths else [*paths, *([made.path] if made else [])]))
        return
    for path in paths:
        say(str(path))
    if made is not None:
        _show(made)


def _show(made: "Exported") -> None:
    from labelsieve.project.formats.losses import told

    say(f"{made.path}: {count(made.answers, 'answer')} to {count(made.items, 'item')}.")
    if made.lost:
        hint(f"Dropped: {told(made.lost)}.")
    for note in made.notes:
        hint(note)

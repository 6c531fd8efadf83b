"""labelsieve export: labels, predictions, the head and its model card."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, say


def run(
    project: given.ProjectPath,
    labels: Annotated[Path | None, typer.Option(help="Labels: .csv, .jsonl or .parquet.", show_default=False)] = None,
    predictions: Annotated[Path | None, typer.Option(help="Predictions, likewise.", show_default=False)] = None,
    head: Annotated[
        Path | None, typer.Option(help="A folder: head.json, head.npz, head.onnx.", show_default=False)
    ] = None,
    card: Annotated[Path | None, typer.Option(help="The model card: .md.", show_default=False)] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Export what is named, or everything to exports/ when nothing is. No cell of a CSV is a formula."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        paths = opened.export(labels=labels, predictions=predictions, head=head, card=card)
    if json:
        say(as_json(paths))
        return
    for path in paths:
        say(str(path))

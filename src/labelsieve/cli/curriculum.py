"""labelsieve curriculum: in which order to train elsewhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    out: Annotated[Path, typer.Option(help="A .csv, .jsonl or .parquet file.", show_default=False)],
    by: Annotated[
        Literal["margin", "self_paced", "competence"],
        typer.Option(help="Equal parts, a threshold on difficulty that grows, or a share that grows by a square root."),
    ] = "margin",
    steps: Annotated[int, typer.Option(help="Steps, of which each adds items.")] = 10,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Order the labelled items from easy to hard: id, key, label, difficulty, and the step that each comes in at."""
    from labelsieve.project.exports import write_table
    from labelsieve.project.facade import open as open_project
    from labelsieve.project.ordering import COLUMNS

    with open_project(project, task_name) as opened:
        found = opened.curriculum(by, steps)
    hard = [round(float(value), 6) for value in found.difficulty]
    rows = zip(found.ids.tolist(), found.keys, found.labels, hard, found.step.tolist(), strict=True)
    write_table(out, COLUMNS, rows)
    if json:
        say(as_json({"items": len(hard), "steps": steps}))
    hint(f"{count(len(hard), 'item')} in {count(steps, 'step')}. Written: {out}")

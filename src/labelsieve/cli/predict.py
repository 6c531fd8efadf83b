"""labelsieve predict: what the head says of every item."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    out: Annotated[Path | None, typer.Option(help="A .csv, .jsonl or .parquet file.", show_default="a summary")] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Predict the whole pool with the head as it was last fitted."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        if out is not None:
            opened.export(predictions=out)
            hint(f"Written: {out}")
            return
        found = opened.predict()
    top = found.proba.argmax(axis=1)
    if json:
        rows = zip(found.keys, top, found.proba, strict=True)
        say(as_json([{"key": key, "label": found.classes[i], "probability": p[i]} for key, i, p in rows]))
        return
    for code, name in enumerate(found.classes):
        say(f"{int((top == code).sum()):>8,}  {name}")
    say(f"{len(top):>8,}  in all")
    hint(f"All {count(len(top), 'prediction')} go to a file with --out predictions.csv")

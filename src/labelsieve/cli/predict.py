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
    if json:
        rows = zip(found.keys, found.names, found.proba, strict=True)
        say(
            as_json(
                [{"key": k, "label": n, "probability": dict(zip(found.classes, p, strict=True))} for k, n, p in rows]
            )
        )
        return
    for name in found.classes:
        say(f"{sum(name in names for names in found.names):>9,}  {name}")
    say(f"{len(found.keys):>9,}  in all")
    hint(f"All {count(len(found.keys), 'prediction')} go to a file with --out predictions.csv")

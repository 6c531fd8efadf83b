"""labelsieve predict: what the head says of every item."""

from collections import Counter
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
    names = Counter(name for names in found.names for name in names)
    for name in sorted(found.classes, key=lambda name: -names[name]):
        say(f"{names[name]:>9,}  {name}")
    if none := sum(not names for names in found.names):
        say(f"{none:>9,}  (none of these)")
    say(f"{len(found.keys):>9,}  in all")
    hint(f"All {count(len(found.keys), 'prediction')} go to a file with --out predictions.csv")

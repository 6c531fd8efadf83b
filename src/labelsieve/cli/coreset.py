"""labelsieve coreset: which items to keep."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    keep: Annotated[int | None, typer.Option(help="How many items to keep.", show_default=False)] = None,
    share: Annotated[float | None, typer.Option(help="Which share of them to keep.", show_default="0.1")] = None,
    method: Annotated[
        str,
        typer.Option(
            help="auto, facility_location, herding, kmeans, kcenter, moderate, random; by labels also stratified, "
            "herding_unsure, facility_location_unsure, craig, el2n, forgetting, ccs."
        ),
    ] = "auto",
    labelled: Annotated[bool, typer.Option("--labelled", help="Choose among items with a label only.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .jsonl or .parquet file: id, key, label.", show_default="keys")
    ] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Choose a coreset: few items that stand for all, by class where there are labels. The audit slice is left out."""
    from labelsieve.project.exports import write_table
    from labelsieve.project.facade import open as open_project
    from labelsieve.project.thinning import COLUMNS

    with open_project(project, task_name) as opened:
        kept = opened.coreset(keep, share, method, labelled)
    rows = list(zip(kept.ids.tolist(), kept.keys, kept.labels, strict=True))
    if out is not None:
        write_table(out, COLUMNS, rows)
    if json:
        facts = {"kept": len(rows), "of": kept.of, "method": kept.method, "by": kept.by}
        say(
            as_json(facts if out is not None else facts | {"items": [dict(zip(COLUMNS, r, strict=True)) for r in rows]})
        )
        return
    if out is None:
        for _, key, _ in rows:
            say(key)
    hint(
        f"{len(rows):,} of {count(kept.of, 'item')} by {kept.method}, from {kept.by}."
        + (f" Written: {out}" if out else "")
    )

"""labelsieve import: take labels from a file."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say
from labelsieve.cli.status import after_answers


def run(
    project: given.ProjectPath,
    file: Annotated[Path, typer.Argument(help="CSV, JSONL or Parquet with key and label.", show_default=False)],
    by: given.Annotator = "",
    separator: given.Separator = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Import labels (columns key, label; also annotator, seconds, at, source). Twice the same file doubles nothing."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        report = opened.import_labels(file, by=given.annotator(by), separator=separator or ";")
        then = after_answers(opened, project, task_name)
    if json:
        say(as_json(report))
        return
    say(f"{count(report.added, 'label')} imported, {report.known:,} were there already.")
    if report.together:
        say(
            f"{count(report.together, 'near-duplicate')} got the answer of the item that stands for them (source rule)."
        )
    for reason, keys in report.set_aside.items():
        hint(
            f"Set aside, {reason}: {count(len(keys), 'row')} ({', '.join(keys[:5])}{', ...' if len(keys) > 5 else ''})"
        )
    if report.added or report.known:
        hint(f"Next: labelsieve {then}")

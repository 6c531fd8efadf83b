"""labelsieve report: one HTML file on what is known."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, hint, say


def run(
    project: given.ProjectPath,
    out: Annotated[Path | None, typer.Option(help="Where to write it.", show_default="reports/ of the project")] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Write the report: one self-contained HTML file that opens from disk, without network."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        path = opened.report(out)
    say(as_json({"report": path}) if json else str(path))
    if not json:
        hint("Next: open it in a browser.")

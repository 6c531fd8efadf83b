"""labelsieve task: ask one more thing about the same pool."""

from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import hint, say


def run(
    project: given.ProjectPath,
    name: Annotated[str, typer.Argument(help="The name of the new task.", show_default=False)],
    task: given.TaskKind = "classes",
    dull: given.Dull = "dull",
    classes: given.Classes = None,
) -> None:
    """Add a task: several tasks share one pool and its embeddings."""
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened:
        opened.add_task(name, task, classes=given.split_names(classes), dull=dull)
    say(f"{project}: task {name} ({task}) is ready.")
    hint(f"Next: labelsieve next {given.named(project, name)} --out query.csv")

"""labelsieve budget: what may be spent, and what was."""

from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, say


def run(
    project: given.ProjectPath,
    labels: Annotated[
        int | None, typer.Option(help="At most so many labels; 0 for no limit.", show_default=False)
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="At most so many minutes.", show_default=False)] = None,
    money: Annotated[float | None, typer.Option(help="At most so much money.", show_default=False)] = None,
    cost: given.Cost = None,
    currency: Annotated[str | None, typer.Option(help="Its name, in the report.", show_default=False)] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Set a budget in labels, minutes or money (the first one reached ends it), and show what was spent."""
    from labelsieve.cli.status import spending_line
    from labelsieve.project.facade import open as open_project
    from labelsieve.project.limits import Limits

    with open_project(project, task_name) as opened:
        opened.limit(Limits(labels, minutes, money, cost or (), currency))
        state = opened.status()
    if json:
        say(as_json({"spent": state["spent"], "budget": state["budget"]}))
        return
    say(f"spent: {spending_line(state)}")

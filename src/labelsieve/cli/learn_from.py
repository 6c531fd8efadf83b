"""labelsieve learn-from: the labelled items of another project train here too."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say

DEFAULT = 0.03


def run(
    project: given.ProjectPath,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The project to learn from.")],
    task: Annotated[str | None, typer.Option("--task", help="Which of its tasks.", show_default="its screen")] = None,
    odd: Annotated[str | None, typer.Option(help="Classes that are odd, where that task is no screen: a,b.")] = None,
    weight: Annotated[float, typer.Option(help="Of an item from there, beside 1 of a label here.")] = DEFAULT,
    undo: Annotated[bool, typer.Option("--undo", help="Take back all that was taught from there.")] = False,
    by: given.Annotator = "",
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Teach a screen all labelled items of another project. They are dropped where they hurt on the audit slice."""
    from labelsieve.cli.progress import showing_run
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened, showing_run() as progress:
        if undo:
            done = opened.unlearn(other, task)
        else:
            classes = given.split_names(odd) or ()
            done = opened.learn_from(other, given.annotator(by), task, classes, weight, progress)
    if json:
        say(as_json(done))
    elif undo:
        say(f"{count(done.gone, 'item')} of {done.source} taken back.")
    else:
        _show(done, given.named(project, task_name))


def _show(done: Any, here: str) -> None:
    taught = done.taught
    new = f"{taught.added:,} new, {taught.changed:,} changed"
    say(f"{done.source}: {done.dull:,} dull and {done.odd:,} odd items; {new}.")
    if done.again:
        say(f"{count(done.again, 'item')} embedded by the engine of this project.")
    if done.in_pool:
        hint(f"Left out, since this pool holds them: {count(done.in_pool, 'item')}. Import their labels instead.")
    if done.gone:
        hint(f"Taken back, since they have no label there any more: {count(done.gone, 'item')}.")
    if done.bad:
        key, why = done.bad[0]
        hint(f"Left out, since they cannot be embedded: {count(len(done.bad), 'item')} (the first, {key}: {why})")
    for note in done.notes:
        hint(note)
    hint(f"Next: labelsieve fit {here} (the audit slice says whether they help), then labelsieve status {here}")

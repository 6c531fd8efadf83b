"""labelsieve miss: teach what the pool does not hold."""

from pathlib import Path
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Images, or files of texts, rows or embeddings.")
    ],
    dull: Annotated[bool, typer.Option("--dull", help="They are dull, not odd.")] = False,
    name: Annotated[str, typer.Option("--as", help="The odd class that they are.", show_default="odd")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take back what was taught with these files.")] = False,
    text: given.Text = None,
    image: given.Image = None,
    embeddings: given.Embeddings = None,
    columns: given.Columns = None,
    by: given.Annotator = "",
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Teach a screen odd items that were missed and found elsewhere. One that is in the pool is labelled there."""
    from labelsieve.cli.progress import showing_run
    from labelsieve.project.facade import open as open_project

    who = given.annotator(by)
    options = given.source_options(columns, text=text, image=image, embeddings=embeddings)
    with open_project(project, task_name) as opened, showing_run() as progress:
        if undo:
            done = opened.unmiss(*files, by=who, **options)
        else:
            done = opened.miss(*files, by=who, dull=dull, name=name, progress=progress, **options)
    if json:
        say(as_json(done))
    elif undo:
        say(f"{count(done.taught.added, 'item')} taken back, and {count(len(done.labelled), 'label')} in the pool.")
    else:
        _show(done, "dull" if dull else "odd", given.named(project, task_name))


def _show(done: Any, kind: str, here: str) -> None:
    taught = done.taught
    parts = [f"{count(taught.added, f'{kind} item')} taught"]
    parts += [f"{taught.changed:,} changed"] if taught.changed else []
    parts += [f"{taught.known:,} known already"] if taught.known else []
    say(f"{', '.join(parts)}.")
    if done.labelled:
        shown = ", ".join(done.labelled[:5]) + (", ..." if len(done.labelled) > 5 else "")
        say(f"In the pool already, and labelled {kind} there: {shown}.")
    if done.contradicted:
        hint(
            f"Somebody had said the opposite of {', '.join(done.contradicted[:5])}: most answers count, then the last."
        )
    hint(
        f"Next: labelsieve next {here} --out query.csv (what was taught is never asked, audited or counted as found)\n"
        "The same command with --undo takes it back."
    )

"""labelsieve sync: bring the project up to date with its sources."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    sources: Annotated[list[Path] | None, typer.Argument(help="New sources to add.", show_default=False)] = None,
    text: given.Text = None,
    image: given.Image = None,
    embeddings: given.Embeddings = None,
    columns: given.Columns = None,
    root: given.Root = None,
    key: given.Key = None,
    group: given.Group = None,
    time: given.Time = None,
    labels: given.KnownLabels = None,
    separator: given.Separator = None,
    json: given.AsJson = False,
) -> None:
    """Add what is new, recognise what has moved, mark what has gone. No item doubles and no label is lost."""
    from labelsieve.project.facade import open as open_project

    names = {"text": text, "image": image, "embeddings": embeddings, "key": key, "group": group, "time": time}
    options = given.source_options(columns, root=root, labels=labels, separator=separator, **names)
    with open_project(project) as opened:
        report = opened.sync(*(sources or ()), **options)
        lacks = opened.lacking()
    if json:
        say(as_json(report))
        return
    parts = [count(report.added, "new item")]
    parts += [
        f"{getattr(report, name):,} {name}"
        for name in ("moved", "changed", "returned", "gone")
        if getattr(report, name)
    ]
    say(", ".join(parts) + f", {report.unchanged:,} unchanged.")
    if report.set_aside:
        hint(f"{count(report.set_aside, 'item')} set aside: labelsieve status {project} lists them with the reason.")
    for said in lacks:
        hint(said)

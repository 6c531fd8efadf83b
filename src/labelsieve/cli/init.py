"""labelsieve init: make a project of one or more sources."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, hint, say


def run(
    project: Annotated[Path, typer.Argument(help="The project folder to make.", show_default=False)],
    sources: Annotated[
        list[Path],
        typer.Argument(help="Folders of images; CSV, TSV, JSONL, Parquet, .npy or .npz files.", show_default=False),
    ],
    task: given.TaskKind = "classes",
    task_name: given.TaskName = "main",
    dull: given.Dull = "dull",
    classes: given.Classes = None,
    text: given.Text = None,
    image: given.Image = None,
    embeddings: given.Embeddings = None,
    columns: given.Columns = None,
    key: given.Key = None,
    group: given.Group = None,
    time: given.Time = None,
    labels: given.KnownLabels = None,
    separator: given.Separator = None,
    cost: given.Cost = None,
    seed: Annotated[int, typer.Option(help="Every choice can be replayed from it.")] = 0,
    json: given.AsJson = False,
) -> None:
    """Make a project: read the sources, give every item an id, and nothing is a label unless asked."""
    from labelsieve.cli.sync import tell_sync
    from labelsieve.project.facade import create
    from labelsieve.project.limits import Limits, set_limits

    options = given.source_options(
        columns,
        text=text,
        image=image,
        embeddings=embeddings,
        key=key,
        group=group,
        time=time,
        labels=labels,
        separator=separator,
    )
    with create(
        project,
        *sources,
        task=task,
        task_name=task_name,
        dull=dull,
        classes=given.split_names(classes),
        seed=seed,
        **options,
    ) as made:
        if cost:
            set_limits(made.context, Limits(costs=cost))
        state = made.status()
    if json:
        say(as_json(state))
        return
    say(f"{project}: {tell_sync(state)}")
    hint(f"Next: labelsieve embed {project}")

"""labelsieve init: make a project of one or more sources."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say

SHOWN = 20  # columns that are named


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
    root: given.Root = None,
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
    from labelsieve.project.facade import create
    from labelsieve.project.limits import Limits

    names = {"text": text, "image": image, "embeddings": embeddings, "key": key, "group": group, "time": time}
    options = given.source_options(columns, root=root, labels=labels, separator=separator, **names)
    closed = given.split_names(classes)
    with create(
        project, *sources, task=task, task_name=task_name, dull=dull, classes=closed, seed=seed, **options
    ) as made:
        if cost:
            made.limit(Limits(costs=cost))
        seen = [] if columns else _row_columns(made.context)
        _tell(made.status(), seen, project, json)
        for said in made.lacking():
            hint(said)


def _row_columns(context: Any) -> list[str]:
    """The columns that the engine of table rows will see."""
    rows = [number for number, row in context.rows.items() if row.modality == "row"]
    return list(dict.fromkeys(name for number in rows for name in context.source(number).engine_columns()))


def _tell(state: Mapping[str, Any], seen: Sequence[str], project: Path, json: bool) -> None:
    if json:
        say(as_json(state))
        return
    aside = f", {state['set_aside_total']:,} set aside (labelsieve status lists them)" if state["set_aside"] else ""
    labels = f", {count(state['labels'], 'label')}" if state["labels"] else ""
    say(f"{project}: {count(state['items'], 'item')}{labels}{aside}")
    if seen:
        half = SHOWN // 2
        names = seen if len(seen) <= SHOWN else [*seen[:half], "...", *seen[-half:]]  # the truth is often last
        hint(f"Each row is an item, and the engine sees {', '.join(names)}.")
        hint("To choose others: --columns, --text or --image.")
    here = given.named(project, "main" if "main" in state["tasks"] else state["task"]["name"])
    if any(source["modality"] != "embedding" for source in state["sources"]):
        hint(f"Next: labelsieve embed {given.named(project, 'main')}")
    else:
        serve = f"labelsieve serve {given.named(project, 'main')} asks in the browser"
        hint(f"Next: {serve}, labelsieve next {here} --out query.csv in a table.")

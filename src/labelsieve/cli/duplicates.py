"""labelsieve duplicates: groups of near-duplicates, and one answer for a whole group."""

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say, show_table

SHOWN = 10


def run(
    project: given.ProjectPath,
    similarity: Annotated[float, typer.Option(help="Cosine from which two items are near-duplicates.")] = 0.98,
    out: Annotated[
        Path | None, typer.Option(help="A .csv file: key, label (empty), group, items, known.", show_default="a table")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Take such a file back: a label on one row answers its whole group.", show_default=False),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take back what was last given together.")] = False,
    by: given.Annotator = "",
    separator: given.Separator = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Find near-duplicates, or answer them group by group: --out, fill in one label a group, --labels."""
    from labelsieve.core.errors import InputError
    from labelsieve.project.facade import open as open_project

    if sum((out is not None, labels is not None, undo)) > 1:
        raise InputError("--out, --labels and --undo were given together.", "give one of them.")
    with open_project(project, task_name) as opened:
        if undo:
            taken = opened.undo_together(given.annotator(by))
            say(as_json({"taken_back": len(taken)}) if json else f"{count(len(taken), 'answer')} taken back.")
        elif labels is not None:
            _answer(opened, labels, given.annotator(by), separator or ";", given.named(project, task_name), json)
        else:
            _find(opened, similarity, out, given.named(project, task_name), json)


def _answer(opened: Any, labels: Path, by: str, separator: str, here: str, json: bool) -> None:
    from labelsieve.project.thinning import read_groups
    from labelsieve.sources.classcells import split_names

    groups = read_groups(labels)
    several = opened.task.kind == "multilabel"
    keys = [key for group, _ in groups for key in group]
    answers: list[Any] = [
        list(split_names(label, separator)) if several else label for group, label in groups for _ in group
    ]
    if keys:
        opened.label(keys, answers, by=by)
    if json:
        say(as_json({"groups": len(groups), "labels": len(keys)}))
        return
    say(f"{count(len(groups), 'group')} answered: {count(len(keys), 'label')}.")
    if keys:
        hint(f"labelsieve duplicates {here} --undo --by {quote(by)} takes all of them back.")
    else:
        hint(f"Fill in the column label of {labels}, once a group is enough.")


def _find(opened: Any, similarity: float, out: Path | None, here: str, json: bool) -> None:
    from labelsieve.cli.next_ import _spare, beside
    from labelsieve.cli.progress import showing
    from labelsieve.project.exports import write_table
    from labelsieve.project.thinning import GROUP_COLUMNS, group_rows

    if out is not None:
        _spare(opened, out, here)
    with showing("Comparing") as tell:
        groups = opened.duplicates(similarity, progress=tell)
    if out is not None:
        ids = [int(id_) for group in groups for id_ in group.ids]
        names, cells = beside(opened, ids, GROUP_COLUMNS)
        rows = zip(group_rows(groups), cells, strict=True)
        write_table(out, [*GROUP_COLUMNS, *names], [[*row, *more] for row, more in rows])
    spare = sum(len(group.ids) - 1 for group in groups)
    if json:
        facts = {"groups": len(groups), "spare": spare}
        say(as_json(facts if out is not None else facts | {"keys": [group.keys for group in groups]}))
        return
    if out is None and groups:
        top = groups[:SHOWN]
        names, cells = beside(opened, [int(g.ids[0]) for g in top], GROUP_COLUMNS)
        first = [f"; {text[0]}" if names == ["text"] else "" for text in cells]
        shown = [(i, len(g.ids), ", ".join(g.keys[:3]) + first[i - 1]) for i, g in enumerate(top, start=1)]
        show_table(("group", "items", "keys; text of the first" if any(first) else "keys"), shown)
    say(f"{count(len(groups), 'group')}; one of each stands for {count(spare, 'other item')}.")
    if out is not None:
        hint(f"Fill in one label a group, then: labelsieve duplicates {here} --labels {out} --by YOU")

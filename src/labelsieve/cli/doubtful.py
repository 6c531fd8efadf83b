"""labelsieve doubtful: dull labels that look odd, to be looked at again."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.next_ import beside
from labelsieve.cli.output import as_json, count, hint, say, show_table

COLUMNS = ("key", "label", "odd", "ratio", "why")


def run(
    project: given.ProjectPath,
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .jsonl or .parquet file to answer.", show_default="a table")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Take such a file back: dull again confirms.", show_default=False)
    ] = None,
    by: given.Annotator = "",
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """List dull labels that lie closer to an odd item than to other dull ones. They train once answered dull again."""
    from labelsieve.core.errors import InputError
    from labelsieve.project.exports import write_table
    from labelsieve.project.facade import open as open_project

    if out is not None and labels is not None:
        raise InputError("--out and --labels were given together.", "give one of them.")
    with open_project(project, task_name) as opened:
        answered = opened.answer_doubtful(labels, given.annotator(by)) if labels is not None else 0
        found = opened.doubtful()
        ids = opened.context.ids_of([one.key for one in found]) if out is not None else ()
        more, cells = beside(opened, ids, COLUMNS)
    here = given.named(project, task_name)
    if labels is not None:
        said = f"{count(answered, 'doubtful label')} answered, {len(found)} left."
        say(as_json({"answered": answered, "left": len(found)}) if json else said)
    elif out is not None:
        rows = [[one.key, "", one.odd, one.ratio, one.why, *seen] for one, seen in zip(found, cells, strict=True)]
        write_table(out, [*COLUMNS, *more], rows)
        hint(f"Look again, fill in the column label, then: labelsieve doubtful {here} --labels {out} --by YOU")
    elif json:
        say(as_json([one.as_dict() for one in found]))
    elif not found:
        say("No dull label is doubtful.")
    else:
        show_table(("key", "nearest odd", "why"), [(one.key, one.odd, one.why) for one in found])
        say(f"{count(len(found), 'label')}: left out of training until answered again, dull or odd.")
        hint(f"labelsieve doubtful {here} --out doubtful.csv writes them to a file to answer.")

"""labelsieve import: take labels from a file or folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say
from labelsieve.cli.status import after_answers

if TYPE_CHECKING:
    from labelsieve.project.importing import ImportReport


def run(
    project: given.ProjectPath,
    file: Annotated[
        Path,
        typer.Argument(
            help="A table with key and label, or what another tool wrote (see --format).", show_default=False
        ),
    ],
    by: given.Annotator = "",
    format: given.Format = None,
    field: Annotated[
        str | None, typer.Option(help="Column or control that holds the labels, where there are several.")
    ] = None,
    allow_loss: Annotated[bool, typer.Option("--allow-loss", help="What cannot be a label is no error.")] = False,
    separator: given.Separator = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Import labels: CSV, JSONL, Parquet (columns key, label; also annotator, seconds, at, source), Label Studio, HF.

    Twice the same file doubles nothing. What cannot be a label is set aside by name, the rest is imported, and the
    exit code is 1, unless --allow-loss.
    """
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        report = opened.import_labels(file, given.annotator(by), separator or ";", format, field)
        then = after_answers(opened, project, task_name)
    if json:
        say(as_json(report))
    else:
        _show(report, then, allow_loss)
    if report.set_aside and not allow_loss:
        _fail(report)


def _show(report: "ImportReport", then: str, allow_loss: bool) -> None:
    say(f"{count(report.added, 'label')} imported, {report.known:,} were there already.")
    if report.key_column != "key":
        say(f"The file has no column key: {report.key_column}, the key column of the project, names its items.")
    if report.together:
        say(
            f"{count(report.together, 'near-duplicate')} got the answer of the item that stands for them (source rule)."
        )
    if report.empty and not (report.added or report.known or report.set_aside):
        hint(f"{count(report.empty, 'row')} without a label: fill in the column label, and import the file again.")
    for reason, keys in report.set_aside.items() if allow_loss else ():
        hint(
            f"Set aside, {reason}: {count(len(keys), 'row')} ({', '.join(keys[:5])}{', ...' if len(keys) > 5 else ''})"
        )
    if report.added or report.known:
        hint(f"Next: labelsieve {then}")


def _fail(report: "ImportReport") -> None:
    from labelsieve.core.errors import InputError
    from labelsieve.project.formats.exchanging import said

    rest = "The others are imported." if report.added or report.known else "Nothing was imported."
    like = f"keys here look like {report.known_key!r}; " if report.known_key else ""
    raise InputError(f"{said(report)}. {rest}", f"{like}correct the file and import it again, or --allow-loss.")

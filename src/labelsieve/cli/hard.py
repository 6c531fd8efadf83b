"""labelsieve hard: the hardest items of a class, and labels that the head gainsays."""

from pathlib import Path
from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, hint, say, show_table


def run(
    project: given.ProjectPath,
    n: Annotated[int, typer.Option("-n", "--n", help="How many items.")] = 20,
    wanted: Annotated[
        str | None, typer.Option(help="The class whose hardest items are looked for.", show_default="any class")
    ] = None,
    disagreements: Annotated[
        bool, typer.Option("--disagreements", help="Labelled items whose label the head most surely gainsays.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A .csv, .jsonl or .parquet file.", show_default="a table")] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """List hard items: predicted, but hardly; or labelled, and gainsaid by heads that did not see the label."""
    from labelsieve.cli.next_ import beside
    from labelsieve.core.errors import InputError
    from labelsieve.project.exports import write_table
    from labelsieve.project.facade import open as open_project
    from labelsieve.project.ordering import HARD_COLUMNS

    if disagreements and wanted is not None:
        raise InputError("--wanted and --disagreements were given together.", "give one of them.")
    with open_project(project, task_name) as opened:
        found = opened.disagreements(n) if disagreements else opened.hard(n, wanted)
        names, cells = beside(opened, found.ids, HARD_COLUMNS)
    score = [round(float(value), 6) for value in found.score]
    known = zip(found.ids.tolist(), found.keys, found.labels, found.predicted, score, cells, strict=True)
    rows, columns = [[*row, *more] for *row, more in known], [*HARD_COLUMNS, *names]
    if out is not None:
        write_table(out, columns, rows)
        hint(f"Written: {out}")
    elif json:
        say(as_json([dict(zip(columns, row, strict=True)) for row in rows]))
    else:
        text = columns.index("text") if names == ["text"] else columns.index("key")
        show_table(
            ("score", "label", "predicted", *dict.fromkeys(("key", columns[text]))),
            [(row[4], row[2], row[3], *(row[i] for i in dict.fromkeys((1, text)))) for row in rows],
        )

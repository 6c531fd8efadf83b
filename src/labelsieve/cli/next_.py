"""labelsieve next: what to label next, as a table to fill in."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, plain, say


def run(
    project: given.ProjectPath,
    n: Annotated[
        int | None, typer.Option("-n", "--n", help="How many items.", show_default="the size of the task")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Query strategy.", show_default="auto")] = None,
    candidates: given.Candidates = None,
    control: Annotated[
        bool, typer.Option("--control", help="Mix in random items, to see the gain over random.")
    ] = False,
    purpose: given.AskFor = None,
    out: Annotated[Path | None, typer.Option(help="A .csv, .jsonl or .json file.", show_default="stdout")] = None,
    form: Annotated[Literal["csv", "jsonl", "json"], typer.Option("--format", help="On stdout.")] = "csv",
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Choose the next items to label. Fill in the column `label`, then: labelsieve import PROJECT FILE --by YOU."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        if out is not None:
            _spare(opened, out, given.named(project, task_name))
        asked = opened.next(n, strategy=strategy, control=control, candidates=candidates, purpose=purpose)
    rows = query_rows(asked)
    for note in asked.notes:
        hint(note)
    if more := sum(len(group) for group in asked.groups):
        hint(
            f"{count(more, 'near-duplicate')} will get the answers of this query too; the column stands_for says of "
            "which items. Make it 0 where an item should be answered alone."
        )
    kind = "json" if json else form if out is None else out.suffix.lstrip(".")
    _write(rows, kind, out)
    if out is not None:
        here = given.named(project, task_name)
        hint(f"{count(len(rows), 'item')} to label in {out}.")
        hint(f"Next: fill in the column label, then: labelsieve import {here} {quote(str(out))} --by YOU")


def _spare(opened: Any, out: Path, here: str) -> None:
    """InputError where a file that would be written over holds answers that are nowhere else."""
    from labelsieve.core.errors import InputError
    from labelsieve.project.importing import unimported

    if lost := unimported(opened.context.conn, opened.task.name, out):
        raise InputError(
            f"{out} holds {count(lost, 'label')} that nobody has imported.",
            f"labelsieve import {here} {quote(str(out))} --by YOU, or write the query to another file.",
        )


def query_rows(asked: Any) -> list[dict[str, Any]]:
    """One row an item of a query: key, an empty label, what to look at, and why it is asked."""
    query = asked.query
    rows = []
    for i, item in enumerate(asked.items):
        row: dict[str, Any] = {"key": item.key, "label": ""} | looked_at(item)
        why = query.why[i if len(query.why) > 1 else 0] if query.why else ""
        purpose = query.purpose[i] if query.purpose else "search"
        score, chance = round(float(query.score[i]), 6), round(float(query.propensity[i]), 6)
        facts = {"why": why, "purpose": purpose, "score": score, "propensity": chance, "query": asked.id}
        if any(len(group) for group in asked.groups):
            facts["stands_for"] = len(asked.groups[i])
        rows.append(row | {name: plain(value) for name, value in facts.items() if name not in row})
    return rows


def looked_at(item: Any) -> dict[str, Any]:
    """What a person looks at to label an item: its text, its picture or the columns of its row."""
    if item.modality == "row":
        return {f"{name}": value for name, value in item.data.items()}
    return {} if item.modality == "embedding" else {item.modality: plain(item.data)}


def beside(opened: Any, ids: Any, columns: Sequence[str]) -> tuple[list[str], list[list[Any]]]:
    """More columns for a table of these items (m,), and their cells (m, k): what to look at. None for embeddings."""
    first = opened.items(ids[:1])
    if not first or (first[0].modality == "embedding" and not first[0].lacks):
        return [], [[] for _ in ids]
    seen = [looked_at(item) for item in opened.items(ids)]
    names = [name for name in dict.fromkeys(name for cells in seen for name in cells) if name not in columns]
    return names, [[plain(cells.get(name)) for name in names] for cells in seen]


def _write(rows: list[dict[str, Any]], kind: str, out: Path | None) -> None:
    from labelsieve.core.errors import InputError
    from labelsieve.project.safecsv import csv_text, write_csv
    from labelsieve.project.wholefiles import write_whole

    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[row.get(name) for name in columns] for row in rows]
    if kind not in ("csv", "jsonl", "json"):
        raise InputError(
            f"--out ends in {kind!r}; expected .csv, .jsonl or .json.", "give the file one of these endings."
        )
    if out is not None and kind == "csv":
        write_csv(out, columns, cells)
    elif out is not None:
        write_whole(out, _lines(rows) if kind == "jsonl" else as_json(rows) + "\n")
    else:
        text = csv_text(columns, cells) if kind == "csv" else _lines(rows) if kind == "jsonl" else as_json(rows)
        typer.echo(text.rstrip("\n"))
    if not rows:
        say("nothing is left to ask.")


def _lines(rows: list[dict[str, Any]]) -> str:
    import json as lines

    return "".join(lines.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)

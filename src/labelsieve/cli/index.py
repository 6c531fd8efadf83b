"""labelsieve index: nearest neighbours of a large pool, on disk."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it again, whatever is there.")] = False,
    json: given.AsJson = False,
) -> None:
    """Build the index of nearest neighbours, or bring it up to date. Strategies can then see candidates alone."""
    from labelsieve.cli.progress import showing
    from labelsieve.project.facade import open as open_project

    with open_project(project) as opened, showing("Indexing") as tell:
        report = opened.index(rebuild=rebuild, progress=tell)
    if json:
        say(as_json(report))
        return
    if report.built:
        say(f"{count(report.items, 'item')} indexed in {report.seconds:,.1f} s ({report.why.rstrip('.')}).")
    else:
        say(f"{count(report.items, 'item')} in the index; {report.added:,} added, {report.removed:,} removed.")
    say(f"{index_line(as_mapping(report))}; {report.size / 1024**2:,.1f} MiB.")
    here = given.named(project, "main")
    hint(f'Next: labelsieve next {here} --strategy margin --candidates "seals(k=100)"')


def as_mapping(report: Any) -> Mapping[str, Any]:
    """A report as `status` has it."""
    from dataclasses import asdict

    return {**asdict(report), "added": 0}


def index_line(index: Mapping[str, Any]) -> str:
    """How the index searches, and what share of the true neighbours it found when it was built.

    >>> index_line({"cells": 0, "recall": 1.0, "recall_k": 100, "held_out": 200, "added": 0})
    'every row is compared; recall@100 1.000, measured on 200 held-out items when it was built'
    """
    if "damaged" in index:
        return f"{index['damaged']} It is built again when it is used."
    how = f"{index['visits']} of {index['cells']:,} lists are read" if index["cells"] else "every row is compared"
    since = f" ({index['added']:,} items were added since)" if index["added"] > 0 else ""
    measured = f"measured on {index['held_out']} held-out items when it was built{since}"
    return f"{how}; recall@{index['recall_k']} {index['recall']:.3f}, {measured}"

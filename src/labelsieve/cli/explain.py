"""labelsieve explain: why an item counts as odd."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say


def run(
    project: given.ProjectPath,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of items.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="A folder for pictures that show where.", show_default="none")
    ] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Say why items count as odd: the words, columns or places that weigh, and the known items they are most like."""
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened:
        found = opened.explain(keys, out)
    if json:
        say(as_json([as_row(one) for one in found]))
        return
    for one in found:
        chance = ", trained on: no p-value" if one.trained else "" if one.p is None else f", p {one.p:.3g}"
        say(f"{one.key}: score {one.score:+.2f}{chance}, by {one.by}")
        for line in one.said:
            say(f"  {line}")
        if one.picture is not None:
            say(f"  where: {one.picture}")
    tried = sum(one.tried for one in found)
    if tried:
        hint(f"Found by hiding one part at a time: {count(tried, 'changed item')} scored.")
    if any(one.patches for one in found):
        hint("Places by feature maps: 1 is as odd as the oddest place of the dull pictures; against a template, as "
             "unlike it as the median picture of the pool is.")  # fmt: skip


def as_row(one: Any) -> dict[str, Any]:
    """An explanation as JSON holds it, its sentences too."""
    return {**asdict(one), "said": one.said}

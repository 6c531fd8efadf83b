"""labelsieve simulate: what would each strategy have cost, on your own data with known labels?"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, hint, say, show_table


def run(
    project: given.ProjectPath,
    truth: Annotated[str, typer.Option(help="COLUMN, a FILE with key and label, or @folder.", show_default=False)],
    budget: Annotated[int, typer.Option(help="Labels to spend in each run.", show_default=False)],
    batch: Annotated[int | None, typer.Option(help="Items a query.", show_default="the size of the task")] = None,
    against: Annotated[str, typer.Option(help="More strategies: random,margin,...")] = "random",
    seeds: Annotated[int, typer.Option(help="Runs of each strategy.")] = 3,
    sample: Annotated[int, typer.Option(help="Draw so many items per seed; 0 takes all.")] = 0,
    test: Annotated[float | None, typer.Option(help="Share kept for testing.", show_default=".3, screen 0")] = None,
    strategy: Annotated[str, typer.Option(help="The strategy in question.")] = "auto",
    candidates: Annotated[
        str | None, typer.Option(help="What it sees: everything, seals(k=100), ...", show_default="everything")
    ] = None,
    task_name: given.TaskName = "main",
    json: Annotated[
        Path | None, typer.Option("--json", help="Write all runs to this file.", show_default=False)
    ] = None,
) -> None:
    """Play the oracle with known labels. Nothing is written into the project; `random` always runs."""
    from labelsieve.cli.progress import showing
    from labelsieve.project.facade import open as open_project
    from labelsieve.project.wholefiles import write_whole
    from labelsieve.selection.naming import strategies_in

    names = tuple(dict.fromkeys((strategy, *strategies_in(against))))
    with open_project(project, task_name) as opened, showing("Simulating", "queries") as tell:
        result = opened.simulate(
            truth=truth, budget=budget, n=batch, against=names, seeds=seeds, sample=sample, test=test,
            candidates=candidates, progress=tell,
        )  # fmt: skip
    if json is not None:
        write_whole(json, as_json(result) + "\n")
    show_summary(result["summary"])
    if seeds == 1:
        say("One seed has no interval: give --seeds 3 or more before you believe in a difference.")
    if json is not None:
        hint(f"All runs: {json}")


def show_summary(summary: Mapping[str, Any]) -> None:
    """The summary as a table: area, gain over random and label ratio, with 95 % intervals."""
    columns = ["strategy", "area", "gain over random", "label ratio", "reached"]
    rows = [
        [
            name,
            *(_interval(entry[what]) for what in ("area", "gain_over_random", "label_ratio")),
            f"{entry['reached']:.0%}",
        ]
        for name, entry in summary.items()
    ]
    show_table(columns, rows)
    say("Area: mean of the learning curve. Label ratio: labels to reach random's final score, over the budget.")


def _interval(found: Mapping[str, float]) -> str:
    mean, low, high = (f"{found[name]:.3f}".replace("0.", ".", 1) for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"

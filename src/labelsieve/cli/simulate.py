"""labelsieve simulate: what would each strategy have cost, on your own data with known labels?"""

from collections.abc import Mapping, Sequence
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
    if result["pool"]["kind"] == "screen":
        show_found(result["runs"])
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


def show_found(runs: Sequence[Mapping[str, Any]]) -> None:
    """Odd items found after 50, 100, 200 ... labels and at the end, a line a strategy: the mean over its runs."""
    marks = marks_of([run["labels"] for run in runs])
    names = list(dict.fromkeys(run["strategy"] for run in runs))
    rows = []
    for name in names:
        mine = [run for run in runs if run["strategy"] == name]
        rows.append([name, *(_range([found_at(run["labels"], run["found"], mark) for run in mine]) for mark in marks)])
    show_table(["odd found after", *(f"{mark:,} labels" for mark in marks)], rows)
    odd = sorted({run["odd"] for run in runs})
    many = f"{odd[0]:,}" if len(odd) == 1 else f"{odd[0]:,} to {odd[-1]:,}"
    say(f"Of {many} odd items; the mean over runs, with the least and the most in brackets.")
    say()


def marks_of(labels: Sequence[Sequence[int]]) -> list[int]:
    """Numbers of labels at which runs are compared: 50, 100, 200, 500 ... and the last one that all runs reach.

    >>> marks_of([[20, 40, 60, 80, 120], [20, 40, 60, 80, 120]])
    [50, 100, 120]
    """
    last = min(run[-1] for run in labels)
    round_ones = (step * 10**power for power in range(1, 9) for step in (5, 10, 20))
    return [*(mark for mark in round_ones if mark < last), last]


def found_at(labels: Sequence[int], found: Sequence[int], mark: int) -> int:
    """Odd items found by the last query that ended within `mark` labels.

    >>> found_at([20, 40, 60], [1, 5, 9], 50)
    5
    """
    return max((there for n, there in zip(labels, found, strict=True) if n <= mark), default=0)


def _range(counts: Sequence[int]) -> str:
    mean = sum(counts) / len(counts)
    return f"{mean:.1f} [{min(counts)}, {max(counts)}]" if len(counts) > 1 else f"{mean:.0f}"


def _interval(found: Mapping[str, float]) -> str:
    mean, low, high = (f"{found[name]:.3f}".replace("0.", ".", 1) for name in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"

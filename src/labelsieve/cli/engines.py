"""labelsieve engines: which there are, and which is best here."""

from typing import Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, say, show_table

app = typer.Typer(help="List engines, or compare them on audit labels.", no_args_is_help=True)


@app.command("list")
def show_engines(json: given.AsJson = False) -> None:
    """Built-in engines, and the short names that stand for hub ids."""
    from labelsieve.engines.opening import known_engines

    rows = known_engines()
    if json:
        say(as_json(rows))
        return
    show_table(list(rows[0]), [list(row.values()) for row in rows])


@app.command("compare")
def compare(
    project: given.ProjectPath,
    engines: Annotated[list[str], typer.Argument(help="Two or more engines.", show_default=False)],
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Rank engines by paired differences on the audit labels. Leaves with 3 when there is not enough evidence."""
    from labelsieve.cli.progress import showing
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened, showing("Comparing", "engines"):
        rows = opened.compare_engines(engines)
    if json:
        say(as_json(rows))
    else:
        show_table(
            ["engine", "right on the audit slice", "behind the first", "finding"],
            [
                (
                    row["engine"],
                    _interval(row["score"], row["low"], row["high"]),
                    _interval(row["behind"], row["behind_low"], row["behind_high"]) if at else "",
                    row["finding"],
                )
                for at, row in enumerate(rows)
            ],
        )
        say(f"The same {count(rows[0]['audit'], 'random item')} measure them all.")
    if not rows[0]["enough"]:
        raise typer.Exit(3)


def _interval(mean: float, low: float, high: float) -> str:
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"

"""labelsieve demo: handwritten digits, from a folder of pictures to a report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from labelsieve.cli.output import hint, say

if TYPE_CHECKING:
    from labelsieve.cli.curve import Curve
    from labelsieve.project.simulation import Run


def run(
    folder: Annotated[Path, typer.Argument(help="A new folder for the pictures and the project.")] = Path("demo"),
    budget: Annotated[int, typer.Option(help="Labels to spend.")] = 200,
    seeds: Annotated[int, typer.Option(help="Runs of each strategy.")] = 3,
    serve: Annotated[
        bool, typer.Option("--serve", help="Open the app on it afterwards, and label some yourself.")
    ] = False,
    browser: Annotated[bool, typer.Option(help="With --serve: open the browser.")] = True,
    port: Annotated[int, typer.Option(help="With --serve: its port; 0 takes a free one.", min=0, max=65535)] = 8765,
) -> None:
    """Play `auto` against `random` on 1,797 handwritten digits, and write the report. The way your own folder goes."""
    from labelsieve.cli.serve import run as open_app

    project = folder / "digits.sieve"
    if not (serve and project.exists()):  # it was made before: go on with it
        _play(folder, budget, seeds)
    if serve:
        open_app(project, port=port, browser=browser)
        return
    hint("Next: open that report in a browser, label some digits yourself (labelsieve demo --serve), then do the same")
    hint("with a folder of your own:")
    hint("  labelsieve init mine.sieve FOLDER; labelsieve embed mine.sieve; labelsieve serve mine.sieve")


def _play(folder: Path, budget: int, seeds: int) -> None:
    from labelsieve.cli.progress import showing_run
    from labelsieve.cli.simulate import show_summary
    from labelsieve.project.facade import create
    from labelsieve.testing.digits import write_digits

    pictures, project = folder / "digits", folder / "digits.sieve"
    write_digits(pictures)
    say(f"1. {pictures}: 1,797 handwritten digits as PNG files, one folder a class")
    say(f"2. labelsieve init {project} {pictures}")
    with create(project, pictures) as made:
        say(f"3. labelsieve embed {project}    (the built-in engine learns from the pictures alone)")
        with showing_run("   embedding") as progress:
            made.embed(progress=progress)
        say(f"4. labelsieve simulate {project} --truth @folder --budget {budget} --batch 10 --seeds {seeds}")
        with LiveCurve(seeds) as curve:
            result = made.simulate("@folder", budget, 10, ("auto",), seeds, watch=curve.watch)
        show_summary(result["summary"])
        say(f"5. {budget} answers become labels, query by query; a random slice of them only measures the model")
        for asked in made.rounds(10, budget):
            made.label(asked.ids, [item.key.split("/")[0] for item in asked.items], by="demo", query=asked.id)
        made.fit()
        report = made.report()
    say(f"6. {report}: the report")


class LiveCurve:
    """Draws the mean curves while runs go on, and once at the end where stdout is no terminal."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._runs: dict[str, dict[int, Curve]] = {}

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(), auto_refresh=False, transient=False) if sys.stdout.isatty() else None
        if self._live is not None:
            self._live.__enter__()
        return self

    def watch(self, run: "Run") -> None:
        """Take in a run that has grown."""
        self._runs.setdefault(run.strategy, {})[run.seed] = list(
            zip(run.lists["labels"], run.lists["accuracy"], strict=True)
        )
        if self._live is not None:
            self._live.update(self._draw(), refresh=True)

    def _draw(self) -> Any:
        from rich.text import Text

        from labelsieve.cli.curve import mean_curve, plot

        curves = {name: mean_curve(list(runs.values())) for name, runs in self._runs.items()}
        started = max((len(runs) for runs in self._runs.values()), default=0)
        return Text.from_markup(
            plot(curves, title=f"   accuracy on digits kept for testing, run {started} of {self._seeds}")
        )

    def __exit__(self, *reason: object) -> None:
        if self._live is not None:
            self._live.__exit__(*reason)  # type: ignore[arg-type]
        else:
            from rich.console import Console

            Console().print(self._draw())

"""labelsieve demo: handwritten digits, from a folder of pictures to a report."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelsieve.cli.output import hint, say

if TYPE_CHECKING:
    from labelsieve.cli.curve import Curve
    from labelsieve.core.types import Label, Query


def run(
    folder: Annotated[Path, typer.Argument(help="A new folder for the pictures and the project.")] = Path("demo"),
    budget: Annotated[int, typer.Option(help="Labels to spend.")] = 200,
    seeds: Annotated[int, typer.Option(help="Runs of each strategy.")] = 3,
) -> None:
    """Play `auto` against `random` on 1,797 handwritten digits, and write the report. The way your own folder goes."""
    from labelsieve.cli.progress import showing
    from labelsieve.cli.simulate import show_summary
    from labelsieve.project.facade import create
    from labelsieve.testing.digits import write_digits

    pictures = write_digits(folder / "digits")
    project = folder / "digits.sieve"
    say(f"1. {pictures}: 1,797 handwritten digits as PNG files, one folder a class")
    with create(project, pictures, task="classes") as made:
        say(f"2. labelsieve init {project} {pictures}")
        say(f"   labelsieve embed {project}    the built-in engine `patches` learns from the pictures alone")
        with showing("   Embedding") as tell:
            made.embed(progress=lambda at: tell(at.done, at.total, ""))
        say(f"3. labelsieve simulate {project} --truth @folder --budget {budget} --batch 10 --seeds {seeds}")
        with LiveCurve(seeds) as watch:
            result = made.simulate(truth="@folder", budget=budget, n=10, against=("auto",), seeds=seeds, progress=watch)
        show_summary(result["summary"])
        say(f"4. one run's {budget} answers become labels; a random slice of them only measures the head")
        for _ in made.rounds(10, budget, FolderOracle(made)):
            pass
        made.fit()
        report = made.report()
    say(f"5. report: {report}")
    hint(f"Next: open {report} in a browser, then do the same with your own folder:")
    hint("  labelsieve init mine.sieve FOLDER; labelsieve embed mine.sieve; labelsieve next mine.sieve --out query.csv")


class FolderOracle:
    """Answers with the name of the folder that a picture lies in."""

    def __init__(self, project: Any) -> None:
        self._project = project

    def answer(self, query: "Query") -> "list[Label]":
        raise NotImplementedError


class LiveCurve:
    """Draws the mean curves while runs go on, and once at the end where stdout is no terminal."""

    def __init__(self, seeds: int) -> None:
        self._seeds = seeds
        self._runs: dict[str, dict[int, Curve]] = {}

    def __enter__(self) -> Callable[[Any, int], None]:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(), auto_refresh=False, transient=False) if sys.stdout.isatty() else None
        if self._live is not None:
            self._live.__enter__()
        return self._watch

    def _watch(self, run: Any, budget: int) -> None:
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

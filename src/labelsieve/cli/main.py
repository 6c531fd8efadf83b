"""labelsieve: the command line. Exit codes: 0 done, 1 known error, 2 usage, 3 not yet.

Modules of this package import typer alone at the top, and what a verb needs when it runs:
that keeps `labelsieve --help` fast.
"""

import sys
from typing import Annotated, NoReturn

import typer

from labelsieve import __version__
from labelsieve.cli import (
    backup,
    budget,
    certify,
    coreset,
    curriculum,
    demo,
    doctor,
    doubtful,
    duplicates,
    embed,
    engines,
    explain,
    export,
    fit,
    hard,
    import_,
    index,
    init,
    label,
    learn_from,
    miss,
    next_,
    plan,
    predict,
    report,
    screen,
    serve,
    simulate,
    status,
    strategies,
    sync,
    task,
    user,
    verify,
    watch,
)
from labelsieve.core.errors import LabelsieveError

EPILOG = (
    "Exit codes: 0 done, 1 known error, 2 usage, 3 not yet. Nothing is sent anywhere; downloads only with --download."
)

app = typer.Typer(
    name="labelsieve",
    help="From a pile of images, texts, table rows or embeddings to a model that can be trusted, with few labels.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS = {
    "Start": {"init": init, "sync": sync, "embed": embed, "index": index, "task": task, "plan": plan, "demo": demo},
    "Label": {"serve": serve, "next": next_, "label": label, "import": import_, "budget": budget},
    "Model": {"fit": fit, "predict": predict, "export": export, "report": report, "status": status},
    "Screen": {"screen": screen, "watch": watch, "explain": explain, "doubtful": doubtful, "miss": miss}
    | {"learn-from": learn_from},
    "Prove": {"certify": certify, "verify": verify},
    "Choose": {"coreset": coreset, "duplicates": duplicates, "hard": hard, "curriculum": curriculum},
    "Compare": {"simulate": simulate, "strategies": strategies},
    "Care": {"doctor": doctor, "backup": backup},
}
for panel, verbs in VERBS.items():
    for name, module in verbs.items():
        app.command(name, rich_help_panel=panel)(module.run)
app.add_typer(engines.app, name="engines", rich_help_panel="Compare")
app.add_typer(user.app, name="user", rich_help_panel="Care")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"labelsieve {__version__}")
        raise typer.Exit


@app.callback()
def _start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where a known error came from.")] = False,
) -> None:
    """Options of the whole command; `--traceback` may stand anywhere and is taken out before."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code. `--traceback` may stand anywhere before `--`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    end = arguments.index("--") if "--" in arguments else len(arguments)
    before = [word for word in arguments[:end] if word != "--traceback"]
    traceback = len(before) < end
    try:
        app(before + arguments[end:], prog_name="labelsieve")
    except LabelsieveError as error:
        if traceback:
            raise
        _complain(f"{type(error).__name__}: {error}")
    except OSError as error:
        if traceback or error.errno is None:
            raise
        reason = ": ".join(str(part) for part in (error.filename, error.strerror) if part)  # a full disk has no name
        hint = "check the path, its permissions and free space."
        _complain(f"{type(error).__name__}: {reason}.\nHint: {hint}")
    raise SystemExit(0)


def _complain(text: str) -> NoReturn:
    from labelsieve.cli.output import printable

    print(printable(text, lines=True), file=sys.stderr)  # noqa: T201  the one place that speaks of errors
    raise SystemExit(1)


if __name__ == "__main__":
    main()

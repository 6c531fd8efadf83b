"""labelsieve: the command line. Exit codes: 0 done, 1 known error, 2 usage, 3 not yet.

A command loads what it uses: the module of a verb is imported when the verb is called (`parser_of`), and what the verb
does when it does it, by imports inside its functions. The help alone imports all modules of this package: they import
typer at the top, and nothing of the other rooms but `core`.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_group

from labelsieve import __version__
from labelsieve.core.errors import LabelsieveError

EPILOG = (
    "Exit codes: 0 done, 1 known error, 2 usage, 3 not yet. Nothing is sent anywhere; downloads only with --download."
)

VERBS = {
    "Start": "init sync embed index task plan demo".split(),
    "Label": "serve next label import budget".split(),
    "Model": "fit predict export report status".split(),
    "Screen": "screen watch explain doubtful miss learn-from".split(),
    "Prove": "certify verify".split(),
    "Choose": "coreset duplicates hard curriculum".split(),
    "Compare": "simulate strategies engines".split(),
    "Care": "doctor backup restore user".split(),
}
PANELS = {verb: panel for panel, verbs in VERBS.items() for verb in verbs}
FILES = {"next": "next_", "import": "import_", "learn-from": "learn_from"}  # where the file is not named as the verb


@cache
def parser_of(verb: str) -> Any:
    """The parser of a verb, made of the signature of its `run` (or of its own `app`). KeyError for no verb."""
    own, panel = typer.Typer(), PANELS[verb]
    module = import_module(f"labelsieve.cli.{FILES.get(verb, verb)}")
    if hasattr(module, "app"):
        own.add_typer(module.app, name=verb, rich_help_panel=panel)
    else:
        own.command(verb, rich_help_panel=panel)(module.run)
    return get_group(own).commands[verb]


class Parsers(Mapping[str, Any]):
    """The parsers of all verbs by name, each made when it is looked up."""

    def __getitem__(self, verb: str) -> Any:
        return parser_of(verb)

    def __iter__(self) -> Iterator[str]:
        return iter(PANELS)

    def __len__(self) -> int:
        return len(PANELS)


class Verbs(TyperGroup):
    """The group of all verbs."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands: Any = Parsers()


app = typer.Typer(
    name="labelsieve",
    cls=Verbs,
    help="From a pile of images, texts, table rows or embeddings to a model that can be trusted, with few labels.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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

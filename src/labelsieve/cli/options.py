"""Arguments and options that several verbs share."""

import shlex
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

if TYPE_CHECKING:
    from labelsieve.sources.options import SourceKeywords

UNITS = {"%": Decimal("0.01"), "k": Decimal(1000), "M": Decimal(1_000_000)}
Kind = Literal["classes", "multilabel", "screen"]

ProjectPath = Annotated[Path, typer.Argument(metavar="PROJECT", help="The project folder.", show_default=False)]
TaskName = Annotated[str, typer.Option("--task-name", help="Which task of the project; the first where none is main.")]
Candidates = Annotated[
    str | None,
    typer.Option(help="What the strategy sees: everything, auto, seals(k=100), ...", show_default="auto"),
]
AskFor = Annotated[
    Literal["audit", "calibration", "certify"] | None,
    typer.Option("--purpose", help="Ask for random items of one purpose alone.", show_default="a mix"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Annotator = Annotated[str, typer.Option("--by", help="Who answers.", envvar="LABELSIEVE_BY", show_default="you")]

TaskKind = Annotated[Kind, typer.Option("--task", help="One class an item, several, or dull against odd.")]
Dull = Annotated[str, typer.Option(help="screen: the class that counts as dull; every other one is odd.")]
Classes = Annotated[str | None, typer.Option(help="Close the classes: a,b,c. Else new ones may appear any time.")]

Text = Annotated[str | None, typer.Option(help="Column that holds the text (with --embeddings: to look at).")]
Image = Annotated[str | None, typer.Option(help="Column that holds the path of an image (likewise).")]
Embeddings = Annotated[
    str | None, typer.Option(help="Column, array of an .npz, or .npy/.npz file beside a table, that holds embeddings.")
]
Root = Annotated[str | None, typer.Option(help="Folder that paths of --image start at.", show_default="the table's")]
Columns = Annotated[str | None, typer.Option(help="Columns that an engine may see: a,b,c.")]
Key = Annotated[str | None, typer.Option(help="Column that names an item for good.")]
Group = Annotated[str | None, typer.Option(help="Column that no split may cut: patient, part, customer.")]
Time = Annotated[str | None, typer.Option(help="Column that orders the items.")]
KnownLabels = Annotated[str | None, typer.Option("--labels", help="Import known labels: COLUMN or @folder.")]
Format = Annotated[
    Literal["csv", "jsonl", "parquet", "label-studio", "hf", "folders", "croissant"] | None,
    typer.Option("--format", help="Whose format it is.", show_default="told by the path"),
]
Separator = Annotated[str | None, typer.Option(help="Between several classes in one cell.", show_default=";")]
Cost = Annotated[
    list[str] | None, typer.Option(help="Money a label: 0.1, or ann=0.2 for one annotator.", show_default=False)
]


def split_names(text: str | None) -> tuple[str, ...] | None:
    """The names in "a, b,c", or None.

    >>> split_names("a, b,c")
    ('a', 'b', 'c')
    """
    return None if text is None else tuple(name.strip() for name in text.split(",") if name.strip())


def source_options(columns: str | None, **options: str | None) -> "SourceKeywords":
    """What was given, as keywords of `Project.create` and `Project.sync`."""
    values = {**options, "columns": split_names(columns)}
    return cast("SourceKeywords", {name: value for name, value in values.items() if value is not None})


def named(project: Path, task_name: str) -> str:
    """The project and, where it is not main, the task, as the next command has to name them.

    >>> named(Path("my tea.sieve"), "main"), named(Path("a.sieve"), "view")
    ("'my tea.sieve'", 'a.sieve --task-name view')
    """
    task = () if task_name == "main" else ("--task-name", task_name)
    return shlex.join([str(project), *task])


def amount(text: object) -> float:
    """A number as people write it: percent, and k and M for thousands and millions.

    >>> amount("8%"), amount("5k"), amount("1.5M"), amount(" 1e-4"), amount(0.9)
    (0.08, 5000.0, 1500000.0, 0.0001, 0.9)
    """
    given = str(text).strip()
    unit = next((unit for unit in UNITS if given.endswith(unit)), "")
    try:
        return float(Decimal(given.removesuffix(unit).strip()) * UNITS.get(unit, Decimal(1)))
    except ArithmeticError:
        raise typer.BadParameter(f"{given!r} is no number; 0.08, 8%, 5000, 5k, 1e6 and 1M are.") from None


def annotator(by: str) -> str:
    """`by`, or the name of whoever is logged in."""
    import getpass

    return by or getpass.getuser()

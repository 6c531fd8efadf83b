"""What the labelling screen looks like: one thing on the page, the item; everything else is quiet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from labelsieve.cli.output import count, printable
from labelsieve.core.types import Item, Task

RESERVED = "qumns"
CLASS_KEYS = "1234567890" + "".join(c for c in "abcdefghijklmnopqrstuvwxyz" if c not in RESERVED)


@dataclass(frozen=True, slots=True)
class View:
    """What is on the screen besides the item."""

    header: str
    keys: Mapping[str, str]
    chosen: Sequence[str] = ()  # multilabel: what is ticked
    typing: str | None = None  # a class name on its way
    note: str = ""
    whole: bool = False
    commands: Sequence[tuple[str, str]] = field(default_factory=tuple)
    stands_for: int = 0  # near-duplicates that get the same answer


def class_keys(task: Task) -> dict[str, str]:
    """A key for each class, in the order of their codes: 1-9, 0, then letters. A screen task has d and o.

    >>> class_keys(Task(1, "main", "classes", ("cat", "dog")))
    {'1': 'cat', '2': 'dog'}
    >>> class_keys(Task(1, "main", "screen", ("ok", "odd"), dull="ok"))
    {'d': 'ok', 'o': 'odd'}
    """
    if task.kind == "screen":
        odd = [name for name in task.classes if name != task.dull] or ["odd"]
        free = [key for key in CLASS_KEYS if key not in "do"]
        return {"d": task.dull, "o": odd[0], **dict(zip(free, odd[1:], strict=False))}
    return dict(zip(CLASS_KEYS, task.classes, strict=False))


def draw(console: Console, item: Item, view: View) -> None:
    """Show one item. A terminal is cleared before; anything else gets it as lines."""
    if console.is_terminal:
        console.clear()
    console.print(Text(view.header, style="dim"))
    console.print(Padding(_body(item, view.whole, max(4, console.height - 12)), (1, 0)))
    if view.stands_for:
        said = f"This stands for {count(view.stands_for, 'near-duplicate')} too: one key answers all of them."
        console.print(Text(said, style="italic"))
    console.print(_keys(view))
    if view.typing is not None:
        console.print(Text(f"class: {view.typing}_   (enter takes it, tab completes, escape leaves)"))
    if view.note:
        console.print(Text(printable(view.note), style="bold"))


def _body(item: Item, whole: bool, height: int) -> RenderableType:
    data = item.data
    if item.modality == "row":
        table = Table.grid(padding=(0, 2))
        for name, value in list(data.items())[: None if whole else height]:
            table.add_row(Text(printable(name), style="dim"), Text("-" if value is None else printable(value)))
        rest = 0 if whole else len(data) - height
        return Group(table, Text(f"... {rest} more columns (m shows all)", style="dim")) if rest > 0 else table
    if item.modality == "text":
        lines = printable(data, lines=True).splitlines() or [""]
        shown = lines if whole else lines[:height]
        rest = len(lines) - len(shown)
        more = [Text(f"... {rest} more lines (m shows all)", style="dim")] if rest else []
        return Panel(Group(Text("\n".join(shown)), *more), padding=(1, 2), border_style="dim")
    about = ", ".join(
        f"{printable(name)}: {printable(value)}" for name, value in item.meta.items() if value is not None
    )
    numbers = f"{printable(item.lacks)} embedding of" if item.lacks else "embedding of"
    what = printable(data) if item.modality == "image" else f"{numbers} {len(data)} numbers"
    return Panel(
        Group(Text(printable(item.key)), Text(what, style="dim"), Text(about, style="dim")), border_style="dim"
    )


def _keys(view: View) -> RenderableType:
    line = Text()
    for key, name in view.keys.items():
        ticked = name in view.chosen
        line.append(f"[{key}]", style="bold cyan" if not ticked else "bold green")
        line.append(f" {printable(name)}{' +' if ticked else ''}   ")
    commands = Text(style="dim")
    for key, what in view.commands:
        commands.append(f"{key} {what}   ")
    return Group(line, commands)

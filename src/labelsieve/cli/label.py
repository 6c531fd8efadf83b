"""labelsieve label: label in the terminal, one key an item."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import count, hint
from labelsieve.cli.status import after_answers

if TYPE_CHECKING:
    from rich.console import Console

    from labelsieve.cli.drawing import View
    from labelsieve.cli.keys import Keyboard
    from labelsieve.core.types import Item, Tag, Value

NO_ANSWER: "dict[str, Tag]" = {" ": "skip", "s": "skip", "?": "unsure"}
ALONE = "="  # the key that parts an item from its near-duplicates, or joins them again
LONGEST = 300.0  # seconds an answer may have taken: beyond that somebody was away


def run(
    project: given.ProjectPath,
    by: given.Annotator = "",
    n: Annotated[
        int | None, typer.Option("-n", "--n", help="Items a query.", show_default="the size of the task")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Query strategy.", show_default="auto")] = None,
    candidates: given.Candidates = None,
    purpose: given.AskFor = None,
    task_name: given.TaskName = "main",
) -> None:
    """Label texts and rows: one key an item, undo, skip, unsure. Each label is saved when its key is pressed."""
    from rich.console import Console

    from labelsieve.cli.keys import keyboard
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened, keyboard() as keys:
        session = Session(opened, given.annotator(by), Console(highlight=False), keys, n, strategy, candidates, purpose)
        session.work()
        then = f" Next: labelsieve {after_answers(opened, project, task_name)}" if session.done else ""
    hint(f"{count(len(session.done), 'answer')} saved.{then}")


@dataclass
class Waiting:
    """An item to answer, its query, and its group: the near-duplicates that get the same answer, unless `alone`."""

    item: "Item"
    query: int
    group: Any = ()
    alone: bool = False
    together: bool = False  # how it was answered

    @property
    def stands_for(self) -> int:
        return 0 if self.alone else len(self.group)


@dataclass
class Session:
    """One sitting. What is answered is in the project at once; this keeps the screen, and what can be undone."""

    project: Any
    by: str
    console: "Console"
    keys: "Keyboard"
    n: int | None = None
    strategy: str | None = None
    candidates: str | None = None
    purpose: str | None = None
    waiting: "deque[Waiting]" = field(default_factory=deque)
    done: "list[Waiting]" = field(default_factory=list)
    note: str = ""
    ended: bool = False

    def work(self) -> None:
        """Show, answer, show the next, until the pool or the patience ends."""
        while not self.ended and (self.waiting or self._ask()):
            self._one(self.waiting[0])

    def _ask(self) -> bool:
        """Whether there is something to ask."""
        from labelsieve.core.errors import PoolExhausted

        hint("choosing what to ask ...")
        try:
            asked = self.project.next(self.n, strategy=self.strategy, candidates=self.candidates, purpose=self.purpose)
        except PoolExhausted as error:
            hint(f"{error.fact} {error.hint}".strip())
            return False
        groups = asked.groups or ((),) * len(asked.items)
        self.waiting.extend(Waiting(item, asked.id, group) for item, group in zip(asked.items, groups, strict=True))
        return bool(self.waiting)

    def _one(self, one: "Waiting") -> None:
        """Until this item has an answer, or something else happens to it."""
        from labelsieve.cli.drawing import class_keys
        from labelsieve.cli.keys import BACKSPACE, END, ENTER, ESCAPE
        from labelsieve.core.types import Value

        several = self.project.task.kind == "multilabel"
        chosen: list[str] = []
        item, whole, began = one.item, False, time.monotonic()
        while True:
            names = class_keys(self.project.task)
            self._draw(item, self._view(names, chosen, whole, stands_for=one.stands_for))
            self.note = ""
            key = self.keys.read()
            name = names.get(key)
            if key == "n":
                name = self._type_name(item, names, chosen)
            if name is not None and several:
                chosen.remove(name) if name in chosen else chosen.append(name)
            elif name is not None:
                return self._answer(one, Value("class", (name,)), began)
            elif (several and key == ENTER) or key in NO_ANSWER:
                return self._answer(one, _without_class(key, chosen), began)
            elif key in ("u", BACKSPACE):
                return self._undo()
            elif key in ("q", END, ESCAPE):
                self.ended = True
                return None
            elif key == "m":
                whole = not whole
            elif key == ALONE and len(one.group):
                one.alone = not one.alone
            elif key:
                self.note = f"{key!r} is no key here."

    def _answer(self, one: "Waiting", value: Any, began: float) -> None:
        from labelsieve.core.errors import InputError

        seconds = round(min(time.monotonic() - began, LONGEST), 3)
        try:
            if one.stands_for:
                ids = [one.item.id, *one.group]
                self.project.label_group(ids, value, by=self.by, seconds=seconds, query=one.query)
                one.together = True
            else:
                self.project.label([one.item.id], [value], by=self.by, seconds=seconds, query=one.query)
                one.together = False
        except InputError as error:  # a class that is closed: nothing was saved, the item stays
            self.note = error.fact
            return
        self.done.append(self.waiting.popleft())
        too = f", and {count(len(one.group), 'near-duplicate')} too" if one.together else ""
        self.note = f"{one.item.key}: {', '.join(value.names) or value.tag}{too}"

    def _undo(self) -> None:
        if not self.done:
            self.note = "nothing of this sitting is left to undo."
            return
        if self.done[-1].together:
            self.project.undo_together(by=self.by)
        else:
            self.project.undo(by=self.by, n=1)
        self.waiting.appendleft(self.done.pop())
        self.note = "taken back."

    def _type_name(self, item: "Item", names: dict[str, str], chosen: list[str]) -> str | None:
        """A class typed in full, or completed with tab; None when it was left."""
        from labelsieve.cli.keys import BACKSPACE, END, ENTER, ESCAPE, TAB

        text = ""
        while True:
            self._draw(item, self._view(names, chosen, False, typing=text))
            key = self.keys.read()
            if key in (ESCAPE, END):
                return None
            if key == ENTER:
                return text.strip() or None
            if key == BACKSPACE:
                text = text[:-1]
            elif key == TAB:
                text = next((name for name in self.project.task.classes if name.startswith(text)), text)
            elif len(key) == 1 and key.isprintable():
                text += key

    def _view(
        self, names: dict[str, str], chosen: list[str], whole: bool, typing: str | None = None, stands_for: int = 0
    ) -> "View":
        from labelsieve.cli.drawing import View

        task = self.project.task
        header = f"{task.name} · {self.by} · {len(self.done) + 1} of {len(self.done) + len(self.waiting)}"
        commands = [
            ("space", "skip"),
            ("?", "unsure"),
            ("u", "undo"),
            ("n", "type a class"),
            ("m", "more"),
            ("q", "quit"),
        ]
        if task.kind == "multilabel":
            commands.insert(0, ("enter", "save"))
        waits = self.waiting[0] if self.waiting else None
        if waits is not None and len(waits.group):
            commands.insert(-1, (ALONE, "alone" if stands_for else "with its near-duplicates"))
        return View(header, names, tuple(chosen), typing, self.note, whole, commands, stands_for)

    def _draw(self, item: "Item", view: "View") -> None:
        from labelsieve.cli.drawing import draw

        draw(self.console, item, view)


def _without_class(key: str, chosen: list[str]) -> "Value":
    """The answer of a key that names no class: what is ticked, skip or unsure."""
    from labelsieve.core.types import Value

    return Value(NO_ANSWER[key]) if key in NO_ANSWER else Value("classes", tuple(sorted(chosen)))

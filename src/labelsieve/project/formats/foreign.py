"""What a reader of another tool's file gives: answers to things that may be items of the pool."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple, Protocol, TypeAlias

from labelsieve.core.types import Origin, Tag, Value
from labelsieve.project.formats.matching import Matcher
from labelsieve.project.labelfiles import LabelRow

BLOCK = 1_000  # answers in memory at once, with their texts
CROISSANT = "croissant.json"


Thing: TypeAlias = tuple[tuple[str, ...], str | bytes, str]  # names, content, called: see Foreign
Said: TypeAlias = tuple[
    Value | None, str | None, str | None, float | None, Origin | None, str | None, str
]  # value, by, at, seconds, source, purpose, why


class Foreign(NamedTuple):
    """One answer as a file has it, of which `row` is the number, about the `thing` of that number.

    `names` may be its key, best first; `content` is its digest, or the bytes of a text, whose digest is taken where no
    name is a key; `called` is its file name, which chooses among items of one content. `why` stands where there is an
    answer that cannot be a label. Fields that a file has not are None.
    """

    row: int
    thing: int
    names: tuple[str, ...]
    content: str | bytes
    called: str
    value: Value | None
    by: str | None = None
    at: str | None = None
    seconds: float | None = None
    source: Origin | None = None
    purpose: str | None = None
    why: str = ""


class Reading(Protocol):
    """A reader, opened."""

    def answers(self) -> Iterator[Foreign]: ...


def label_rows(found: Iterable[Foreign], matcher: Matcher, kind: str, mark: str) -> Iterator[LabelRow]:
    """The same as rows of labels, with the keys of this pool. `mark` is the name of the format."""
    stream = iter(found)
    while block := list(islice(stream, BLOCK)):
        keys = matcher.keys([(one.thing, one.names, one.content, one.called) for one in block])
        for one, (key, item) in zip(block, keys, strict=True):
            yield _row(one, key, item, kind, mark)


def _row(one: Foreign, key: str | None, item: int | None, kind: str, mark: str) -> LabelRow:
    value, unsound = _judged(one.value, kind)
    return LabelRow(
        row=one.row,
        key=key if key is not None else (one.names[0] if one.names else one.called or f"row {one.thing + 1}"),
        label=None,
        annotator=one.by,
        seconds=None if one.seconds is None else repr(one.seconds),
        at=one.at,
        source=one.source,
        purpose=one.purpose,
        value=value,
        why=one.why or unsound or ("unknown key" if key is None and value is not None else ""),
        item=item,
        mark=f"{mark}\0{one.at}\0{one.seconds}\0{one.source}" if one.at else "",
    )


@lru_cache(4096)  # whole files have few
def said(tag: Tag, names: tuple[str, ...] = (), weights: tuple[float, ...] = ()) -> Value:
    """An answer, the same object for the same one."""
    return Value(tag, names, weights)


@lru_cache(4096)
def _judged(given: Value | None, kind: str) -> tuple[Value | None, str]:
    """An answer as a task of this kind has it, and why no task could hold it; empty where one could."""
    value = fitted(given, kind)
    return value, "" if value is None else unsound(value)


def unsound(value: Value) -> str:
    """Why no task could hold an answer; empty where one could."""
    if len(set(value.names)) != len(value.names):
        return "a class stands twice in one answer"
    for name in value.names:
        if not name.strip():
            return "a class without a name"
        if not name.isascii() and name.encode("utf-8", "replace").decode() != name:
            return "a class whose name is no valid text"
    if value.tag == "soft" and not (
        len(value.names) == len(value.weights) > 0 and all(0 <= w <= 1 for w in value.weights)
    ):
        return "weights that are not one a class, from 0 to 1"
    if value.tag != "soft" and value.weights:
        return "weights beside an answer that is not soft"
    return "unsure or skip beside a class" if value.tag in ("unsure", "skip") and value.names else ""


def fitted(value: Value | None, kind: str) -> Value | None:
    """One class as a set of one in a multilabel task, and the other way round.

    >>> fitted(Value("class", ("a",)), "multilabel").tag, fitted(Value("classes", ("a",)), "screen").tag
    ('classes', 'class')
    """
    if value is None or value.tag not in ("class", "classes"):
        return value
    if kind == "multilabel":
        return Value("classes", value.names)
    return Value("class", value.names) if len(value.names) == 1 else value if value.names else None

"""Plug-ins: built-ins and foreign parts come in by the same door, Python entry points."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from labelsieve.core.errors import UnknownName


@cache
def _installed() -> Any:
    """All entry points of all packages: read once, since every reading goes through all that is installed."""
    return entry_points()


@cache
def _entries(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in _installed().select(group=f"labelsieve.{group}")}


def names(group: str) -> list[str]:
    """All names of a group: "sources", "engines", "heads" or "strategies"."""
    return sorted(_entries(group))


def load(group: str, name: str) -> Any:
    """The object behind a name. UnknownName lists what there is."""
    entries = _entries(group)
    if name not in entries:
        what = {"strategies": "strategy"}.get(group, group.removesuffix("s"))
        raise UnknownName(what, name, entries)
    return entries[name].load()


def name_of(group: str, kind: type) -> str | None:
    """The name under which a class is registered in a group, None for a class that is not. Nothing is loaded."""
    value = f"{kind.__module__}:{kind.__qualname__}"
    return next((name for name, entry in _entries(group).items() if entry.value == value), None)

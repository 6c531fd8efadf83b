"""What strategies and candidates there are: one line, source and cost of each, as their docstrings say."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, getdoc, signature
from typing import Any

from labelsieve.core import plugins


@dataclass(frozen=True, slots=True)
class Described:
    """A strategy or candidates by name. `options` are those of candidates, as they are written: `k=100`."""

    name: str
    line: str
    source: str
    cost: str
    options: tuple[str, ...] = ()


def known_strategies() -> list[Described]:
    """Every query strategy that is installed, by name; plug-ins of others are read the same way."""
    return [described(name, plugins.load("strategies", name)) for name in plugins.names("strategies")]


def known_candidates() -> list[Described]:
    """Every kind of candidates that is installed, by name, with its options."""
    loaded = ((name, plugins.load("candidates", name)) for name in plugins.names("candidates"))
    return [described(name, make, _options(make)) for name, make in loaded]


def described(name: str, thing: Any, options: tuple[str, ...] = ()) -> Described:
    """What the docstring of a strategy says: its first sentence or line, then what follows `Source:` and `Cost:`.

    >>> def mine(state, n, rng):
    ...     '''Items that I like.
    ...
    ...     Source: me, 2024.
    ...     Cost: O(n).
    ...     '''
    >>> described("mine", mine)
    Described(name='mine', line='Items that I like.', source='me, 2024.', cost='O(n).', options=())
    """
    text = getdoc(thing) or ""
    first = " ".join(re.split(r"\n\s*\n|\bSource:|\bCost:", text)[0].split())
    first = first.removeprefix("A query (n,) of ").replace(" (n,)", "")
    first = first[:1].upper() + first[1:]
    return Described(name, first, _after("Source", text), _after("Cost", text), options)


def _after(word: str, text: str) -> str:
    found = re.search(rf"\b{word}:(.*?)(?=\n\s*\n|\b(?:Source|Cost):|\Z)", text, re.DOTALL)
    return " ".join(found.group(1).split()) if found else ""


def _options(make: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = signature(make).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name if p.default is Parameter.empty else f"{p.name}={p.default}" for p in parameters)

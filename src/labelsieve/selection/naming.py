"""Strategies by name: `margin`, `typiclust@2 -> margin`, `seals(k=50) | badge`."""

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from typing import Any

from numpy.random import Generator

from labelsieve.core import plugins
from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Candidates, Strategy
from labelsieve.core.types import Query
from labelsieve.selection.composing import among

CALL = re.compile(r"(\w+)\s*(?:\((.*)\))?", re.DOTALL)
FIRST = re.compile(r"(.+)@\s*(\d+)", re.DOTALL)
OPEN, CLOSE, QUOTES = "([{", ")]}", "\"'"

Named = Callable[[str], Strategy]


def strategy_called(text: str, named: Named | None = None) -> Strategy:
    """The strategy that a text describes; InputError for a text that is none, UnknownName lists what there is.

    `NAME`; `CANDIDATES | NAME`: NAME among those candidates; `A@r -> B`: A for the first r queries of a task, then B;
    `A@r -> B@s -> C`: B up to query s, then C. `|` binds before `->`. What is more than a NAME is the
    `strategy` of its queries word by word.
    """
    parts = [part.strip() for part in parted(text, "->")]
    strategy = _alone(parts[-1], text, named or _plugin)
    for part in reversed(parts[:-1]):
        first = FIRST.fullmatch(part)
        if not first:
            raise _no_strategy(text)
        strategy = switched(_alone(first.group(1), text, named or _plugin), int(first.group(2)), strategy)
    return strategy if re.fullmatch(r"\w+", text.strip()) else _told(strategy, " ".join(text.split()))


def strategies_in(text: str) -> tuple[str, ...]:
    """The texts in a list of strategies; commas inside brackets do not part them.

    >>> strategies_in("margin, seals(k=50, explore=0.1) | badge,typiclust@2 -> margin")
    ('margin', 'seals(k=50, explore=0.1) | badge', 'typiclust@2 -> margin')
    """
    return tuple(part.strip() for part in parted(text, ",") if part.strip())


def candidates_called(text: str) -> Candidates:
    """The candidates that a text describes: `NAME` or `NAME(option=value, ...)`; quotes round words may be left out."""
    call = CALL.fullmatch(text.strip())
    if not call:
        raise InputError(f"{text!r} names no candidates.", "write NAME or NAME(k=50); labelsieve strategies lists.")
    make: Callable[..., Candidates] = plugins.load("candidates", call.group(1))
    options = _options(text, call.group(2) or "")
    try:
        signature(make).bind(**options)
        return make(**options)
    except TypeError as error:
        raise InputError(
            f"candidates {call.group(1)!r}: {error}.", "labelsieve strategies lists their options."
        ) from error


def switched(first: Strategy, rounds: int, then: Strategy) -> Strategy:
    """`first` for the first `rounds` queries of a task, `then` from there on."""

    def strategy(state: Round, n: int, rng: Generator) -> Query:
        return (first if state.number < rounds else then)(state, n, rng)

    strategy.__doc__ = f"{first.__doc__}\n\nAfter {rounds} queries: {then.__doc__}"
    return strategy


def parted(text: str, mark: str) -> list[str]:
    """The parts of a text between marks that stand outside of brackets and quotes."""
    parts, depth, quote, start, at = [], 0, "", 0, 0
    while at < len(text):
        letter = text[at]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in QUOTES:
            quote = letter
        elif letter in OPEN:
            depth += 1
        elif letter in CLOSE:
            depth -= 1
        elif depth == 0 and text.startswith(mark, at):
            parts.append(text[start:at])
            at += len(mark)
            start = at
            continue
        at += 1
    return [*parts, text[start:]]


def _alone(part: str, text: str, named: Named) -> Strategy:
    """`NAME` or `CANDIDATES | NAME`; `text` is the whole, for the error."""
    *candidates, name = (piece.strip() for piece in parted(part, "|"))
    if len(candidates) > 1 or not re.fullmatch(r"\w+", name):
        raise _no_strategy(text)
    strategy = named(name)
    return among(candidates_called(candidates[0]), strategy) if candidates else strategy


def _told(strategy: Strategy, text: str) -> Strategy:
    def named(state: Round, n: int, rng: Generator) -> Query:
        return replace(strategy(state, n, rng), strategy=text)

    named.__doc__ = strategy.__doc__
    return named


def _options(text: str, inside: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("not a call")
        options = {word.arg: _value(word.value) for word in call.keywords if word.arg}
        if len(options) < len(call.keywords):
            raise ValueError("an option without a name, or twice the same")
        return options
    except (SyntaxError, ValueError) as error:
        raise InputError(
            f"{text!r} has options that cannot be read.", "write them as name=value, as in seals(k=50)."
        ) from error


def _value(node: ast.expr) -> Any:
    return node.id if isinstance(node, ast.Name) else ast.literal_eval(node)


def _no_strategy(text: str) -> InputError:
    hint = 'write NAME, "A@r -> B" or "CANDIDATES | NAME"; labelsieve strategies lists what there is.'
    return InputError(f"{text!r} is no strategy.", hint)


def _plugin(name: str) -> Strategy:
    strategy: Strategy = plugins.load("strategies", name)
    return strategy

"""Strategies by name: `margin`, `typiclust@2 -> margin`, `seals(k=50) | badge`."""

import ast
import re
from collections.abc import Callable
from typing import Any

from numpy.random import Generator

from labelsieve.core import plugins
from labelsieve.core.errors import InputError
from labelsieve.core.rounds import Round
from labelsieve.core.sockets import Candidates, Strategy
from labelsieve.core.types import Query
from labelsieve.selection.composing import among

CALL = re.compile(r"(\w+)\s*(?:\((.*)\))?")
SWITCH = re.compile(r"(.+?)@\s*(\d+)\s*->(.+)", re.DOTALL)


def strategy_called(text: str, named: Callable[[str], Strategy] | None = None) -> Strategy:
    """The strategy that a text describes; InputError for a text that is none, UnknownName lists what there is.

    `NAME`; `A@r -> B`: A for the first r queries, then B; `CANDIDATES | NAME`: NAME among those candidates.
    """
    named = named or _plugin
    switch = SWITCH.fullmatch(text.strip())
    if switch:
        first, rounds, then = switch.groups()
        return switched(strategy_called(first, named), int(rounds), strategy_called(then, named))
    candidates, bar, name = text.rpartition("|")
    if bar:
        return among(candidates_called(candidates), strategy_called(name, named))
    if not re.fullmatch(r"\w+", name.strip()):
        raise InputError(
            f"{text!r} is no strategy.", 'write NAME, "A@r -> B" or "CANDIDATES | NAME"; labelsieve strategies lists.'
        )
    return named(name.strip())


def candidates_called(text: str) -> Candidates:
    """The candidates that a text describes: `NAME` or `NAME(option=number, ...)`."""
    call = CALL.fullmatch(text.strip())
    if not call:
        raise InputError(f"{text!r} names no candidates.", "write NAME or NAME(k=50); labelsieve strategies lists.")
    make: Callable[..., Candidates] = plugins.load("candidates", call.group(1))
    options = _options(text, call.group(2) or "")
    try:
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


def _options(text: str, inside: str) -> dict[str, Any]:
    try:
        call = ast.parse(f"f({inside})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("not a call")
        return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise InputError(
            f"{text!r} has options that cannot be read.", "write them as name=number, as in seals(k=50)."
        ) from error


def _plugin(name: str) -> Strategy:
    strategy: Strategy = plugins.load("strategies", name)
    return strategy

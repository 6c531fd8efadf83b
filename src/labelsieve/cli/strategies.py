"""labelsieve strategies: what can be asked by, and where it comes from."""

import re
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, say

HOW = 'A name may stand alone, as "A@2 -> B" (A for 2 queries, then B), or as "seals(k=50) | B" (B among candidates).'


def run(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only this one.", show_default="all")] = None,
    json: given.AsJson = False,
) -> None:
    """List the query strategies, and the candidates that they can be given: one line, source and cost of each."""
    from labelsieve.selection.describing import known_candidates, known_strategies

    strategies, candidates = known_strategies(), known_candidates()
    if name is not None:
        names = _named(name)
        strategies, candidates = ([entry for entry in part if entry.name in names] for part in (strategies, candidates))
        if not strategies and not candidates:
            _unknown(name)
    if json:
        say(as_json({"strategies": strategies, "candidates": candidates}))
        return
    _show("Strategies", strategies)
    _show("Candidates", candidates)
    if name is None:
        say(HOW)


def _show(title: str, entries: list[Any]) -> None:
    if not entries:
        return
    say(f"{title}\n")
    for entry in entries:
        say(entry.name + (f"({', '.join(entry.options)})" if entry.options else ""))
        say(f"  {entry.line or 'It has no docstring.'}")
        for word, text in (("Source", entry.source), ("Cost", entry.cost)):
            if text:
                say(f"  {word}: {text}")
        say()


def _named(text: str) -> set[str]:
    """The names in a text: itself, or those of "seals(k=50) | badge" and "A@2 -> B", which has to be right."""
    from labelsieve.selection.naming import strategy_called

    if re.fullmatch(r"\w+", text.strip()):
        return {text.strip()}
    strategy_called(text)
    return set(re.findall(r"\w+", re.sub(r"\([^)]*\)", "", text)))


def _unknown(name: str) -> None:
    from labelsieve.core import plugins
    from labelsieve.core.errors import UnknownName

    raise UnknownName("strategy", name, sorted({*plugins.names("strategies"), *plugins.names("candidates")}))

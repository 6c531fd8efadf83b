"""labelsieve certify: what can honestly be claimed of a screen, and what more would cost."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say, show_table

if TYPE_CHECKING:
    from labelsieve.project.claims.claiming import Claim


def run(
    project: given.ProjectPath,
    draw: Annotated[
        int | None, typer.Option(help="Draw an audit of so many items in all; a larger number draws more of it.")
    ] = None,
    looks: Annotated[
        int | None, typer.Option(help="How often audits will be read, declared with the first draw; else open-ended.")
    ] = None,
    hidden: Annotated[int, typer.Option(help="Known odd items mixed in, unmarked, to measure who answers.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new audit, on what is unreviewed by now.")] = False,
    recall: Annotated[
        float | None, typer.Option(help="Exit 3 until so much recall is certified.", show_default=False)
    ] = None,
    confidence: Annotated[float, typer.Option(help="How sure a claim has to be, over all looks together.")] = 0.95,
    out: Annotated[
        Path | None, typer.Option(help="Write a claim file, for labelsieve verify.", show_default=False)
    ] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """What was found for certain, what a random audit of the rest would show, and what it shows once it is answered."""
    from labelsieve.core.errors import InputError
    from labelsieve.project.facade import open as open_project

    if draw is None and (looks is not None or hidden or fresh):
        raise InputError("--looks, --hidden and --fresh belong to a draw.", "add --draw 300, say.")
    here = given.named(project, task_name)
    with open_project(project, task_name) as opened:
        if draw is not None:
            opened.draw_audit(draw, looks, hidden, fresh)
        claim = opened.certify(recall, confidence, out)
    if json:
        say(as_json(claim))
    else:
        _tell(claim, here)
    if out is not None:
        hint(f"Anybody with a copy of the project can check it: labelsieve verify {out} {project}")
    if (recall is not None and not claim.certified) or (claim.state == "open" and draw is None):
        raise typer.Exit(3)


def _tell(claim: "Claim", here: str) -> None:
    counts = claim.counts
    if claim.state == "open":
        drawn = counts["audited"]
        say(
            f"audit {counts['audit']}: {count(drawn, 'item')} drawn at random from {counts['unreviewed']:,} unreviewed."
        )
        say(f"{count(counts['open'], 'answer')} open: nothing can be said from a part of it.")
        hint(f"Next: labelsieve label {here} --purpose certify, or labelsieve next {here} --purpose certify --out FILE")
    else:
        _numbers(claim)
    for note in claim.notes:
        say(f"note: {note}")
    if claim.state == "no audit":
        hint(_first_step(claim, here))
    commitment = claim.seed["commitment"]
    if commitment:
        hint(f"The seed of audits is committed as {commitment[:16]}... at link {claim.seed['link']} of the event log.")


def _first_step(claim: "Claim", here: str) -> str:
    """What to do before an audit is drawn: search, or draw as much as can be afforded."""
    if not claim.counts["found"]:
        search = f"Next: search, labelsieve next {here} --out query.csv"
        return f"{search}; once odd items are found, an audit can show what share of all they are."
    labels = [price.cost.labels for price in claim.prices if price.cost and price.affordable and price.cost.labels]
    if labels:
        return f"Next: labelsieve certify {here} --draw {max(labels)}, or another number of labels as above."
    return f"Next: labelsieve certify {here} --draw N, N being the labels that you can spend."


def _numbers(claim: "Claim") -> None:
    counts, promises = claim.counts, claim.promises or {}
    left = f"{count(counts['unreviewed'], 'item')} unreviewed of {counts['pool']:,}"
    before = "" if claim.state == "no audit" else f"before audit {counts['audit']}: "
    say(f"{before}{count(counts['found'], 'odd item')} found and reviewed; {left}.")
    if claim.state == "no audit":
        say(f"Without an audit: {promises['known'].claim}.")
    else:
        look = claim.look or {}
        sure = f"confidence {claim.confidence:g} over all looks; this is look {look['number']}"
        said = f"audit {counts['audit']}: {count(counts['audited'], 'item')}, {counts['odd']:,} of them odd"
        say(f"{said}: at most {int(promises['found'].checked['odd_at_most']):,} odd in all that was unreviewed.")
        for name in ("known", "found", "rest", "corrected"):
            if name in promises and (name != "found" or promises[name].bound != promises["known"].bound):
                say(f"- {promises[name].claim}")
        for one in (claim.reviewer or {}).values():
            say(f"- {one.claim} ({int(one.checked['caught'])} of {int(one.checked['shown'])} hidden ones)")
        say(f"({sure})")
        say("if:")
        for line in dict.fromkeys(line for one in promises.values() for line in one.assumes):
            say(f"- {line}")
    _wanted(claim)
    _prices(claim)


def _wanted(claim: "Claim") -> None:
    if claim.recall is not None:
        state = "is certified" if claim.certified else "is not certified"
        say(f"recall of {claim.recall:g}: {state}; shown is {_percent(claim.bound)}.")


def _percent(share: float) -> str:
    from labelsieve.screening.bounds import floor_percent

    return floor_percent(share)


def _prices(claim: "Claim") -> None:
    if not claim.prices:
        return
    more = "more " if claim.state == "read" else ""
    what = "What more audit" if more else "What an audit"
    if all(price.cost is None for price in claim.prices):
        nothing = "nothing odd is found yet" if not claim.counts["found"] else "the counts are too small for any"
        say(f"No audit can show a recall: {nothing}.")
    else:
        _table(claim, more, what)
    if claim.instead:
        say(
            "No honest claim of recall is affordable here. What is honest instead:"
            if claim.counts["found"]
            else "What can be claimed instead:"
        )
        for line in claim.instead:
            say(f"- {line}")


def _table(claim: "Claim", more: str, what: str) -> None:
    rows: list[tuple[str, object, object, object, str]] = []
    for price in claim.prices:
        cost = price.cost
        if cost is None:
            rows.append((f"{price.recall:g}", None, None, None, "no audit of these counts can show it"))
        else:
            said = "" if price.affordable else f"over the {claim.affordable:,} that count as affordable"
            rows.append((f"{price.recall:g}", cost.labels, cost.sheets, f"{cost.hours:,.1f}", said))
    say()
    say(f"{what} would show, if it is all dull:")
    show_table(("recall", f"{more}labels", "sheets of 64", "hours", ""), rows)

"""labelsieve screen: which of some new items a human has to see."""

from math import ceil, isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say, show_table

SHOWN = 10  # rows on the screen, where no file is named


def run(
    project: given.ProjectPath,
    new: Annotated[
        list[Path], typer.Argument(metavar="NEW...", help="Folders or files with items.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option(help="A .csv, .jsonl or .parquet file for what to escalate.", show_default="the top")
    ] = None,
    alarms: Annotated[float, typer.Option(help="At most this share of the dull items may be escalated.")] = 0.01,
    fdr: Annotated[
        float | None, typer.Option(help="Instead: at most this share of what is escalated may be dull.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="Write this many at most.", show_default="all")] = None,
    recall: Annotated[
        float | None, typer.Option(help="Exit with 3 unless this share of the odd items to come is shown to be caught.")
    ] = None,
    confidence: Annotated[float, typer.Option(help="Of what is shown about recall.")] = 0.95,
    spiked: Annotated[
        list[Path] | None,
        typer.Option(help="Known odd items put in: how many are caught. May be repeated.", show_default=False),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Write what is not escalated too.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Write it even if it looks like another domain.")] = False,
    explain: Annotated[Path | None, typer.Option(help="A folder for pictures that show why.")] = None,
    task_name: given.TaskName = "main",
    json: given.AsJson = False,
) -> None:
    """Rank new items by how odd they are, and say how many false alarms to expect. Exit code 3: not yet."""
    from labelsieve.cli.progress import showing
    from labelsieve.project.facade import open as open_project

    with open_project(project, task_name) as opened, showing("Screening") as tell:
        found = opened.screen(
            *new, out=out, alarms=alarms, fdr=fdr, top=top, recall=recall, confidence=confidence, everything=all_,
            anyway=anyway, explain=explain, progress=tell, spiked=spiked or (),
        )  # fmt: skip
    if json:
        say(as_json(found.facts()))
    else:
        _tell(found, given.named(project, task_name))
    if not found.done:
        raise typer.Exit(3)


def _tell(found: Any, here: str) -> None:
    if found.shift.another_domain:
        domain(found, here)
    by = "distance from the pool: nothing that may train is labelled"
    if found.by != "distance":
        by = found.choice.why if found.choice else "the head"
    there = f", {found.known:,} of them in the pool already" if found.known else ""
    say(f"{count(found.items, 'item')} scored by {by}{there}.")
    if found.set_aside:
        key, why = found.set_aside[0]
        hint(f"{count(len(found.set_aside), 'item')} set aside; the first, {key}: {why.rstrip('.')}.")
    if found.refused:
        hint(f"Nothing was written. With --anyway it is; or label some of them in a project of their own: "
             f"labelsieve init, then labelsieve learn-from {here} OTHER.sieve")  # fmt: skip
        return
    if not found.shift.decided:
        hint(f"With {count(found.shift.new, 'item')} nothing can be said of whether they are like the pool.")
    promise(found, here)
    if found.sensitivity is not None:
        _sensitivity(found.sensitivity, here)
    if found.spiked is not None:
        _spiked(found.spiked, found.rate is not None and isfinite(found.rate.threshold))
    if found.out is not None:
        hint(f"Written: {count(len(found.rows), 'row')} to {found.out}")
    if found.explained:
        hint(f"Explained: the first {count(len(found.explained), 'item')}, in explained.jsonl and pictures beside it.")
    if found.out is None and found.rows:
        columns = ("rank", "key", "score", "p_value", "escalate", "nearest_odd", "why")
        show_table(columns, [(*row[:5], row[7] or "-", row[11]) for row in found.rows[:SHOWN]])


def domain(found: Any, here: str) -> None:
    """Says first that the items look like another domain, with the evidence."""
    shift = found.shift
    say("These items look like another domain than the pool:")
    say(f"- energy test of {shift.compared[0]:,} new rows against {shift.compared[1]:,} of the pool: "
        f"{shift.energy:.3f} (0: alike, 1: apart), p = {shift.p:.3f}")  # fmt: skip
    say(f"- {_percent(shift.flagged)} score higher than {_percent(1 - shift.expected)} of the pool "
        f"(limit {_percent(shift.limit)})")  # fmt: skip
    say(f"- {_percent(shift.far)} lie farther from anything in the pool than 90 % of the pool does from the rest of it "
        f"(limit {_percent(shift.far_limit)})")  # fmt: skip
    if found.moved:
        moved = ", ".join(f"{name} ({by:+.1f})" for name, by in found.moved)
        say(f"- moved most, in standard deviations of the pool: {moved}")


def promise(found: Any, here: str) -> None:
    """What is escalated, and how many false alarms that means."""
    from labelsieve.screening.conformal import dull_needed

    rate, there = found.rate, found.calibration
    if there["unsure"]:
        hint(f"{count(there['unsure'], 'calibration item')} answered unsure or skip: the rate is that of items which "
             "are dull beyond doubt.")  # fmt: skip
    if rate is None or not rate.dull:
        say("Ranked, but no false-alarm rate: no calibration item is labelled dull.")
        _ask(found, here, dull_needed(0.01) + 11)
        return
    if found.fdr is None and rate.threshold == float("inf") and rate.attained == 0:
        need = dull_needed(rate.wanted) - rate.dull
        dull = count(rate.dull, "dull calibration item")
        say(f"Ranked, but nothing can be escalated at {_percent(rate.wanted)}: {dull} can promise 1 in {rate.dull + 1} "
            f"({_percent(rate.floor)}) at best; {need} more are needed.")  # fmt: skip
        _ask(found, here, need)
        return
    false = f"{found.false_alarms:,.0f}" if found.false_alarms >= 10 else f"{found.false_alarms:.1f}"
    work = f"{count(found.work.sheets, 'contact sheet')}, {count(ceil(found.work.hours * 60), 'minute')}"
    some = f", up to about {false} of them false alarms; {work}" if found.escalated else ""
    say(f"{count(found.escalated, 'item')} to escalate{some}.")
    if found.fdr is not None:
        say(f"Promised: on average at most {_percent(found.fdr)} of what is escalated is dull.")
        if not found.escalated:
            hint(f"The lowest p-value that {rate.dull} dull calibration items can show is {rate.floor:.2g}; more of "
                 f"them show lower ones: labelsieve label {here} --purpose calibration")  # fmt: skip
        return
    say(f"Promised: on average at most {_percent(rate.attained)} of dull items are escalated; at most "
        f"{_percent(rate.at_most)} with these {rate.dull} calibration items, at 95 %. The lowest rate that they can "
        f"promise is {_percent(rate.floor)}.")  # fmt: skip


def _ask(found: Any, here: str, need: int) -> None:
    """How to answer more calibration items; where too few are left, what they can promise at best."""
    left, dull = found.calibration["left"], found.calibration["dull"]
    if need > left:
        lowest = ceil(1000 / (dull + left + 1)) / 1000
        all_dull = f"{left} left to ask: if all are dull" if left else "none left to ask"
        hint(f"This pool has {all_dull}, --alarms {lowest:g} is the lowest that can be had.")
    if left:
        hint(f"Next: labelsieve label {here} --purpose calibration -n {min(need, left)}")


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _spiked(found: Any, decides: bool) -> None:
    """What was put in, what was caught of it, and under which assumption that says more. `decides`: there is a
    threshold; without one everything is to be looked at, and nothing shown."""
    held = found.guarantee
    left_out = f" ({found.known:,} more are known here, and left out)" if found.known else ""
    if not decides:
        say(f"Put in: {count(found.items, 'odd item')}{left_out}. As nothing can be escalated yet, they show nothing.")
        return
    say(f"Put in: {count(found.items, 'odd item')}{left_out}, {found.caught:,} caught. At "
        f"{_percent(held.confidence)}: {held.claim}.")  # fmt: skip
    for line in held.assumes[:2]:
        say(f"- {line}")
    if found.missed:
        more = f" and {len(found.missed) - SHOWN:,} more" if len(found.missed) > SHOWN else ""
        say(f"Not caught: {', '.join(found.missed[:SHOWN])}{more}.")
    if found.set_aside:
        key, why = found.set_aside[0]
        hint(f"{count(len(found.set_aside), 'item')} put in and set aside; the first, {key}: {why.rstrip('.')}.")
    if held.next_cost is not None:
        hint(f"Next step: {held.next_cost.labels:,} more put in show a {held.next_cost.buys}.")


def _sensitivity(found: Any, here: str) -> None:
    held = found.guarantee
    if held.bound:
        say(f"Shown at {_percent(held.confidence)}: {held.claim}, if they are like this pool.")
    else:
        audited = held.checked["audited"]
        say(f"Of the share of odd items that this catches nothing can be shown yet: {audited} audit items are "
            f"answered, {held.checked['odd_in_audit']} of them odd.")  # fmt: skip
    if found.wanted is not None:
        say(f"Recall of {found.wanted:g}: {'shown' if found.certified else 'not shown'}.")
    price = held.next_cost
    if price is not None:
        left = f"labelsieve label {here} --purpose audit" if price.labels <= found.left else (
            f"this pool's audit side has {found.left} left, so that cannot be had here")  # fmt: skip
        hint(f"Next step: {price.labels:,} audit labels, {count(price.sheets, 'contact sheet')}, {price.hours:.1f} "
             f"hours show a {price.buys}: {left}")  # fmt: skip
    elif found.wanted is not None and not found.certified:
        hint("No audit of this pool can show it at this threshold: raise --alarms, or find more odd items first.")

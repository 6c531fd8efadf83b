"""labelsieve plan: what a guarantee will cost, before anyone starts."""

from typing import TYPE_CHECKING, Annotated

import typer

from labelsieve.cli import options as given
from labelsieve.cli.output import as_json, count, hint, say, show_table

if TYPE_CHECKING:
    from labelsieve.core.types import Cost
    from labelsieve.screening.planning import Plan


def run(
    pool: Annotated[
        float,
        typer.Option(parser=given.amount, metavar="NUMBER", help="How many items there are: 1e6.", show_default=False),
    ],
    prevalence: Annotated[
        float,
        typer.Option(
            parser=given.amount,
            metavar="NUMBER",
            help="Which share of them may be odd: 1e-4, .01%.",
            show_default=False,
        ),
    ],
    recall: Annotated[
        float, typer.Option(parser=given.amount, metavar="NUMBER", help="Which share of the odd ones has to be found.")
    ] = 0.9,
    confidence: Annotated[
        float, typer.Option(parser=given.amount, metavar="NUMBER", help="How sure the claim has to be.")
    ] = 0.95,
    looks: Annotated[int, typer.Option(help="How many times the audit will be read; declared now, kept to later.")] = 1,
    seconds_per_sheet: Annotated[float, typer.Option(help="Seconds that 64 tiles take. Time one sheet.")] = 30.0,
    labels: Annotated[
        float | None,
        typer.Option(
            parser=given.amount,
            metavar="NUMBER",
            help="Labels that you can afford for proof.",
            show_default="a fifth of the pool, at most a week",
        ),
    ] = None,
    json: given.AsJson = False,
) -> None:
    """Labels, contact sheets and hours that proof of a recall takes, and what is honest where that is too much."""
    from labelsieve.screening.draws import whole
    from labelsieve.screening.planning import Goal, audit_plan

    most = None if labels is None else whole("labels", labels)
    goal = Goal(whole("pool", pool, least=1), prevalence, recall, confidence, looks, seconds_per_sheet, most)
    plan = audit_plan(goal)
    if json:
        say(as_json(plan))
        return
    _tell(plan)


def _tell(plan: "Plan") -> None:
    goal = plan.goal
    say(f"{goal.pool:,} items, about {plan.odd:,} of them odd; wanted: recall of at least {goal.recall:g}")
    sure = f"confidence {goal.confidence:g}"
    say(sure if goal.looks == 1 else f"{sure} over {goal.looks} looks: {plan.each_look:.4g} each")
    say()
    rows = []
    if plan.audit:
        rows.append(_row("random audit, if the search found all", plan.audit))
    if plan.audit_if_missed:
        rows.append(_row(f"if it overlooked {plan.missed:,} (enough in 4 of 5 audits)", plan.audit_if_missed))
    if rows:
        show_table(("what", "labels", "sheets of 64", "hours"), rows)
        say(f"and the search before it: at least {count(plan.odd, 'label')}, how many nobody can know beforehand")
        say("supposed: whoever answers overlooks nothing odd; hidden known odd items measure that")
    say()
    say(_verdict(plan))
    if not plan.affordable:
        _instead(plan)
    hint(f"{goal.seconds:g} seconds a sheet; time one of yours and give --seconds-per-sheet.")


def _row(what: str, cost: "Cost") -> tuple[str, int, int, str]:
    return what, cost.labels, cost.sheets, f"{cost.hours:,.1f}"


def _verdict(plan: "Plan") -> str:
    if plan.audit is None:
        return "No recall can be promised: less than one odd item is expected."
    share = 100 * plan.audit.labels / plan.goal.pool
    cost = f"{count(plan.audit.labels, 'label')}, {share:.2g} % of the pool"
    if plan.affordable:
        return f"An honest claim is affordable: {cost}."
    most = count(plan.most_labels, "label")
    return f"No honest claim of this recall is affordable: it takes {cost}; affordable are {most}."


def _instead(plan: "Plan") -> None:
    most = count(plan.most_labels, "label")
    say("What is honest instead:")
    if plan.recall_within > 0:
        from labelsieve.screening.bounds import floor_percent

        say(f"- {most}: recall of at least {floor_percent(plan.recall_within)}, if the search found all")
    say(f"- {most}, all dull: {plan.rest_within.claim}, whatever was found")
    spikes = ", ".join(f"{n} for {level:g}" for level, n in plan.spikes.items())
    say(f"- known odd items put in, all caught: recall of odd items like those, by how many: {spikes}")
    say("  ASSUMED then, not shown: the odd items of the field are like the ones put in")

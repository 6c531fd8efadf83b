"""The state of a screen as the report shows it: what was found, by whom, and what is promised of the rest."""

from collections.abc import Mapping, Sequence
from typing import Any

from labelsieve.project.report.data import Exhibit, Found, Search, SearchStep
from labelsieve.project.report.words import count, percent

PROMISES = ("known", "found", "rest", "corrected")


def search_shown(known: Mapping[str, Any], doubtful: Sequence[Exhibit] = ()) -> Search | None:
    """What `status` says of a search, for the report; None for a task that is no screen."""
    state = known["search"]
    if state is None:
        return None
    held, drawn = known["guarantee"], known["audit"]
    promises = [held[name] for name in PROMISES if name in held] if held else []
    return Search(
        found=state["found"],
        looked_at=state["looked_at"],
        searched=Found("search", **state["searched"]),
        drawn=Found("random", **state["random"]),
        arms=tuple(Found(one["arm"], one["answered"], one["odd"]) for one in state["arms"]),
        doubtful=tuple(doubtful),
        steps=tuple(_step(number, step) for number, step in enumerate(state["steps"], start=1)),
        calibration=state["calibration"]["dull"],
        promises=tuple(one["claim"][:1].upper() + one["claim"][1:] for one in promises),
        look=_look(held),
        assumes=tuple(dict.fromkeys(line for one in promises for line in one["assumes"])),
        next_cost=price_said(held["next"]) if held and held["next"] else "",
        waiting=_waiting(drawn) if drawn and drawn["open"] else "",
        taught=tuple(taught_line(one) for one in known.get("taught", [])),
    )


def _waiting(drawn: Mapping[str, Any]) -> str:
    asked = drawn["drawn"] + drawn["hidden"]  # nothing tells the hidden ones from the others
    return f"Audit {drawn['number']}: {drawn['open']:,} of {asked:,} items wait for an answer."


def _look(held: Mapping[str, Any] | None) -> str:
    """Which reading of the audit it is, and how sure."""
    if held is None:
        return ""
    counts, declared = held["counts"], held["declared"]
    of = f" of {declared}" if declared else ""
    return (
        f"{counts['audited']:,} items drawn from {counts['unreviewed']:,}, {counts['odd']:,} of them odd; look "
        f"{held['look']}{of}, and all looks together are right with {percent(held['confidence'])} confidence."
    )


def price_said(price: Mapping[str, Any]) -> str:
    """What the next better recall takes, in a sentence.

    >>> price_said({"recall": 0.8, "cost": {"labels": 1200, "sheets": 19, "hours": 0.9}, "affordable": False})
    'to show 0.8: 1,200 more labels, 19 contact sheets, 0.9 h, if they are all dull; more than counts as affordable'
    """
    cost = price["cost"]
    said = f"{cost['labels']:,} more labels, {count(cost['sheets'], 'contact sheet')}, {cost['hours']:.1f} h"
    much = "" if price["affordable"] else "; more than counts as affordable"
    return f"to show {price['recall']:g}: {said}, if they are all dull{much}"


def taught_line(one: Mapping[str, Any]) -> str:
    """A source of taught items, and whether it takes part."""
    part = {True: "takes part", False: "dropped", None: "not judged yet"}[one["takes_part"]]
    why = f" ({one['why']})" if one["why"] else ""
    return f"{one['source']}: {one['dull']:,} dull, {one['odd']:,} odd; {part}{why}"


def _step(number: int, step: Mapping[str, Any]) -> SearchStep:
    arms = tuple(Found(name, **total) for name, total in sorted(step["arms"].items(), key=lambda arm: -arm[1]["odd"]))
    drawn, search = Found("random", **step["drawn"]), Found("search", **step["search"])
    return SearchStep(number, step["labels"], step["found"], search, drawn, arms)

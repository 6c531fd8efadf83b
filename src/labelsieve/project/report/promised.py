"""The state of a screen as the report shows it: what was found, by whom, and what is promised of the rest."""

from collections.abc import Mapping
from typing import Any

from labelsieve.project.report.data import Found, Search, SearchStep


def search_shown(known: Mapping[str, Any]) -> Search | None:
    """What `status` says of a search, for the report; None for a task that is no screen."""
    state = known["search"]
    if state is None:
        return None
    return Search(
        found=state["found"],
        looked_at=state["looked_at"],
        searched=Found("search", **state["searched"]),
        drawn=Found("random", **state["random"]),
        arms=tuple(Found(one["arm"], one["answered"], one["odd"]) for one in state["arms"]),
        steps=tuple(_step(number, step) for number, step in enumerate(state["steps"], start=1)),
        calibration=state["calibration"]["dull"],
    )


def _step(number: int, step: Mapping[str, Any]) -> SearchStep:
    arms = tuple(Found(name, **total) for name, total in sorted(step["arms"].items(), key=lambda arm: -arm[1]["odd"]))
    drawn, search = Found("random", **step["drawn"]), Found("search", **step["search"])
    return SearchStep(number, step["labels"], step["found"], search, drawn, arms)

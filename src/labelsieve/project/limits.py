"""What may be spent on a task, and what an answer costs: into labelsieve.toml."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from labelsieve.core.errors import InputError
from labelsieve.project.context import Context


@dataclass(frozen=True, slots=True)
class Limits:
    """None leaves a limit as it is, 0 takes it away. `costs` are prices a label: "0.1" for all, "ann=0.2" for one."""

    labels: int | None = None
    minutes: float | None = None
    money: float | None = None
    costs: Sequence[str] = ()
    currency: str | None = None


def set_limits(context: Context, limits: Limits) -> None:
    """Write the limits of the task and the prices of the project. InputError for what is negative or no number."""
    values: dict[str, Any] = {"labels": limits.labels, "minutes": limits.minutes, "money": limits.money}
    for name, value in values.items():
        if value is not None and value < 0:
            raise InputError(f"the budget in {name} is {value}; expected 0 or more.", "0 takes the limit away.")
    given = {f"budget_{name}": value for name, value in values.items() if value is not None}
    settings = context.settings
    cost, costs = settings.cost, dict(settings.costs)
    for text in limits.costs:
        annotator, _, price = text.rpartition("=")
        if annotator:
            costs[annotator] = _price(price, text)
        else:
            cost = _price(price, text)
    changed = replace(context.task_settings, **given)
    tasks = {**settings.tasks, context.task_name: changed}
    context.change(tasks=tasks, cost=cost, costs=costs, currency=limits.currency or settings.currency)


def _price(price: str, text: str) -> float:
    try:
        value = float(price)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise InputError(f"--cost is {text!r}; expected a price a label.", "write 0.1, or ann=0.2 for one annotator.")
    return value

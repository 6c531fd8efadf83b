"""What a task has cost so far, against its budget: labels, minutes and money."""

from dataclasses import asdict, dataclass
from typing import Any

from labelsieve.project.context import Context

FREE = ("import", "rule")  # sources of answers that cost no attention here: imports, near-duplicates


@dataclass(frozen=True, slots=True)
class Spent:
    """Answers given by hand (each one cost attention, also those taken back later), their minutes and money."""

    labels: int
    minutes: float
    timed: int  # answers whose seconds are known
    money: float
    currency: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"minutes": round(self.minutes, 2), "money": round(self.money, 4)}


def spent(context: Context) -> Spent:
    """What was spent on the task. Imported labels cost nothing, nor do those of near-duplicates."""
    sql = f"""SELECT annotator, COUNT(*), COALESCE(SUM(seconds), 0), COUNT(seconds) FROM events
      WHERE task = ? AND tag IS NOT NULL AND source NOT IN {FREE} GROUP BY annotator"""
    rows = context.conn.execute(sql, (context.task.id,)).fetchall()
    price = context.settings
    return Spent(
        labels=sum(row[1] for row in rows),
        minutes=sum(row[2] for row in rows) / 60,
        timed=sum(row[3] for row in rows),
        money=sum(row[1] * price.costs.get(row[0], price.cost) for row in rows),
        currency=price.currency,
    )


def budget_left(context: Context) -> tuple[tuple[str, float, float], ...]:
    """(unit, spent, budget) of every budget that labelsieve.toml sets for the task."""
    settings, used = context.task_settings, spent(context)
    rows = (
        ("labels", float(used.labels), float(settings.budget_labels)),
        ("minutes", used.minutes, settings.budget_minutes),
        (used.currency or "money", used.money, settings.budget_money),
    )
    return tuple(row for row in rows if row[2] > 0)

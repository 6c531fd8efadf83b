"""What a file cannot hold: counted by reason, with the first item that it is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from labelsieve.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Lost:
    """`count` answers or items that are dropped for one reason; `first` is the key of the first of them."""

    count: int
    first: str


@dataclass
class Losses:
    """Losses by reason, in the order in which they were met."""

    found: dict[str, Lost] = field(default_factory=dict)

    def add(self, reason: str, key: str, count: int = 1) -> None:
        """Counts a loss."""
        before = self.found.get(reason)
        self.found[reason] = Lost(count if before is None else before.count + count, before.first if before else key)

    def require_none(self, allowed: bool, where: str, hint: str) -> None:
        """InputError that names how many would be lost and the first of each reason, unless that is `allowed`."""
        if allowed or not self.found:
            return
        total = sum(lost.count for lost in self.found.values())
        what = "answer" if total == 1 else "answers"
        raise InputError(f"{where} would lose {total:,} {what}: {told(self.found)}.", hint)


def told(found: Mapping[str, Lost]) -> str:
    """Losses as text.

    >>> told({"unsure": Lost(3, "a.png"), "skip": Lost(1, "b.png")})
    'unsure: 3 (the first: a.png); skip: 1 (b.png)'
    """
    parts = [f"{why}: {n.count:,} ({'the first: ' if n.count > 1 else ''}{n.first})" for why, n in found.items()]
    return "; ".join(parts)

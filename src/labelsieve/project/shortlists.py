"""What a project says of which items are enough, which are the same, which are hard, and in which order they teach."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from labelsieve.project.context import Context
from labelsieve.selection.curriculum import Pace

if TYPE_CHECKING:
    from labelsieve.project.ordering import Ordered, Ranked
    from labelsieve.project.thinning import Group, Kept


class ShortlistVerbs:
    """The methods of `Project` that choose among items that need no query: less of them, or an order."""

    _context: Context

    def coreset(
        self, keep: int | None = None, share: float | None = None, method: str = "auto", labelled: bool = False
    ) -> "Kept":
        """The items to keep, most wanted first: `keep` of them, or a share (.1 by default); of the labelled only."""
        from labelsieve.project import thinning

        return thinning.thinned(self._context, keep, share, method, labelled)

    def duplicates(self, similarity: float = 0.98, progress: Callable[[int, int], None] | None = None) -> "list[Group]":
        """Groups of near-duplicates, largest first: `label_group` answers one in one action.

        `progress` is told (items compared, of all).
        """
        from labelsieve.project import thinning

        return thinning.duplicates_of(self._context, similarity, progress)

    def hard(self, n: int = 20, wanted: str | None = None) -> "Ranked":
        """The n hardest items without an answer that the head takes for `wanted` (for any class), hardest first."""
        from labelsieve.project import ordering

        return ordering.hardest(self._context, n, wanted)

    def disagreements(self, n: int = 20) -> "Ranked":
        """The n labels that heads which did not see them most surely gainsay."""
        from labelsieve.project import ordering

        return ordering.gainsaid(self._context, n)

    def curriculum(self, by: Pace = "margin", steps: int = 10) -> "Ordered":
        """The training labels from easy to hard, and the step from which each takes part."""
        from labelsieve.project import ordering

        return ordering.ordered(self._context, by, steps)

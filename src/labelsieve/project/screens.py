"""What a project of a screen task can do beside what every project can: teach, explain, screen, certify."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.types import Ids
from labelsieve.project.context import Context
from labelsieve.project.lessons import WEIGHT
from labelsieve.sources.options import SourceKeywords, SourceOptions

if TYPE_CHECKING:
    from labelsieve.project.claims.audits import Audit
    from labelsieve.project.claims.claiming import Claim
    from labelsieve.project.embedding import EmbedProgress
    from labelsieve.project.explaining import Explained
    from labelsieve.project.lessons.learning import Learnt
    from labelsieve.project.lessons.teaching import Missed
    from labelsieve.project.slips import Doubt
    from labelsieve.project.streams.arriving import Screened
    from labelsieve.project.streams.wanting import ScreenKeywords
    from labelsieve.project.streams.watching import Arrivals


class ScreenVerbs:
    """The methods of `Project` that screens need."""

    _context: Context

    # What is not of the pool

    def miss(
        self,
        *files: str | os.PathLike[str],
        by: str,
        dull: bool = False,
        name: str = "",
        progress: "Callable[[EmbedProgress], None] | None" = None,
        **options: Unpack[SourceKeywords],
    ) -> "Missed":
        """Teaches a screen odd (or dull) items that were missed; one that is in the pool is labelled there instead."""
        from labelsieve.project.lessons import teaching

        answer = teaching.Answer(by, dull, name, SourceOptions(**options))
        return teaching.miss(self._context, [Path(file) for file in files], answer, progress)

    def unmiss(self, *files: str | os.PathLike[str], by: str, **options: Unpack[SourceKeywords]) -> "Missed":
        """Takes back what `miss` did with these files."""
        from labelsieve.project.lessons import teaching

        answer = teaching.Answer(by, options=SourceOptions(**options))
        return teaching.unmiss(self._context, [Path(file) for file in files], answer)

    def learn_from(
        self,
        other: str | os.PathLike[str],
        by: str,
        task: str | None = None,
        odd: Sequence[str] = (),
        weight: float = WEIGHT,
        progress: "Callable[[EmbedProgress], None] | None" = None,
    ) -> "Learnt":
        """Teaches a screen all labelled items of another project, as a source of its own, dropped where it hurts."""
        from labelsieve.project.lessons import learning

        source = learning.Other(Path(other), by, task, tuple(odd), weight)
        return learning.learn_from(self._context, source, progress)

    def unlearn(self, other: str | os.PathLike[str], task: str | None = None) -> "Learnt":
        """Takes back all that was taught from another project."""
        from labelsieve.project.lessons import learning

        return learning.unlearn(self._context, Path(other), task)

    # What is in it

    def explain(
        self, items: Sequence[int] | Sequence[str] | Ids, out: str | os.PathLike[str] | None = None
    ) -> "list[Explained]":
        """Why each item of a screen counts as odd: its parts, and the nearest known items. `out`: a folder for pictures
        that show where."""
        from labelsieve.project import explaining

        return explaining.explained(
            self._context, explaining.keys_in_pool(self._context, items), Path(out) if out else None
        )

    def doubtful(self) -> "list[Doubt]":
        """The dull labels that look odd and do not train until they are answered dull again, most doubtful first."""
        from labelsieve.project.slips import doubtful_labels

        return doubtful_labels(self._context)

    def answer_doubtful(self, path: str | os.PathLike[str], by: str) -> int:
        """How many doubtful labels were answered by a filled-in file with the columns key and label."""
        from labelsieve.project.slips import answer_again

        return answer_again(self._context, Path(path), by)

    # New items

    def screen(
        self, *new: str | os.PathLike[str] | NDArray[Any], out: str | os.PathLike[str] | None = None,
        **wanted: "Unpack[ScreenKeywords]",
    ) -> "Screened":  # fmt: skip
        """Scores new items (folders, files, arrays), ranks them, and writes those to escalate to `out`."""
        from labelsieve.project.streams import arriving, wanting

        given = [one if isinstance(one, np.ndarray) else Path(one) for one in new]
        return arriving.screen_new(self._context, given, Path(out) if out else None, wanting.Wanted(**wanted))

    def watch(
        self,
        folder: str | os.PathLike[str],
        out: str | os.PathLike[str],
        every: float = 10.0,
        once: bool = False,
        **wanted: "Unpack[ScreenKeywords]",
    ) -> "Iterator[Arrivals]":
        """Screens what arrives in a folder, each file once; appends what to escalate to `out`. For ever, or once."""
        from labelsieve.project.streams import wanting, watching

        return watching.watch_folder(self._context, Path(folder), Path(out), wanting.Wanted(**wanted), every, once)

    # Claims

    def draw_audit(self, n: int, looks: int | None = None, hidden: int = 0, fresh: bool = False) -> "Audit":
        """An audit of n items in all, drawn from everything unreviewed; again with a larger n, it grows.

        `looks`: how often it will be read, declared now; `hidden` known odd items are mixed in to measure who answers;
        `fresh` begins a new audit on what is unreviewed by now.
        """
        from labelsieve.project.claims import certifying

        return certifying.draw_audit(self._context, certifying.Wish(n, looks, hidden, fresh))

    def certify(
        self, recall: float | None = None, confidence: float = 0.95, out: str | os.PathLike[str] | None = None
    ) -> "Claim":
        """What can honestly be claimed now, and what more would cost. An audit that is answered is read: a look.

        `out` is a claim file that `verify_claim` checks elsewhere.
        """
        from labelsieve.project.claims import claiming
        from labelsieve.project.database import transaction

        conn = self._context.conn
        with transaction(conn) if getattr(conn, "writable", True) else nullcontext():  # no label comes in between
            claim = claiming.certify(self._context, recall, confidence)
            if out is not None:
                claiming.write_claim(self._context, claim, Path(out))
        return claim

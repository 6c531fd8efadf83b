"""Dull labels that look odd, as a person reads them, and the file that answers them once more.

doubtful_labels(context) -> list[Doubt]       those that nobody has confirmed, most doubtful first
answer_again(context, path, by) -> int        how many of them a filled-in file answers
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.types import Ids
from labelsieve.project import events, manifest
from labelsieve.project.context import Context
from labelsieve.project.labelfiles import read_label_file
from labelsieve.project.labelling import Given, labels_of
from labelsieve.project.lessons import taught as lessons
from labelsieve.project.standing import stand


@dataclass(frozen=True, slots=True)
class Doubt:
    """A dull label that looks odd; `odd` is the key of the odd item nearest to it."""

    key: str
    odd: str
    ratio: float
    why: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def doubtful_labels(context: Context) -> list[Doubt]:
    """The dull labels that look odd and that nobody has confirmed, most doubtful first."""
    found = stand(context).doubts
    known = _keys(context, np.union1d(found.at, found.odd))
    return [
        Doubt(known[id_], known[odd], round(ratio, 4), _why(known[odd], ratio))
        for id_, odd, ratio in zip(*(part.tolist() for part in found), strict=True)
    ]


def answer_again(context: Context, path: Path, by: str) -> int:
    """How many doubtful labels a filled-in file (key, label) answered; rows of other items are left out.

    An answer that is dull again confirms. InputError for a file that cannot be read, or a class that does not fit.
    """
    open_ = {doubt.key for doubt in doubtful_labels(context)}
    given = {row.key: row.label.strip() for row in read_label_file(path) if row.label and row.label.strip()}
    said = {key: label for key, label in given.items() if key in open_}
    labels = labels_of(context, context.ids_of(list(said)), list(said.values()), Given(by))
    events.write(context.conn, labels)
    return len(labels)


def _keys(context: Context, ids: Ids) -> dict[int, str]:
    """Keys by id; ids (k,) are ascending, and those below 0 are taught items."""
    inside = ids[ids >= 0]
    known = dict(zip(inside.tolist(), manifest.keys(context.conn, inside), strict=True))
    if len(inside) == len(ids):
        return known
    return known | {-row.id: row.key for row in lessons.standing_lessons(context.conn, context.task)}


def _why(odd: str, ratio: float) -> str:
    if ratio == 0:
        return f"answered dull, and the same as {odd}, which is odd"
    return f"answered dull, and {100 * ratio:.0f} % as far from {odd}, which is odd, as from the dull items around it"

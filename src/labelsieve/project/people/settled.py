"""The consensus of a task, one row an item: what is most likely true, how likely, and from how many answers.

    consensus_rows(context) -> Iterator     rows of CONSENSUS_COLUMNS, items ascending
    require_elsewhere(context, path, by)    InputError where such a table would count beside the answers it is made of

A decision comes first. Where two people or more answered by themselves it is the consensus of their answers, else
what one of them said, as likely as that person is right elsewhere. Skipped items are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import InputError
from labelsieve.core.types import Ids, Task
from labelsieve.project import deciding, folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.labelfiles import column_names, read_label_file
from labelsieve.project.people.agreeing import LARGEST, code_names, coded_answers
from labelsieve.sources.classcells import joined_names
from labelsieve.weak.answersets import Answers
from labelsieve.weak.consensus import Consensus, dawid_skene, dawid_skene_each, single_shares

CONSENSUS_COLUMNS = ("key", "label", "answers", "probability", "basis")
BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class _Likely:
    """What answers alone say of items (m,): the chance (m, c) of each class, or of several classes of each to be there;
    NaN where nothing is known of who answered."""

    ids: Ids
    share: NDArray[np.float64]
    times: Ids  # answers that were given by themselves
    places: dict[int, int] = field(default_factory=dict)

    def row(self, item: int) -> tuple[int, NDArray[np.float64] | None]:
        """How many answers an item has, and its chances where they are known."""
        at = self.places.get(item)
        if at is None:
            return 0, None
        share = self.share[at]
        return int(self.times[at]), None if np.isnan(share).any() or not len(share) else share


def consensus_rows(context: Context) -> Iterator[tuple[Any, ...]]:
    """Rows of CONSENSUS_COLUMNS. Cost: a fold, and the consensus as in `agreeing.measure`."""
    conn, task = context.conn, context.task
    agreed = folding.agreed(conn, task.name)
    decided, likely = deciding.decided_items(conn, task), _likely(context, task)
    items, several = list(agreed), task.kind == "multilabel"
    for first in range(0, len(items), BLOCK):
        part = items[first : first + BLOCK]
        for item, key in zip(part, manifest.keys(conn, np.array(part, np.int64)), strict=True):
            times, share = likely.row(item)
            if item in decided:
                yield key, joined_names(agreed[item], several=several), times, 1.0, "decision"
                continue
            names, p = (agreed[item], None) if share is None else _said(task, share, agreed[item])
            basis = "consensus" if times > 1 else "answer" if times else "copy"
            yield key, joined_names(names, several=several), times, p, basis


def require_elsewhere(context: Context, path: Path, by: str) -> None:
    """InputError where a label file is a consensus and people other than `by` have answered items of it here.

    It would count as one more person, who agrees with everybody. Cost: one more reading of such a file, and a fold.
    """
    if not set(CONSENSUS_COLUMNS[1:]) <= set(column_names(path)):
        return
    rows = read_label_file(path, context.key_columns())
    items = manifest.by_key(context.conn, (row.key for row in rows)).values()
    others = {label.item for label in folding.answers(context.conn, context.task_name) if label.by != by}
    if both := len(others.intersection(items)):
        have = "1 of its items has" if both == 1 else f"{both:,} of its items have"
        raise InputError(
            f"{path.name} is a consensus, and {have} answers here: it would count as one more person among them.",
            "it belongs into another project or task, or a trainer; without its column basis it counts as a person.",
        )


def _said(task: Task, share: NDArray[np.float64], agreed: tuple[str, ...]) -> tuple[tuple[str, ...], float]:
    """The likeliest answer and its chance: of several classes an item, that of the least certain one."""
    names = code_names(task)
    if task.kind == "multilabel":
        on = tuple(name for name, p in zip(names, share.tolist(), strict=True) if p >= 0.5)
        return on, round(float(np.maximum(share, 1.0 - share).min()), 6)
    code = int(share.argmax())
    name = names[code]
    if task.kind == "screen" and code and task.dull not in agreed:
        name = agreed[0]  # its own name, where there are several kinds of odd items
    return (name,), round(float(share[code]), 6)


def _likely(context: Context, task: Task) -> _Likely:
    """What answers say that people gave by themselves. A single one is judged by what items with several taught."""
    every = folding.independent(context.conn, task.name, 1)
    several = folding.independent(context.conn, task.name, 2)
    answers, parts = coded_answers(every, task)
    c = len(parts) if parts else answers.n_classes
    times = np.bincount(every.item, minlength=len(every.ids))
    places = {item: at for at, item in enumerate(every.ids.tolist())}
    if not len(several.ids) or len(every.ids) * max(c, 1) > LARGEST:
        return _Likely(every.ids, np.full((len(every.ids), c), np.nan), times, places)
    taught, split = coded_answers(several, task)
    found = dawid_skene_each(taught, split) if parts else [dawid_skene(taught)]
    share = np.full((len(every.ids), c), np.nan)
    both = np.searchsorted(every.ids, several.ids)
    one = np.flatnonzero(times[every.item] == 1)
    share[both] = np.column_stack([part.posterior[:, 1] for part in found]) if parts else found[0].posterior
    share[every.item[one]] = _singly(answers, parts, found, one)
    return _Likely(every.ids, share, times, places)


def _singly(answers: Answers, parts: list[Ids], found: list[Consensus], one: Ids) -> NDArray[np.float64]:
    by = answers.by[one]
    if not parts:
        return single_shares(found[0], by, answers.code[one])
    shares = [single_shares(part, by, codes[one])[:, 1] for part, codes in zip(found, parts, strict=True)]
    return np.column_stack(shares)

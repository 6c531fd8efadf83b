"""Fewer items: a coreset of the pool, and groups of near-duplicates, which can be answered in one action."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.randomness import stream
from labelsieve.core.rounds import Pool
from labelsieve.core.types import Ids, Labels, Matrix
from labelsieve.heads.choose import class_sizes
from labelsieve.project import folding, manifest
from labelsieve.project.context import Context
from labelsieve.project.fitting import fit_task
from labelsieve.project.safecsv import plain_cell
from labelsieve.project.standing import Stand, stand
from labelsieve.project.training import restricted
from labelsieve.selection.coresets import kept, learnt, method_for
from labelsieve.selection.duplicates import groups_of_equals, standing_for
from labelsieve.selection.given import wanted_number
from labelsieve.sources.classcells import joined_names

SHARE = 0.1
ENOUGH = 5  # labels of each class from which predictions may stand in for the labels that are missing
BLOCK = 16_384
READS = 5  # of each item, about: its digest, then twice its cell and the rows of the cell
COLUMNS = ("id", "key", "label")
GROUP_COLUMNS = ("key", "label", "group", "items", "known")

Progress = Callable[[int, int], None]
By = Literal["labels", "predictions", "embeddings"]


@dataclass(frozen=True, slots=True)
class Listed:
    """Items (m,) in an order that means something, with the label that each has as one cell ("" for none)."""

    ids: Ids
    keys: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept(Listed):
    """A coreset, most wanted first: of how many items it was chosen, and how."""

    of: int
    method: str
    by: By


@dataclass(frozen=True, slots=True)
class Group(Listed):
    """Near-duplicates (k,), the one that stands for them first."""


class _Rows:
    """A pool as rows by position, read when they are needed; `tell` is told how many were read by then."""

    def __init__(self, pool: Pool, ids: Ids, tell: Callable[[int], None] | None = None) -> None:
        self._pool, self._ids = pool, ids
        self._tell, self._read = tell, 0
        self.shape = (len(ids), pool.dim)

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: Any) -> Matrix:
        rows = self._pool.take(self._ids[at])
        if self._tell:
            self._read += len(rows)
            self._tell(self._read)
        return rows


def thinned(context: Context, keep: int | None, share: float | None, method: str, labelled: bool) -> Kept:
    """The items to keep, of all but the audit slice, which measures what is trained on them; of the labelled only.

    By class where every item has a label; where each class has 5, predictions stand in for those that are missing;
    else by embeddings alone. InputError where both `keep` and `share` are given or nothing is left to choose from.
    """
    standing = stand(context)
    labels = standing.train
    ids = labels.ids if labelled else standing.sides.search
    if not len(ids):
        raise InputError("there is no item to choose from.", "label some, or leave out --labelled.")
    n = _wanted(len(ids), keep, share)
    codes, by = _codes(context, standing, ids)
    name = method_for(method, n / len(ids), codes is not None)
    rng = stream(context.settings.seed, "coreset", context.task_name, name)
    rows: Any = _Rows(standing.pool, ids)
    y = np.zeros(len(ids), np.int64) if codes is None else codes
    chosen = ids[kept(rows, n, y, learnt(rows, y, name, rng), name, rng)]
    return Kept(*listed(context, labels, chosen), len(ids), name, by)


def _wanted(items: int, keep: int | None, share: float | None) -> int:
    if keep is not None and share is not None:
        raise InputError("both a number and a share to keep are given; one was expected.")
    if keep is not None:
        if not 1 <= wanted_number(keep) <= items:
            raise InputError(
                f"{keep} items are to be kept; 1 to {items:,} was expected.",
                "the items of the audit slice are left out.",
            )
        return keep
    share = SHARE if share is None else share
    if not isinstance(share, int | float | np.number) or not 0 < share <= 1:
        raise InputError(f"a share of {share} is to be kept; above 0, and 1 at most, was expected.")
    return max(round(share * items), 1)


def _codes(context: Context, standing: Stand, ids: Ids) -> tuple[Ids | None, By]:
    """A class for each of `ids` (m,), and where it is from; None where classes say nothing."""
    labels = restricted(standing.train, ids)
    if labels.kind == "multilabel" or not len(labels):
        return None, "embeddings"
    if len(labels) == len(ids):
        return labels.y.astype(np.int64), "labels"
    sizes = class_sizes(labels)
    if np.count_nonzero(sizes) < 2 or sizes[sizes > 0].min() < ENOUGH:
        return None, "embeddings"
    fitted = fit_task(context, standing)
    blocks = [ids[i : i + BLOCK] for i in range(0, len(ids), BLOCK)]
    codes = np.concatenate([fitted.head.predict_proba(standing.pool.take(block)).argmax(axis=1) for block in blocks])
    codes[np.searchsorted(ids, labels.ids)] = labels.y
    return codes.astype(np.int64), "predictions"


def listed(context: Context, labels: Labels, ids: Ids) -> tuple[Ids, tuple[str, ...], tuple[str, ...]]:
    """What a Listed begins with: `ids` (m,), their keys, and what `labels` say of each."""
    at = {int(id_): row for row, id_ in enumerate(labels.ids.tolist())}
    texts = (_text(labels, at[int(id_)]) if int(id_) in at else "" for id_ in ids.tolist())
    return ids, tuple(manifest.keys(context.conn, ids)), tuple(texts)


def _text(labels: Labels, row: int) -> str:
    if labels.kind == "multilabel":
        names = [name for name, there in zip(labels.classes, labels.y[row], strict=True) if there > 0.5]
        return joined_names(names)
    return labels.classes[int(labels.y[row])]


def duplicates_of(context: Context, similarity: float, progress: Progress | None = None) -> list[Group]:
    """Groups of two and more near-duplicates of the pool, largest first. `progress`: (items compared, of all)."""
    pool = stand(context).pool
    items = len(pool.ids)
    told = progress or (lambda done, total: None)
    rows: Any = _Rows(pool, pool.ids, lambda read: told(min(read // READS, items), items))
    groups = groups_of_equals(standing_for(rows, similarity, stream(context.settings.seed, "duplicates")))
    told(items, items)
    labels = folding.fold(context.conn, context.task_name)
    return [Group(*listed(context, labels, pool.ids[positions])) for positions in groups]


def group_rows(groups: list[Group]) -> list[tuple[str, str, int, int, str]]:
    """Rows of GROUP_COLUMNS, one an item: `label` is empty, to be filled in, once a group is enough.

    What is known already stands apart: one known label must not answer a group that nobody looked at.
    """
    return [
        (key, "", number, len(group.ids), label)
        for number, group in enumerate(groups, start=1)
        for key, label in zip(group.keys, group.labels, strict=True)
    ]


def read_groups(path: Path) -> list[tuple[tuple[str, ...], str]]:
    """(keys, label) of each group of a filled-in file; groups without a label are left out.

    InputError for a file that is no such table, and for a group with two different labels.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            columns = table.fieldnames or ()
            rows = [row for row in table if any(row.get(name) for name in GROUP_COLUMNS[:3])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV: {error}.", "give what duplicates --out wrote.") from error
    if not {"key", "label", "group"} <= set(columns):
        raise InputError(
            f"{path.name} has the columns {', '.join(columns) or 'none'}; key, label, group were expected.",
            "give what duplicates --out wrote.",
        )
    keys: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    for row in rows:
        group, label = (row["group"] or "").strip(), plain_cell((row["label"] or "").strip())
        if not group:
            raise InputError(f"the item {row['key']!r} is in no group.", "fill in its group, or remove the row.")
        keys.setdefault(group, []).append(plain_cell(row["key"] or ""))
        if label and said.setdefault(group, label) != label:
            raise InputError(f"group {group} has the labels {said[group]!r} and {label!r}.", "leave one of them.")
    return [(tuple(keys[group]), label) for group, label in said.items()]

"""Odd places of images: patch scores and heat maps by the feature maps of a project.

    patch_scores(context, ids) -> Vector | None         how odd each image is at its oddest place
    heat_map(context, thing_or_id) -> (h, w) | None     where
    save_heat(image, heat, path)                        as a picture with a legend

1 is as odd as the oddest place of the dull images. None: no maps, or nothing to compare with yet.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from labelsieve.core.errors import InputError
from labelsieve.core.idsets import common, holds
from labelsieve.core.randomness import stream
from labelsieve.core.types import DULL, ODD, Ids, Labels, Matrix, Vector
from labelsieve.engines.maps import FeatureMaps
from labelsieve.project.context import Context
from labelsieve.project.lessons.patching import odd_patches
from labelsieve.project.pictures.mapped import MapPool, map_engine, map_pool
from labelsieve.project.pictures.templates import Templates, templates_of
from labelsieve.project.standing import Stand, stand
from labelsieve.screening.heat import HIGH, LOW, colours, levels, painted
from labelsieve.screening.patches import TINY, PatchBank, heat_score, pair_heat
from labelsieve.selection.candidates import thin
from labelsieve.store.placing import placed

MOST_ODD = 200  # odd pictures of the pool that are learnt from, and as many that were missed
BLOCK = 32  # images whose maps are in memory at once
PAIRS = 100  # pairs that say how unlike its template a usual image is
START = 0.5  # where the legend begins
SIDE = 1024  # pixels of the longer side of a saved picture, at most


@dataclass
class Finder:
    """What finds odd places for one task, made once for all that is scored. Patches of dull training items are the
    bank, and odd ones say which of its distances matter; an image with a template is held against that instead."""

    context: Context
    pool: MapPool
    dull: Ids  # labelled dull, with a map, ascending
    templates: Templates | None = None
    odd: Ids = field(default_factory=lambda: np.empty(0, np.int64))  # labelled odd, with a map, ascending
    missed: list[Matrix] = field(default_factory=list)  # patches (p, c) of odd pictures that the pool does not hold

    @cached_property
    def bank(self) -> PatchBank | None:
        """The bank of dull patches, kept under cache/ for the next process; None while nothing is known to be dull."""
        if not len(self.dull):
            return None
        found = _read(self._folder / f"{self._mark}.npz")
        if found is None:
            rng = stream(self.context.settings.seed, "patches", self.context.task_name)
            depth = self.pool.grid[2]
            odd = [self.pool.take(self.odd[i : i + 1]).reshape(-1, depth) for i in range(len(self.odd))]
            found = PatchBank().fit(self.pool.take(self.dull), self.pool.grid, rng, [*odd, *self.missed])
            _write(self._folder, self._mark, f"{self._mark}.npz", found.state())
        return found

    @property
    def _folder(self) -> Path:
        return self.context.cache / "patches" / self.context.task_name

    @cached_property
    def _mark(self) -> str:
        """Names what all scores by the bank depend on."""
        text = f"{self.context.settings.map_embeddings} {self.pool.grid} {self.dull.tolist()} {self.odd.tolist()}"
        missed = b"".join(hashlib.blake2b(one.tobytes()).digest() for one in self.missed)
        return hashlib.blake2b(text.encode() + missed, digest_size=12).hexdigest()

    def banked(self, ids: Ids) -> Vector:
        """As `scores`, by the bank alone, as a picture that is not in the pool is scored: with or without a template.

        NaN without a map. What was scored is kept under cache/ until another label comes.
        """
        known, there = self._banked, ids[np.isin(ids, self.pool.ids)] if self.bank is not None else ids[:0]
        new = np.array([id_ for id_ in np.unique(there).tolist() if id_ not in known], np.int64)
        if len(new):
            blocks = (new[i : i + BLOCK] for i in range(0, len(new), BLOCK))
            known.update(zip(new.tolist(), np.concatenate([self._by_bank(part) for part in blocks]), strict=True))
            kept = {"ids": np.array(list(known), np.int64), "score": np.array(list(known.values()), np.float64)}
            _write(self._folder, self._mark, f"{self._mark}-scores.npz", kept)
        return np.array([known.get(id_, np.nan) for id_ in ids.tolist()], np.float64)

    @cached_property
    def _banked(self) -> dict[int, float]:
        kept = _load(self._folder / f"{self._mark}-scores.npz")
        if kept is None or not {"ids", "score"} <= kept.keys() or len(kept["ids"]) != len(kept["score"]):
            return {}
        return dict(zip(kept["ids"].tolist(), kept["score"].tolist(), strict=True))

    def _by_bank(self, ids: Ids) -> Vector:
        assert self.bank is not None  # noqa: S101  only asked where something is known to be dull
        out = np.full(len(ids), np.nan)
        for those, score in ((self.dull, self.bank.own), (self.odd, self.bank.seen)):
            known = np.isin(ids, those)
            out[known] = score[np.searchsorted(those, ids[known])]
        new = np.isnan(out)
        out[new] = self.bank.score(self.pool.take(ids[new]))
        return out

    @cached_property
    def engine(self) -> FeatureMaps:
        """The engine of the maps, for what is not in the pool."""
        return map_engine(self.context)

    @cached_property
    def usual(self) -> float:
        """How unlike its template a usual image is: the median of up to 100 of the pool."""
        if self.templates is None:
            return 1.0
        ids = self.templates.ids
        if len(ids) > PAIRS:
            ids = np.sort(stream(self.context.settings.seed, "pairs").choice(ids, PAIRS, replace=False))
        found = [heat_score(self._unlike(ids[i : i + BLOCK])) for i in range(0, len(ids), BLOCK)]
        return max(float(np.median(np.concatenate(found))), TINY) if found else 1.0

    def scores(self, ids: Ids) -> Vector:
        """How odd each of `ids` is (m,) at its oddest place; NaN for one without a map, or with nothing beside it.

        A labelled item is scored by what the others teach. Cost: about .03 s an item and core.
        """
        out = np.full(len(ids), np.nan)
        there = np.flatnonzero(np.isin(ids, self.pool.ids))
        for first in range(0, len(there), BLOCK):
            at = there[first : first + BLOCK]
            out[at] = self._scores(ids[at])
        return out

    def _scores(self, ids: Ids) -> Vector:
        out = np.full(len(ids), np.nan)
        paired = np.isin(ids, self.templates.ids) if self.templates is not None else np.zeros(len(ids), bool)
        if paired.any():
            out[paired] = heat_score(self._unlike(ids[paired]) / np.float32(self.usual))
        if self.bank is None or paired.all():
            return out
        out[~paired] = self._by_bank(ids[~paired])
        return out

    def has_template(self, id_: int) -> bool:
        """Whether an item of the pool is held against its template, and not against the dull pictures."""
        return self.templates is not None and holds(self.templates.ids, np.array([id_], np.int64))

    def heat(self, id_: int) -> Matrix | None:
        """Where the item is odd (h, w); None as in `scores`. A dull item of the bank looks usual to itself."""
        one = np.array([id_], np.int64)
        if not holds(self.pool.ids, one):
            return None
        if self.templates is not None and self.has_template(id_):
            return np.asarray(self._unlike(one)[0] / np.float32(self.usual), np.float32)
        return None if self.bank is None else np.asarray(self.bank.heat(self.pool.take(one))[0], np.float32)

    def maps_of(self, things: list[Any]) -> Matrix:
        """Maps (m, h * w * c) of pictures that are not in the pool. InputError for what is no image."""
        return self.pool.as_kept(self.engine.compute([self.engine.prepare(thing) for thing in things]))

    def of_maps(self, maps: Matrix) -> Vector:
        """How odd pictures that are not in the pool are (m,), of maps (m, h * w * c) as the engine gives them."""
        assert self.bank is not None  # noqa: S101  only asked where something is known to be dull
        return self.bank.score(self.pool.as_kept(maps))

    def scores_of(self, things: list[Any]) -> Vector | None:
        """How odd pictures that are not in the pool are (m,), by the bank; None while nothing is known to be dull."""
        if self.bank is None:
            return None
        parts = [self.bank.score(self.maps_of(things[i : i + BLOCK])) for i in range(0, len(things), BLOCK)]
        return np.concatenate([np.empty(0), *parts])

    def heat_of(self, thing: Any) -> Matrix | None:
        """Where a picture that is not in the pool is odd (h, w); None while nothing is known to be dull."""
        return None if self.bank is None else np.asarray(self.bank.heat(self.maps_of([thing]))[0], np.float32)

    def _unlike(self, ids: Ids) -> Matrix:
        assert self.templates is not None  # noqa: S101  only asked for items that have one
        return pair_heat(self.pool.take(ids), self.templates.take(ids), self.pool.grid)


def finder(context: Context, standing: Stand | None = None) -> Finder | None:
    """What finds odd places for a screen task; None without feature maps, or for a task of another kind."""
    if context.task.kind != "screen":
        return None
    pool = map_pool(context)
    if pool is None or not len(pool.ids):
        return None
    labels: Labels = (standing or stand(context)).train
    dull, odd = (np.sort(common(pool.ids, labels.ids[labels.y == code])) for code in (DULL, ODD))
    odd = np.sort(thin(odd, MOST_ODD, stream(context.settings.seed, "odd pictures", context.task_name)))
    missed = odd_patches(context, pool.grid[2])[-MOST_ODD:]
    return Finder(context, pool, dull, templates_of(context, pool), odd, missed)


def patch_scores(context: Context, ids: Ids) -> Vector | None:
    """How odd each of `ids` is (m,) at its oddest place: 1 = as odd as the oddest place of the dull images.

    NaN for items without a map. None without maps, or while there is neither a dull label nor a template.
    """
    found = finder(context)
    if found is None or (found.bank is None and found.templates is None):
        return None
    return found.scores(np.asarray(ids, np.int64))


def heat_map(context: Context, thing: Any) -> Matrix | None:
    """Where an item (its id), or a picture that is not in the pool, is odd: (h, w), None as in `patch_scores`."""
    found = finder(context)
    if found is None:
        return None
    return found.heat(int(thing)) if isinstance(thing, int | np.integer) else found.heat_of(thing)


def save_heat(image: Any, heat: Matrix, path: Path) -> Path:
    """The path of the PNG written: the picture with its heat over it, and what the colours mean below.

    InputError for what is no image, or where the file cannot be written.
    """
    from PIL import Image, ImageDraw, ImageFont

    from labelsieve.engines.images import load_image

    picture = load_image(image)
    scale = min(SIDE / max(picture.size), max(1.0, 320 / max(picture.size)))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    drawn = painted(np.asarray(picture.resize(size, Image.Resampling.BICUBIC)), heat)
    letters, bar = 13, 14
    canvas = Image.new("RGB", (max(size[0], 320), size[1] + 2 * bar + letters + 6), "white")
    canvas.paste(Image.fromarray(drawn), (0, 0))
    width, top = canvas.width - 20, size[1] + bar // 2
    strip = np.linspace(START, HIGH, width)
    inside = np.where((strip < LOW)[:, None], 225.0, colours(levels(strip)))
    canvas.paste(Image.fromarray(np.repeat(inside[None], bar, axis=0).round().astype(np.uint8)), (10, top))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(letters)
    one = 10 + round(width * (1 - START) / (HIGH - START))
    draw.line([(one, top - 2), (one, top + bar + 1)], fill="black", width=2)
    below = top + bar + 2
    draw.text((10, below), "usual", "black", font)
    draw.text((one, below), "1: the oddest dull place", "black", font, anchor="ma")
    draw.text((canvas.width - 10, below), f"{HIGH:g} +", "black", font, anchor="ra")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        canvas.save(path, "PNG")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.", "name another folder.") from error
    return path


def _read(path: Path) -> PatchBank | None:
    try:
        state = _load(path)
        return None if state is None else PatchBank().restore(state)
    except (ValueError, KeyError):
        return None


def _load(path: Path) -> dict[str, Any] | None:
    try:
        with np.load(path, allow_pickle=False) as state:
            return {name: state[name] for name in state.files}
    except (OSError, ValueError, EOFError, BadZipFile):
        return None


def _write(folder: Path, mark: str, name: str, state: Mapping[str, Any]) -> None:
    """Keeps arrays, and drops those of another mark; where nothing can be written, they are made again."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with placed(folder, "bank") as temporary:
            with temporary.open("wb") as file:
                np.savez(file, **state)
            temporary.replace(folder / name)
        for path in folder.glob("*.npz"):
            if not path.name.startswith(mark):
                path.unlink(missing_ok=True)
    except OSError:
        return

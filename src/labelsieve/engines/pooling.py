"""Tokens -> one row a text, as sentence-transformers' 1_Pooling/config.json says."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelsieve.core.errors import EngineError
from labelsieve.core.types import Matrix
from labelsieve.engines.tokenizing import read_json

_OTHER = "choose another engine."
Mask = NDArray[np.float32]


def _mean(values: Matrix, mask: Mask) -> Matrix:
    return np.asarray((values * mask).sum(axis=1) / np.maximum(mask.sum(axis=1), 1e-9))


def _max(values: Matrix, mask: Mask) -> Matrix:
    return np.asarray(np.where(mask > 0, values, np.float32(-1e9)).max(axis=1))


def _root(values: Matrix, mask: Mask) -> Matrix:
    return np.asarray((values * mask).sum(axis=1) / np.sqrt(np.maximum(mask.sum(axis=1), 1e-9)))


def _weighted(values: Matrix, mask: Mask) -> Matrix:
    return _mean(values, mask * np.arange(1, values.shape[1] + 1, dtype=np.float32)[None, :, None])


def _last(values: Matrix, mask: Mask) -> Matrix:
    at = np.maximum(mask[..., 0].sum(axis=1).astype(np.int64) - 1, 0)
    return np.asarray(values[np.arange(len(values)), at])


# In the order in which sentence-transformers concatenates them.
_MODES: dict[str, tuple[str, Callable[[Matrix, Mask], Matrix]]] = {
    "pooling_mode_cls_token": ("cls", lambda values, mask: np.asarray(values[:, 0])),
    "pooling_mode_max_tokens": ("max", _max),
    "pooling_mode_mean_tokens": ("mean", _mean),
    "pooling_mode_mean_sqrt_len_tokens": ("mean_sqrt_len_tokens", _root),
    "pooling_mode_weightedmean_tokens": ("weightedmean", _weighted),
    "pooling_mode_lasttoken": ("lasttoken", _last),
}
_BY_NAME = dict(_MODES.values())


@dataclass(frozen=True, slots=True)
class Pooling:
    """Modes that are concatenated: usually one, "mean" or "cls"."""

    modes: tuple[str, ...] = ("mean",)

    def __call__(self, values: Matrix, mask: NDArray[Any]) -> Matrix:
        """(b, d) of tokens (b, s, d) and their mask (b, s); rows that are already pooled stay as they are."""
        if values.ndim == 2:
            return values
        weights = mask[..., None].astype(np.float32)
        parts = [_BY_NAME[mode](values, weights) for mode in self.modes]
        return np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1), dtype=np.float32)


def read_pooling(folder: Path) -> Pooling:
    """How the tokens of a model folder are pooled; the mean where nothing is said.

    Raises EngineError for a mode or a further layer that is not known here.
    """
    modules = folder / "modules.json"
    if modules.is_file() and '"sentence_transformers.models.Dense"' in modules.read_text(encoding="utf-8"):
        raise EngineError(f"{folder.name} has a Dense layer after its pooling; that is not done here.", _OTHER)
    config = read_json(folder / "1_Pooling" / "config.json")
    named = config.get("pooling_mode")
    if named:
        modes = tuple([named] if isinstance(named, str) else named)
    else:
        modes = tuple(name for key, (name, _) in _MODES.items() if config.get(key))
    unknown = [mode for mode in modes if mode not in _BY_NAME]
    if unknown:
        raise EngineError(f"{folder.name} is pooled by {unknown[0]!r}; known are {', '.join(_BY_NAME)}.", _OTHER)
    return Pooling(modes or ("mean",))

"""The real pools of the label-efficiency benchmark: embeddings and truth, embedded once and kept in a cache folder."""

import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from labelsieve.core.types import Labels

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


Maker = Callable[[], tuple[np.ndarray, Labels]]


@dataclass(frozen=True)
class Setting:
    """A pool and how it is asked: labels in all, items a query (= number of classes), sub-pool a seed (0 = all)."""

    name: str
    make: Maker
    budget: int
    size: int
    sample: int = 0
    tabular: bool = False


def load(setting: Setting, cache: Path) -> tuple[np.ndarray, Labels]:
    """Embeddings (n, d) and the truth about them, from the cache where they are there."""
    path = cache / f"{setting.name}.npz"
    if not path.exists():
        x, truth = setting.make()
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, x=x, y=truth.y, classes=np.array(truth.classes), kind=truth.kind)
    with np.load(path) as kept:
        labels = Labels(np.arange(len(kept["y"])), kept["y"], tuple(kept["classes"].tolist()), str(kept["kind"]))
        return kept["x"], labels


def embed(engine: Any, things: Sequence[Any], size: int = 32) -> np.ndarray:
    """(n, dim) rows, computed in the order of length for texts, so that little is padded."""
    order = np.argsort([len(t) if isinstance(t, str) else 0 for t in things], kind="stable")
    out = np.empty((len(things), engine.dim), np.float32)
    for part in _parts(order, size):
        out[part] = engine.compute([engine.prepare(things[i]) for i in part])
    return out


def digits() -> tuple[np.ndarray, Labels]:
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data.astype(np.float32), _classes([str(t) for t in data.target])


def digits_patches() -> tuple[np.ndarray, Labels]:
    from labelsieve.engines.patches import Patches
    from labelsieve.testing.digits import write_digits

    with tempfile.TemporaryDirectory() as folder:
        files = sorted(write_digits(folder).rglob("*.png"))
        engine = Patches().fit(files, np.random.default_rng(0))
        return embed(engine, files), _classes([f.parent.name for f in files])


def clothing() -> tuple[np.ndarray, Labels]:
    from labelsieve.engines.opening import open_engine

    folder = SHARED / "images_clothing"
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    engine = open_engine(SHARED / "models" / "mobilenetv2")
    return embed(engine, [folder / row["file"] for row in rows]), _classes([row["label"] for row in rows])


def clinc150(out_of_scope: bool = False) -> tuple[np.ndarray, Labels]:
    texts, labels = _parquet("text_clinc150/clinc150.parquet", "text", "label")
    kept = [i for i, label in enumerate(labels) if out_of_scope or label != "oos"]
    return embed(_minilm(), [texts[i] for i in kept]), _classes([labels[i] for i in kept])


def goemotions(part: int = 20_000) -> tuple[np.ndarray, Labels]:
    texts, labels = _parquet("text_goemotions/goemotions.parquet", "text", "labels")
    kept = np.sort(np.random.default_rng(0).choice(len(texts), part, replace=False))
    sets = [set(labels[i].split(";")) for i in kept]
    names = sorted(set().union(*sets))
    y = np.array([[name in s for name in names] for s in sets], np.float32)
    return embed(_minilm(), [texts[i] for i in kept]), Labels(np.arange(len(kept)), y, tuple(names), "multilabel")


def table(name: str) -> tuple[np.ndarray, Labels]:
    """Rows of a CSV file by the table engine; the last column is the truth."""
    from labelsieve.engines.table import TableEngine

    with (SHARED / "tabular_bias" / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row.pop(list(row)[-1]) for row in rows]
    return embed(TableEngine().fit(rows, np.random.default_rng(0)), rows), _classes(labels)


def long_tailed(make: Maker, ratio: float = 20.0) -> Maker:
    """The same items with fewer of each further class: the largest keeps all, the smallest one in `ratio`."""

    def made() -> tuple[np.ndarray, Labels]:
        x, truth = make()
        rng, c = np.random.default_rng(0), len(truth.classes)
        rank = rng.permutation(c)
        kept = []
        for code in range(c):
            mine = np.flatnonzero(truth.y == code)
            share = ratio ** (-rank[code] / (c - 1))
            kept.append(rng.choice(mine, max(int(share * len(mine)), 8), replace=False))
        at = np.sort(np.concatenate(kept))
        return x[at], Labels(np.arange(len(at)), truth.y[at], truth.classes)

    return made


def molecules() -> tuple[np.ndarray, Labels]:
    """HIV: 41,120 fingerprints of 1,024 bits, 3.5 % active; a screen task."""
    with np.load(SHARED / "active_search_molecules" / "HIV_ecfp4_1024_packed.npz") as kept:
        x = np.unpackbits(kept["fp"], axis=1).astype(np.float32)
    y = np.array(_parquet("active_search_molecules/HIV.parquet", "HIV_active")[0], np.int64)
    return x, Labels(np.arange(len(y)), y, ("dull", "odd"), "screen")


def _minilm() -> Any:
    from labelsieve.engines.opening import open_engine

    return open_engine(SHARED / "models" / "minilm-l6-v2")


def _parquet(name: str, *columns: str) -> list[list[str]]:
    import pyarrow.parquet as pq

    table = pq.read_table(SHARED / name, columns=list(columns))
    return [table[column].to_pylist() for column in columns]


def _classes(labels: list[str]) -> Labels:
    names, y = np.unique(labels, return_inverse=True)
    return Labels(np.arange(len(y)), y.astype(np.int64), tuple(names.tolist()))


def _parts(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for first in range(0, len(order), size):
        yield order[first : first + size]


SETTINGS = {
    s.name: s
    for s in (
        Setting("digits", digits, 100, 10),
        Setting("digits_patches", digits_patches, 100, 10),
        Setting("digits_imbalanced", long_tailed(digits), 100, 10),
        Setting("clothing_imbalanced", long_tailed(clothing), 200, 10),
        Setting("hiv", molecules, 200, 10, 4000),
        Setting("clinc150", clinc150, 770, 77, 4000),
        Setting("clothing", clothing, 200, 10),
        Setting("goemotions", goemotions, 280, 28, 4000),
        Setting("clinc150_oos", lambda: clinc150(out_of_scope=True), 770, 77, 4000),
        Setting("german_credit", lambda: table("german_credit"), 200, 10, 0, True),
        Setting("adult", lambda: table("adult"), 200, 10, 4000, True),
    )
}
MAIN = ("digits", "digits_patches", "clinc150", "clothing", "goemotions")

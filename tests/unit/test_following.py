"""A renamed source, or a moved project, never doubles an item."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import labelsieve as ls
from labelsieve.core.errors import ProjectError


def _table(path: Path) -> dict[str, Any]:
    path.write_text("id,text\n" + "".join(f"k{i},text {i}\n" for i in range(20)))
    return {"text": "text"}


def _keyed(path: Path) -> dict[str, Any]:
    return {**_table(path), "key": "id"}


def _array(path: Path) -> dict[str, Any]:
    np.save(path, np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32))
    return {}


def _folder(path: Path) -> dict[str, Any]:
    path.mkdir()
    for at in range(20):
        Image.new("RGB", (4, 4), (at, 0, 0)).save(path / f"{at}.png")
    return {}


def _rename(root: Path, old: str, new: str) -> None:
    toml = root / "labelsieve.toml"
    toml.write_text(toml.read_text().replace(f'path = "{old}"', f'path = "{new}"'))


@pytest.mark.parametrize(
    ("make", "old", "new"),
    [(_table, "a.csv", "b.csv"), (_keyed, "a.csv", "b.csv"), (_array, "a.npy", "b.npy"), (_folder, "a", "b")],
)
def test_a_renamed_source_keeps_items_and_labels(
    tmp_path: Path, make: Callable[[Path], dict[str, Any]], old: str, new: str
) -> None:
    options = make(tmp_path / old)
    root = tmp_path / "p.sieve"
    with ls.create(root, tmp_path / old, **options) as p:
        before = p.context.conn.execute("SELECT id, key FROM items").fetchall()
        p.label([1, 2], ["a", "b"], by="ann")
    (tmp_path / old).rename(tmp_path / new)
    with ls.open(root) as p, pytest.raises(ProjectError, match=r"not there.*\n.*new path"):
        p.sync()
    _rename(root, f"../{old}", f"../{new}")
    with ls.open(root) as p:
        report = p.sync()
        assert (report.added, report.gone, report.unchanged) == (0, 0, 20)
        assert p.context.conn.execute("SELECT id, key FROM items").fetchall() == before
        assert p.status()["labels"] == 2
        assert len(p.items([1, 2])) == 2


def test_a_source_of_other_content_is_a_new_one(tmp_path: Path) -> None:
    root = tmp_path / "p.sieve"
    ls.create(root, tmp_path / "a.csv", **_table(tmp_path / "a.csv")).close()
    (tmp_path / "b.csv").write_text("text\nother\n")
    _rename(root, "../a.csv", "../b.csv")
    with ls.open(root) as p:
        assert p.sync().added == 1
    _rename(root, "../b.csv", "../a.csv")
    with ls.open(root) as p:
        assert p.sync().unchanged == 20

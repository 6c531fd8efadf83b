"""Rows that have gone from a table or an array: what was asked of them is shown as gone, and never as another row."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.types import ODD
from labelsieve.testing.toys import toy_odd

TOY = toy_odd(200, 20)


def table(path: Path, keep: list[int]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["key", "text"], *([f"k{i}", f"the text of item {i}"] for i in keep)])


def array(path: Path, keep: list[int]) -> None:
    np.savez(path, x=TOY.x[keep], key=np.array([f"k{i}" for i in keep]))


def asked(p: ls.Project, n: int) -> ls.Project:
    query = p.next(n)
    p.label(query.ids, ["odd" if TOY.y[int(i.key[1:])] == ODD else "dull" for i in query.items], "ann", query=query.id)
    return p


@pytest.mark.parametrize(("name", "write", "options"), [("t.csv", table, {"text": "text"}), ("x.npz", array, {})])
def test_past_queries_whose_items_have_gone(tmp_path: Path, name: str, write: Any, options: dict[str, str]) -> None:
    write(tmp_path / name, list(range(200)))
    with ls.create(tmp_path / "p.sieve", tmp_path / name, task="screen", key="key", **options) as p:  # type: ignore[arg-type]
        p.embed() if name == "t.csv" else None
        for _ in range(3):
            asked(p, 15)
        p.draw_audit(20, hidden=2)
        before = p.status()["classes"]
        keep = [i for i in range(200) if i % 3]
        write(tmp_path / name, keep)
        assert p.sync().gone == 67
        (gone, there) = p.items(["k0", "k100"])
        assert isinstance(gone.data, ls.InputError) and "gone from its source" in gone.data.fact and not gone.meta
        assert "item 100" in there.data if name == "t.csv" else np.array_equal(there.data, TOY.x[100])
        page = p.report().read_text(encoding="utf-8")
        assert "cannot be shown: it has gone from its source" in page
        assert p.status()["classes"] == before  # labels stay
        assert not {int(item.key[1:]) % 3 for item in p.next(15).items} & {0}
        assert p.certify().state == "open"
        asked(p, 10)


def test_a_project_whose_rows_have_gone_teaches_what_is_there(tmp_path: Path) -> None:
    table(tmp_path / "t.csv", list(range(60)))
    table(tmp_path / "u.csv", list(range(100, 160)))
    with ls.create(tmp_path / "u.sieve", tmp_path / "u.csv", task="screen", key="key", text="text") as other:
        other.label([f"k{i}" for i in range(100, 110)], ["odd", "dull"] * 5, by="bob")
        table(tmp_path / "u.csv", list(range(105, 160)))
        other.sync()
    with ls.create(tmp_path / "p.sieve", tmp_path / "t.csv", task="screen", key="key", text="text") as p:
        p.embed()
        done = p.learn_from(tmp_path / "u.sieve", by="ann")
        assert done.taught.added == 5 and {key for key, _ in done.bad} == {f"k{i}" for i in range(100, 105)}
        assert all("gone from its source" in why for _, why in done.bad)

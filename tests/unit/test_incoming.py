"""What is to be screened: read as the project's own source is, block by block, one bad item set aside."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import labelsieve as ls
from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.rounds import ArrayPool
from labelsieve.engines.given import Given
from labelsieve.project.streams.incoming import BLOCK, incoming_items, row_marks, same_rows
from labelsieve.testing.hashing import HashEngine


def rows_csv(path: Path, rows: list[dict[str, object]]) -> Path:
    names = list(rows[0])
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def table(n: int) -> list[dict[str, object]]:
    return [{"id": f"r{i}", "size": i, "colour": "rg"[i % 2], "verdict": "dull"} for i in range(n)]


def test_a_table_is_read_as_the_projects_own(tmp_path: Path) -> None:
    pool = rows_csv(tmp_path / "pool.csv", table(20))
    fresh = [{"extra": 1, **{k: row[k] for k in ("colour", "size", "id")}} for row in table(5)]
    new = rows_csv(tmp_path / "new.csv", fresh)  # another order, one column more, no labels
    with ls.create(tmp_path / "p.sieve", pool, task="screen", key="id", labels="verdict") as p:
        found = incoming_items(p.context, [new], 64)
        assert len(found) == 5 and found.key(3) == "r3"
        assert found.thing(3) == {"size": "3", "colour": "g"}
        kept, x = next(found.blocks(HashEngine(), 64))
        assert_array_equal(kept, np.arange(5))
        own = list(p.context.things(p.context.ids_of(["r0", "r1", "r2", "r3", "r4"])))
        assert_array_equal(x, HashEngine().compute([HashEngine().prepare(row) for row in own]))


def test_other_columns_and_another_kind_are_named(tmp_path: Path) -> None:
    pool = rows_csv(tmp_path / "pool.csv", table(20))
    other = rows_csv(tmp_path / "other.csv", [{"id": "a", "weight": 1, "colour": "r"}])
    np.save(tmp_path / "x.npy", np.ones((3, 4), np.float32))
    with ls.create(tmp_path / "p.sieve", pool, task="screen", key="id", labels="verdict") as p:
        with pytest.raises(InputError, match=r"other.csv lacks the columns 'size'; it has id, weight, colour"):
            incoming_items(p.context, [other], 64)
        with pytest.raises(InputError, match="x.npy holds items of kind embedding; this project holds row"):
            incoming_items(p.context, [tmp_path / "x.npy"], 64)
        with pytest.raises(InputError, match="is not there"):
            incoming_items(p.context, [tmp_path / "nothing.csv"], 64)


def test_arrays_of_another_width_and_rows_that_are_not_finite(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "pool.npy", rng.normal(size=(30, 4)).astype(np.float32))
    x = rng.normal(size=(BLOCK + 10, 4)).astype(np.float32)
    x[BLOCK + 3, 1] = np.nan
    with ls.create(tmp_path / "p.sieve", tmp_path / "pool.npy", task="screen") as p:
        found = incoming_items(p.context, [x], 4)
        parts = list(found.blocks(Given(4), 4))
        assert [len(at) for at, _ in parts] == [BLOCK, 9]
        assert found.bad[0][0] == str(BLOCK + 3) and "not finite" in found.bad[0][1]
        assert_array_equal(np.concatenate([part for _, part in parts]), np.delete(x, BLOCK + 3, axis=0))
        with pytest.raises(ShapeError, match="array has 5 columns; the embeddings of this project have 4"):
            incoming_items(p.context, [np.ones((2, 5))], 4)
        with pytest.raises(InputError, match="nothing to screen"):
            incoming_items(p.context, [x[:0]], 4)
        both = incoming_items(p.context, [x[:2], x[:3]], 4)
        assert len(both) == 5 and both.key(3) == "array:1"


def test_equal_rows_have_equal_marks_and_are_found_in_the_pool() -> None:
    rng = np.random.default_rng(1)
    pool = rng.integers(0, 4, size=(5000, 3)).astype(np.float32)
    x = np.concatenate([pool[[7, 4000]], rng.normal(size=(50, 3)).astype(np.float32), -0.0 * pool[:1]])
    ids = np.arange(100, 5100)
    found = same_rows(ArrayPool(pool, ids), row_marks(x))
    for row, id_ in zip(x, found.tolist(), strict=True):
        there = np.flatnonzero((pool == row).all(axis=1))
        assert id_ == (ids[there[0]] if len(there) else -1)


def test_many_rows_have_many_marks() -> None:
    x = np.random.default_rng(2).normal(size=(100_000, 2)).astype(np.float32)
    assert len(np.unique(row_marks(x))) == len(np.unique(x, axis=0))

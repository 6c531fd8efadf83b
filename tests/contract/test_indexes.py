"""What every index keeps: one suite over the exact search, every row compared, and inverted lists."""

import numpy as np
import pytest

from labelsieve.core.errors import InputError, ShapeError
from labelsieve.core.rounds import ArrayPool
from labelsieve.selection.neighbours import ExactRows
from labelsieve.store.indexbuild import IndexSettings, build_index
from labelsieve.store.indexfiles import About

FLAT = IndexSettings(held_out=20)
LISTS = IndexSettings(flat_rows=0, held_out=40, recall_k=10, part_bytes=4000)


def rows(n=600, d=12, groups=10, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(groups, d))[rng.integers(groups, size=n)] + 0.4 * rng.normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def make(kind, x, folder, ids=None):
    pool = ArrayPool(x, ids)
    if kind == "exact":
        return ExactRows(pool)
    return build_index(folder, pool, About("toy"), settings=FLAT if kind == "flat" else LISTS)


@pytest.fixture(params=["exact", "flat", "lists"])
def kind(request):
    return request.param


def test_finds_what_is_near(kind, tmp_path):
    x = rows()
    found, like = make(kind, x, tmp_path).search(x[:50], 10)
    true = np.argsort(-(x[:50] @ x.T), axis=1)[:, :10]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)]) >= (0.9 if kind == "lists" else 1)
    assert found[:, 0].tolist() == list(range(50))
    assert np.all(np.diff(like, axis=1) <= 0)
    assert np.allclose(like, np.take_along_axis(x[:50] @ x.T, found, axis=1), atol=0.02)


def test_the_same_alone_or_together(kind, tmp_path):
    x = rows()
    index = make(kind, x, tmp_path)
    together = index.search(x[:70], 15)
    for i in (0, 3, 69):
        alone = index.search(x[i : i + 1], 15)
        assert np.array_equal(alone[0][0], together[0][i]) and np.array_equal(alone[1][0], together[1][i])


def test_fewer_than_k(kind, tmp_path):
    x = rows(6)
    found, like = make(kind, x, tmp_path).search(x[:2], 9)
    assert np.all(np.sort(found[:, :6], axis=1) == np.arange(6))
    assert np.all(found[:, 6:] == -1) and np.all(like[:, 6:] == -np.inf)


def test_one_item(kind, tmp_path):
    x = rows(1)
    found, like = make(kind, x, tmp_path, np.array([77])).search(x, 2)
    assert found.tolist() == [[77, -1]] and abs(like[0, 0] - 1) < 0.02


def test_equal_rows_fall_by_id(kind, tmp_path):
    x = np.repeat(rows(3), 700, axis=0)
    ids = np.arange(2100) * 3 + 5
    found, _ = make(kind, x, tmp_path, ids).search(x[700:701], 30)
    assert found[0].tolist() == ids[700:730].tolist()


def test_the_order_of_storage_changes_nothing(kind, tmp_path):
    x, ids, order = rows(), np.arange(600) * 2, np.random.default_rng(4).permutation(600)
    one = make(kind, x, tmp_path / "a", ids).search(x[:9], 20)
    other = make(kind, x[order], tmp_path / "b", ids[order]).search(x[:9], 20)
    assert np.array_equal(one[0], other[0]) and np.array_equal(one[1], other[1])


@pytest.mark.parametrize("size", [1, 7, 300])
def test_within_a_subset(kind, tmp_path, size):
    x = rows()
    only = np.sort(np.random.default_rng(1).choice(600, size, replace=False))
    found, _ = make(kind, x, tmp_path).search(x[:20], 5, only)
    true = only[np.argsort(-(x[:20] @ x[only].T), axis=1)[:, :5]]
    assert np.array_equal(found[:, : true.shape[1]], true)
    assert np.all(found[:, true.shape[1] :] == -1)


def test_within_nothing(kind, tmp_path):
    found, like = make(kind, rows(), tmp_path).search(rows()[:2], 3, np.empty(0, np.int64))
    assert np.all(found == -1) and np.all(like == -np.inf)


@pytest.mark.parametrize("kind", ["flat", "lists"])
class TestStored:
    """What indexes on disk keep besides."""

    def test_added_and_removed(self, kind, tmp_path):
        x = rows()
        index = make(kind, x[:400], tmp_path)
        index.add(np.arange(400, 600), x[400:])
        assert index.search(x[590:591], 1)[0].tolist() == [[590]] and len(index) == 600
        index.remove(np.array([590, 3]))
        assert 590 not in index.search(x[590:591], 598)[0] and len(index) == 598
        assert np.array_equal(index.ids, np.setdiff1d(np.arange(600), [3, 590]))
        index.add(np.array([3]), x[590:591])  # the content of an item changed
        assert index.search(x[590:591], 1)[0].tolist() == [[3]]
        assert index.search(x[590:591], 700)[0][0, :599].tolist().count(3) == 1

    def test_many_changes_are_merged(self, kind, tmp_path):
        x = rows()
        index = make(kind, x[:300], tmp_path)
        for i in range(300, 600, 20):
            index.add(np.arange(i, i + 20), x[i : i + 20])
        assert len(index.facts.parts) <= 8
        index.remove(np.arange(0, 600, 2))
        assert index.facts.gone == "" and len(index.facts.parts) == 1
        odd = np.arange(1, 600, 2)
        found, _ = index.search(x[:30], 5)
        true = odd[np.argsort(-(x[:30] @ x[odd].T), axis=1)[:, :5]]
        assert np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)]) >= 0.85
        assert {path.name for path in tmp_path.iterdir()} <= {*index.facts.files, "index.json", "checked.json"}

    def test_all_removed(self, kind, tmp_path):
        index = make(kind, rows(20), tmp_path)
        index.remove(np.arange(20))
        assert len(index) == 0 and np.all(index.search(rows(20)[:3], 2)[0] == -1)
        index.add(np.array([4]), rows(20)[:1])
        assert index.search(rows(20)[:1], 2)[0].tolist() == [[4, -1]]

    def test_what_does_not_fit(self, kind, tmp_path):
        x = rows(30)
        index = make(kind, x, tmp_path)
        with pytest.raises(ShapeError, match=r"12 columns"):
            index.search(x[:, :5], 2)
        with pytest.raises(InputError, match="row 1 of the queries is not finite"):
            index.search(np.stack([x[0], x[1] * np.nan]), 2)
        with pytest.raises(InputError, match=r"norm 2; expected 1"):
            index.search(2 * x[:1], 2)
        with pytest.raises(InputError, match="0 neighbours"):
            index.search(x[:1], 0)
        with pytest.raises(InputError, match="id 3 is in the index already"):
            index.add(np.array([3]), x[:1])
        with pytest.raises(InputError, match="id 99 .* twice"):
            index.add(np.array([99, 99]), x[:2])
        with pytest.raises(ShapeError, match="1 ids were given for 2 rows"):
            index.add(np.array([99]), x[:2])
        with pytest.raises(InputError, match="named '31'"):
            index.remove(np.array([31]))
        assert len(index) == 30 and len(index.facts.parts) == 1

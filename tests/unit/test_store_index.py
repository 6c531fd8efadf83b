"""The index on disk: bytes that changed are found out, and what does not belong is refused."""

import json
import os
import resource
import shutil
from pathlib import Path

import numpy as np
import pytest

from labelsieve.core.errors import InputError, ProjectError, ShapeError
from labelsieve.core.rounds import ArrayPool
from labelsieve.store import indexfiles, stamps
from labelsieve.store.index import open_index
from labelsieve.store.indexbuild import IndexSettings, build_index
from labelsieve.store.indexfiles import About, DamagedIndex, check_files, read_facts

TOY = About("toy@1")
LISTS = IndexSettings(flat_rows=0, held_out=30, recall_k=10, part_bytes=2000)


def rows(n=300, d=8, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module", params=["flat", "lists"])
def made(request, tmp_path_factory):
    settings = LISTS if request.param == "lists" else IndexSettings()
    folder = tmp_path_factory.mktemp("made")
    build_index(folder, ArrayPool(rows()), TOY, settings=settings).remove(np.array([4]))
    return folder


@pytest.fixture
def built(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "index"))


def test_opened_again_it_finds_the_same(built):
    x = rows()
    index = open_index(built, TOY, ArrayPool(x[np.arange(300) != 4], np.delete(np.arange(300), 4)))
    assert index.search(x[5:6], 1)[0].tolist() == [[5]]
    assert 4 not in index.search(x[4:5], 299)[0]
    assert index.facts.recall >= 0.95 and index.facts.recall_k in (10, 100)


def test_a_flipped_byte_in_any_file_is_found(built):
    names = sorted(path.name for path in built.iterdir() if path.name != "checked.json")
    assert len(names) >= 4
    for name in names:
        whole = (built / name).read_bytes()
        for at in {0, len(whole) // 2, len(whole) - 2}:
            (built / name).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(DamagedIndex, match="--rebuild"):
                open_index(built, TOY)
        (built / name).write_bytes(whole[:-1])
        with pytest.raises(DamagedIndex):
            open_index(built, TOY)
        (built / name).write_bytes(whole)
        open_index(built, TOY)


def test_a_missing_file_is_found(built):
    for path in sorted(built.iterdir()):
        if path.name in ("checked.json", "index.json"):
            continue
        path.rename(built / "away")
        with pytest.raises(DamagedIndex, match="cannot be read"):
            open_index(built, TOY)
        (built / "away").rename(path)
    (built / "index.json").unlink()
    with pytest.raises(ProjectError, match="no index"):
        open_index(built, TOY)


def test_what_was_hashed_is_hashed_again_only_when_it_changed(built, monkeypatch):
    monkeypatch.setattr(stamps, "SETTLED", 0.0)
    hashed = []
    real = indexfiles.digest_of
    monkeypatch.setattr(indexfiles, "digest_of", lambda path: hashed.append(path.name) or real(path))
    facts = read_facts(built)
    check_files(built, facts)
    assert sorted(set(hashed) & set(facts.files)) == sorted(facts.files)
    hashed.clear()
    check_files(built, facts)
    assert not set(hashed) & set(facts.files)
    check_files(built, facts, thorough=True)
    assert set(facts.files) <= set(hashed)
    path = built / facts.parts[0].rows
    found = path.stat()
    whole = bytearray(path.read_bytes())
    whole[-3] ^= 4
    path.write_bytes(whole)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))  # hides the time of the change, but not that of the inode
    with pytest.raises(DamagedIndex):
        check_files(built, facts)


def test_a_fresh_file_is_not_trusted_by_its_times(built):
    (built / "checked.json").unlink(missing_ok=True)
    check_files(built, read_facts(built))
    kept = json.loads((built / "checked.json").read_text()) if (built / "checked.json").exists() else {}
    assert kept == {}


def test_of_another_engine(built):
    with pytest.raises(InputError, match=r"engine 'toy@1'; these rows have engine 'other@2'"):
        open_index(built, About("other@2"))
    with pytest.raises(InputError, match=r"view 'unit'; these rows have view 'z'"):
        open_index(built, About("toy@1", "z"))
    with pytest.raises(ShapeError, match="pool has 3 columns; the index was made of 8"):
        open_index(built, TOY, ArrayPool(np.eye(3)))


def test_of_an_older_pool(built):
    with pytest.raises(InputError, match=r"holds 299 items, the pool 300, and they are not the same"):
        open_index(built, TOY, ArrayPool(rows()))
    index = open_index(built, TOY, ArrayPool(rows()), older=True)
    index.grow(np.array([4]))
    assert open_index(built, TOY, ArrayPool(rows())).search(rows()[4:5], 1)[0].tolist() == [[4]]
    with pytest.raises(InputError, match="id 4 is in the index already"):
        index.grow(np.array([4]))
    with pytest.raises(InputError, match="without its pool"):
        open_index(built, TOY).grow(np.array([7]))


def test_a_rebuild_leaves_nothing_of_the_old(built):
    facts = read_facts(built)
    build_index(built, ArrayPool(rows(seed=1)), About("other@2"))
    assert open_index(built, About("other@2")).search(rows(seed=1)[:1], 1)[0].tolist() == [[0]]
    assert not any((built / name).exists() for name in set(facts.files) - set(read_facts(built).files))
    assert not (built / facts.parts[0].rows).exists()


def test_rows_that_do_not_fit(tmp_path):
    x = rows()
    x[7, 2] = np.nan
    with pytest.raises(InputError, match="row 7 of the .* is not finite"):
        build_index(tmp_path, ArrayPool(x), TOY)
    with pytest.raises(InputError, match="norm 3; expected 1"):
        build_index(tmp_path, ArrayPool(3 * rows()), TOY)
    with pytest.raises(InputError, match="no items"):
        build_index(tmp_path, ArrayPool(np.empty((0, 3), np.float32)), TOY)
    assert not (tmp_path / "index.json").exists()


@pytest.mark.parametrize("limit", [3_000, 30_000])
@pytest.mark.parametrize("settings", [IndexSettings(), LISTS], ids=["flat", "lists"])
def test_a_full_disk_is_an_error_and_the_old_index_stays(tmp_path, settings, limit):
    x = rows(2000, 16)
    build_index(tmp_path, ArrayPool(x[:20]), TOY)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(ProjectError, match="cannot be written"):
            build_index(tmp_path, ArrayPool(x), TOY, settings=settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert open_index(tmp_path, TOY).search(x[3:4], 1)[0].tolist() == [[3]]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".tmp")]


def test_a_folder_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ProjectError, match="cannot be written"):
        build_index(tmp_path / "file" / "index", ArrayPool(rows()), TOY)


def test_a_folder_that_may_only_be_read_is_an_error(tmp_path, monkeypatch):
    def refused(self, *args, **kwargs):
        raise OSError(30, "Read-only file system")

    build_index(tmp_path, ArrayPool(rows()), TOY)
    index = open_index(tmp_path, TOY)
    monkeypatch.setattr(Path, "open", refused)
    monkeypatch.setattr(Path, "unlink", refused)
    with pytest.raises(ProjectError, match="cannot be written.*Read-only"):
        index.remove(index.ids[:1])


def test_another_process_took_a_file_away(tmp_path):
    x = rows()
    first = build_index(tmp_path, ArrayPool(x[:-2]), TOY)
    second = build_index(tmp_path, ArrayPool(x[:-4]), TOY)  # the files of the first are gone
    with pytest.raises(ProjectError, match="another process|damaged"):
        first.note(step=1)
    with pytest.raises(ProjectError, match="another process|damaged"):
        first.add([len(x)], x[-1:])
    again = open_index(tmp_path, TOY)
    assert np.array_equal(again.ids, second.ids)
    assert again.search(x[3:4], 1)[0].tolist() == [[3]]


def test_too_little_space_is_said_before(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(ProjectError, match="MiB are free"):
        build_index(tmp_path, ArrayPool(rows()), TOY)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    x = rows(500)
    for name in "ab":
        build_index(tmp_path / name, ArrayPool(x), TOY, seed=3, settings=LISTS)
    one, other = read_facts(tmp_path / "a"), read_facts(tmp_path / "b")
    assert one.files == other.files and one.cells > 40


def test_how_often_it_spills_changes_nothing(tmp_path):
    x = rows(500)
    sizes = {8 * 37: "many", 1 << 20: "one"}
    for size, name in sizes.items():
        settings = IndexSettings(flat_rows=0, held_out=20, recall_k=5, part_bytes=size)
        build_index(tmp_path / name, ArrayPool(x), TOY, settings=settings)
    assert read_facts(tmp_path / "many").files == read_facts(tmp_path / "one").files
    assert not [path for path in (tmp_path / "many").iterdir() if path.name.startswith(".tmp")]


def test_recall_is_that_of_what_a_search_finds(tmp_path):
    """Measured again from outside, on other rows than those that were held out."""
    x = rows(3000, 16)
    settings = IndexSettings(flat_rows=0, held_out=100, recall_k=20)
    facts = build_index(tmp_path, ArrayPool(x), TOY, settings=settings).facts
    found, _ = open_index(tmp_path, TOY).search(x[::20], 21)
    true = np.argsort(-(x[::20] @ x.T), axis=1, kind="stable")[:, :21]
    recall = np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)])
    assert abs(recall - facts.recall) < 0.04 and facts.recall >= 0.95 and facts.visits < facts.cells


def test_distances_of_columns(tmp_path):
    x = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32) * 5
    index = build_index(tmp_path, ArrayPool(x), About("table", "z", "l2"))
    found, like = index.search(x[:1], 3)
    far = ((x - x[0]) ** 2).sum(axis=1)
    assert found[0].tolist() == np.argsort(far)[:3].tolist() and np.allclose(-like[0], np.sort(far)[:3], atol=1e-4)

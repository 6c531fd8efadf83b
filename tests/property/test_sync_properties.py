"""Syncing against what must always hold, whatever happens to the source between two syncs."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_sources import Array, Files, Rows, digest

from labelsieve.project import manifest
from labelsieve.project.database import Ledger, connect
from labelsieve.project.manifest import Entry
from labelsieve.project.syncing import sync

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small databases: spare the disk
contents = st.lists(st.sampled_from("abcde"), max_size=9)
folders = st.dictionaries(st.sampled_from(["1.png", "2.png", "x/1.png", "x/2.png", "y.png"]), st.sampled_from("abc"))


@contextmanager
def ledger() -> Iterator[Ledger]:
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        closing(connect(Path(folder) / "labels.sqlite", create=True)) as conn,
    ):
        conn.execute("PRAGMA synchronous = OFF")
        yield conn


def everything(conn: Ledger) -> list[Entry]:
    """All items that ever were."""
    ids = [id_ for (id_,) in conn.execute("SELECT id FROM items ORDER BY id")]
    return manifest.entries(conn, np.array(ids, np.int64))


def check(before: list[Entry], after: list[Entry], found: Counter[tuple[object, str]]) -> None:
    """An item keeps its content; the present items are what was found; keys are unique; none is made in vain."""
    kept = {entry.id: entry.digest for entry in after}
    assert all(kept[entry.id] == entry.digest for entry in before)
    assert len({entry.key for entry in after}) == len(after)
    present = [entry for entry in after if entry.gone is None]
    assert Counter((entry.ref, entry.digest) for entry in present) == found
    was, now_ = Counter(entry.digest for entry in before), Counter(d for _, d in found.elements())
    assert Counter(entry.digest for entry in after) == was | now_  # of equal contents never more than ever at once


@settings(max_examples=80, deadline=None)
@given(st.lists(contents, min_size=1, max_size=5))
def test_rows_keep_their_items_whatever_their_order(states: list[list[str]]) -> None:
    with ledger() as conn:
        before: list[Entry] = []
        for rows in states:
            report = sync(conn, {"a": Rows(rows)})
            after = everything(conn)
            check(before, after, Counter((at, digest(text)) for at, text in enumerate(rows)))
            assert report.added + report.unchanged + report.returned == len(rows)
            assert sync(conn, {"a": Rows(rows)}).unchanged == len(rows)
            before = after


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(folders, folders), min_size=1, max_size=4))
def test_files_keep_their_items_wherever_they_go(states: list[tuple[dict[str, str], dict[str, str]]]) -> None:
    with ledger() as conn:
        before: dict[str, list[Entry]] = {"one": [], "two": []}
        for one, two in states:
            sync(conn, {"one": Files(one), "two": Files(two)})
            ids = {source.name: source.id for source in manifest.source_rows(conn)}
            for name, files in (("one", one), ("two", two)):
                after = [entry for entry in everything(conn) if entry.source == ids[name]]
                check(before[name], after, Counter((path, digest(text)) for path, text in files.items()))
                before[name] = after
            everywhere = everything(conn)
            assert len({entry.key for entry in everywhere}) == len(everywhere)
            for entry in everywhere:
                if entry.gone is None:
                    assert entry.key.split("#")[0] in (entry.ref, f"one:{entry.ref}", f"two:{entry.ref}")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("pqrst"), st.sampled_from("abc")), min_size=1, max_size=4))
def test_a_key_is_one_item_for_ever(states: list[dict[str, str]]) -> None:
    with ledger() as conn:
        owner: dict[str, int] = {}
        for rows in states:
            sync(conn, {"a": Rows(list(rows.values()), keys=list(rows))})
            after = everything(conn)
            assert {entry.key: entry.digest for entry in after if entry.gone is None} == {
                k: digest(v) for k, v in rows.items()
            }
            for entry in after:
                assert owner.setdefault(entry.key, entry.id) == entry.id
            assert len(after) == len(owner)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), contents), min_size=1, max_size=4))
def test_ids_of_growing_arrays_and_of_rows_never_meet(states: list[tuple[int, list[str]]]) -> None:
    with ledger() as conn:
        array: list[int] = []
        numbers: dict[str, int] = {}
        for more, rows in states:
            array += list(range(len(array), len(array) + more))
            sync(conn, {"x": Array(array), "a": Rows(rows)})
            ids = manifest.ids(conn)
            keys = manifest.keys(conn, ids)
            assert len(set(ids.tolist())) == len(ids) == len(array) + len(rows) == len(set(keys))
            assert manifest.by_key(conn, keys) == dict(zip(keys, ids.tolist(), strict=True))
            for key, id_ in zip(keys, ids.tolist(), strict=True):
                if key.isdecimal() and int(key) < len(array):
                    assert numbers.setdefault(key, id_) == id_

"""Syncing: identity of files, rows, keyed rows and arrays, on a real database file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_sources import Array, Chunk, Files, Rows, digest

from labelsieve.core.errors import ProjectError
from labelsieve.core.types import Label, Value
from labelsieve.project import events, manifest, tasks
from labelsieve.project.database import Ledger, connect
from labelsieve.project.folding import fold
from labelsieve.project.syncing import SyncReport, sync


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    conn = connect(tmp_path / "labels.sqlite", create=True)
    tasks.add(conn, "main", "classes")
    yield conn
    conn.close()


def held(conn: Ledger) -> dict[str, int]:
    ids = manifest.ids(conn)
    return dict(zip(manifest.keys(conn, ids), ids.tolist(), strict=True))


def give(conn: Ledger, key: str, name: str) -> int:
    item = manifest.by_key(conn, [key])[key]
    value = Value("class", (name,))
    events.write(conn, [Label(events.new_id(), "main", item, value, "ann", "2024-05-01T12:00:00+00:00")])
    return item


def known(conn: Ledger) -> dict[int, str]:
    labels = fold(conn, "main")
    return {int(i): labels.classes[y] for i, y in zip(labels.ids, labels.y, strict=True)}


def test_rows_are_never_merged_and_repeats_are_numbered(ledger: Ledger) -> None:
    report = sync(ledger, {"a": Rows(["x", "y", "x", "z", "x"])})
    assert report == SyncReport(added=5)
    x = digest("x")[:16]
    assert manifest.keys(ledger, np.arange(1, 6)) == [x, digest("y")[:16], f"{x}#2", digest("z")[:16], f"{x}#3"]
    assert sync(ledger, {"a": Rows(["x", "y", "x", "z", "x"])}) == SyncReport(unchanged=5)


def test_rows_in_another_order_keep_their_items(ledger: Ledger) -> None:
    sync(ledger, {"a": Rows(["x", "y", "z", "y"])})
    before = {e.digest: e.id for e in manifest.entries(ledger, manifest.ids(ledger)) if e.digest != digest("y")}
    assert sync(ledger, {"a": Rows(["new", "z", "y", "x", "y"])}) == SyncReport(added=1, unchanged=4)
    after = manifest.entries(ledger, manifest.ids(ledger))
    assert {e.digest: e.id for e in after if e.digest in before} == before
    assert {e.ref: e.digest for e in after} == {i: digest(t) for i, t in enumerate(["new", "z", "y", "x", "y"])}
    located = manifest.locate(ledger, np.array([3, 1]))
    assert [(at.tolist(), refs) for at, refs in located.values()] == [([0, 1], [1, 3])]


def test_a_row_that_went_comes_back_as_the_same_item_with_its_label(ledger: Ledger) -> None:
    sync(ledger, {"a": Rows(["x", "y", "z"])})
    item = give(ledger, digest("y")[:16], "cat")
    assert sync(ledger, {"a": Rows(["x", "z"])}) == SyncReport(unchanged=2, gone=1)
    assert item not in manifest.ids(ledger) and known(ledger) == {item: "cat"}
    assert sync(ledger, {"a": Rows(["z", "y", "x"])}) == SyncReport(unchanged=2, returned=1)
    assert item in manifest.ids(ledger) and known(ledger) == {item: "cat"}


def test_the_same_row_in_two_sources_is_two_items(ledger: Ledger) -> None:
    sync(ledger, {"a": Rows(["x", "y"]), "b": Rows(["x", "x"])})
    x = digest("x")[:16]
    assert held(ledger) == {x: 1, digest("y")[:16]: 2, f"{x}#2": 3, f"{x}#3": 4}
    assert sync(ledger, {"b": Rows(["x", "x", "x"])}) == SyncReport(added=1, unchanged=2)
    assert held(ledger)[f"{x}#4"] == 5


def test_files_keep_item_and_label_when_they_move(ledger: Ledger) -> None:
    sync(ledger, {"pics": Files({"a.png": "A", "b/b.png": "B", "c.png": "C"})})
    item = give(ledger, "a.png", "cat")
    report = sync(ledger, {"pics": Files({"new/a.png": "A", "b/b.png": "B", "c.png": "C"})})
    assert report == SyncReport(moved=1, unchanged=2)
    assert held(ledger)["new/a.png"] == item and "a.png" not in held(ledger)


def test_files_that_change_places_keep_their_own_labels(ledger: Ledger) -> None:
    sync(ledger, {"pics": Files({"a.png": "A", "b.png": "B", "c.png": "C"})})
    a, b = give(ledger, "a.png", "cat"), give(ledger, "b.png", "dog")
    assert sync(ledger, {"pics": Files({"a.png": "B", "b.png": "A", "c.png": "C"})}).moved == 2
    assert held(ledger) == {"a.png": b, "b.png": a, "c.png": 3}
    assert known(ledger) == {a: "cat", b: "dog"}


def test_another_content_at_the_same_path_is_another_item(ledger: Ledger) -> None:
    sync(ledger, {"pics": Files({"a.png": "A"})})
    old = give(ledger, "a.png", "cat")
    assert sync(ledger, {"pics": Files({"a.png": "other"})}) == SyncReport(added=1, gone=1)
    assert held(ledger) == {"a.png": 2}
    assert manifest.keys(ledger, np.array([old])) == [f"a.png@{digest('A')[:8]}"]
    assert sync(ledger, {"pics": Files({"a.png": "other", "old.png": "A"})}).returned == 1
    assert held(ledger) == {"a.png": 2, "old.png": old} and known(ledger) == {old: "cat"}
    assert sync(ledger, {"pics": Files({"a.png": "A"})}) == SyncReport(moved=1, gone=1)
    assert held(ledger) == {"a.png": old}


def test_equal_files_are_two_items_and_stay_apart(ledger: Ledger) -> None:
    sync(ledger, {"pics": Files({"a.png": "A", "copy.png": "A"})})
    copy = give(ledger, "copy.png", "cat")
    sync(ledger, {"pics": Files({"copy.png": "A", "z.png": "A"})})
    assert held(ledger) == {"copy.png": copy, "z.png": 1}


def test_an_unchanged_file_is_offered_as_known(ledger: Ledger) -> None:
    pics = Files({"a.png": "A"})
    sync(ledger, {"pics": pics})
    sync(ledger, {"pics": pics})
    assert pics.known == {"a.png": (1, 1, digest("A"))}


def test_the_same_path_in_two_folders_says_its_source(ledger: Ledger) -> None:
    sync(ledger, {"one": Files({"a.png": "A"}), "two": Files({"a.png": "A", "b.png": "B"})})
    assert held(ledger) == {"a.png": 1, "two:a.png": 2, "b.png": 3}
    files = {"one": Files({"a.png": "A"}), "two": Files({"a.png": "A", "b.png": "B"})}
    assert sync(ledger, files) == SyncReport(unchanged=3)
    assert held(ledger) == {"a.png": 1, "two:a.png": 2, "b.png": 3}


def test_keyed_rows_are_their_key_and_may_change(ledger: Ledger) -> None:
    sync(ledger, {"a": Rows(["x", "y"], keys=["k1", "k2"], groups=["g1", "g2"])})
    item = give(ledger, "k1", "cat")
    report = sync(ledger, {"a": Rows(["y", "typo mended", "n"], keys=["k2", "k1", "k3"], groups=["g2", "g9", "g3"])})
    assert report == SyncReport(added=1, unchanged=1, changed=1)
    assert held(ledger) == {"k1": item, "k2": 2, "k3": 3}
    assert manifest.groups(ledger, np.array([item, 2])) == ["g9", "g2"]
    changed, step = manifest.changed(ledger)
    assert changed.tolist() == [item] and manifest.changed(ledger, after=step)[0].tolist() == []


def test_duplicate_and_missing_keys_are_set_aside_by_name(ledger: Ledger) -> None:
    rows = Rows(["x", "y", "z", "w", "v"], keys=["k1", "k1", None, "k2", "k1"])
    for _ in range(2):
        report = sync(ledger, {"a": rows})
        assert report.set_aside == 3 and len(manifest.ids(ledger)) == 2
        aside = [(row.key, row.reason) for row in manifest.set_asides(ledger)]
        assert ("row 2", "it has no key") in aside
        assert [key for key, reason in aside if "duplicate key" in reason] == ["k1", "k1"]


def test_a_key_of_another_source_is_set_aside_until_it_has_gone_there(ledger: Ledger) -> None:
    sync(ledger, {"a": Rows(["x", "y"], keys=["k1", "k2"])})
    assert sync(ledger, {"b": Rows(["x"], keys=["k1"])}) == SyncReport(set_aside=1)
    sync(ledger, {"a": Rows(["y"], keys=["k2"])})
    assert sync(ledger, {"b": Rows(["x"], keys=["k1"])}) == SyncReport(returned=1)
    assert held(ledger) == {"k1": 1, "k2": 2} and manifest.set_asides(ledger) == []


def test_what_the_source_sets_aside_is_kept_by_name(ledger: Ledger) -> None:
    sync(ledger, {"pics": Files({"a.png": "A"}, bad=[("b.png", "it has 0 bytes")])})
    (aside,) = manifest.set_asides(ledger)
    assert (aside.key, aside.reason, aside.item) == ("b.png", "it has 0 bytes", None)
    sync(ledger, {"pics": Files({"a.png": "A", "b.png": "B"})})
    assert manifest.set_asides(ledger) == []


def test_an_array_is_a_range_and_may_grow(ledger: Ledger) -> None:
    assert sync(ledger, {"x": Array([5, 6, 7, 8, 9])}) == SyncReport(added=5)
    assert sync(ledger, {"x": Array([5, 6, 7, 8, 9, 10, 11])}) == SyncReport(added=2, unchanged=5)
    assert manifest.ids(ledger).tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert manifest.keys(ledger, np.array([7, 1])) == ["6", "0"]
    assert manifest.by_key(ledger, ["6", "0", "7", "-1", "01", "x"]) == {"6": 7, "0": 1}
    assert [refs for _, refs in manifest.locate(ledger, np.array([7, 1, 6])).values()] == [[6, 0, 5]]
    item = give(ledger, "6", "cat")
    assert known(ledger) == {item: "cat"}


@pytest.mark.parametrize("rows", [[6, 5, 7, 8, 9], [5, 6, 7, 8], [5, 6, 7, 8, 1, 2], []])
def test_an_array_whose_earlier_rows_changed_is_an_error_that_names_key(ledger: Ledger, rows: list[int]) -> None:
    sync(ledger, {"x": Array([5, 6, 7, 8, 9])})
    with pytest.raises(ProjectError, match="--key"):
        sync(ledger, {"x": Array(rows)})
    assert manifest.ids(ledger).tolist() == [1, 2, 3, 4, 5]


def test_ids_of_arrays_and_rows_never_meet(ledger: Ledger) -> None:
    sync(ledger, {"x": Array([5, 6, 7]), "a": Rows(["x", "y"]), "z": Array([1, 2])})
    sync(ledger, {"x": Array([5, 6, 7, 8]), "a": Rows(["x", "y", "w"])})
    ids = manifest.ids(ledger)
    assert ids.tolist() == list(range(1, 10)) and len(set(manifest.keys(ledger, ids))) == 9
    assert manifest.by_key(ledger, ["3", "z:1"]) == {"3": 8, "z:1": 7}
    assert sync(ledger, {"k": Rows(["p", "q"], keys=["2", "22"])}) == SyncReport(added=1, set_aside=1)


def test_ids_are_never_used_again(ledger: Ledger) -> None:
    sync(ledger, {"a": Rows(["x", "y"])})
    sync(ledger, {"a": Rows([])})
    sync(ledger, {"a": Rows(["new"])})
    assert manifest.ids(ledger).tolist() == [3]


def test_what_is_set_aside_is_not_usable(ledger: Ledger) -> None:
    sync(ledger, {"a": Rows(["x", "y"])})
    manifest.set_aside(
        ledger, [manifest.Aside("k", "bad", "embed", item=1), manifest.Aside("k", "worse", "embed", item=1)]
    )
    assert manifest.ids(ledger, usable=True).tolist() == [2]
    assert [row.reason for row in manifest.set_asides(ledger, "embed")] == ["worse"]
    manifest.clear_set_aside(ledger, "embed", ids=np.array([1]))
    assert manifest.ids(ledger, usable=True).tolist() == [1, 2]


def test_a_source_that_fails_leaves_everything_as_it_was(ledger: Ledger) -> None:
    class Broken(Rows):
        def scan(self, known: Any = None) -> Iterator[Chunk]:
            yield from super().scan()
            raise OSError("the disk went away")

    sync(ledger, {"a": Rows(["x", "y"])})
    with pytest.raises(OSError, match="went away"):
        sync(ledger, {"a": Broken(["z"])})
    assert sync(ledger, {"a": Rows(["x", "y"])}) == SyncReport(unchanged=2)

"""Syncing real files through the real sources."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelsieve.core.errors import ProjectError
from labelsieve.core.types import Label, Value
from labelsieve.project import events, manifest, tasks
from labelsieve.project.database import Ledger, connect
from labelsieve.project.folding import fold
from labelsieve.project.syncing import SyncReport, sync
from labelsieve.sources import SourceOptions, open_source


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(connect(tmp_path / "labels.sqlite", create=True)) as conn:
        tasks.add(conn, "main", "classes")
        yield conn


def synced(conn: Ledger, path: Path, **options: Any) -> SyncReport:
    return sync(conn, {path.name: open_source(path, SourceOptions(**options), path.parent / "cache")})


def by_key(conn: Ledger) -> dict[str, int]:
    ids = manifest.ids(conn)
    return dict(zip(manifest.keys(conn, ids), ids.tolist(), strict=True))


def give(conn: Ledger, item: int, name: str) -> None:
    events.write(
        conn, [Label(events.new_id(), "main", item, Value("class", (name,)), "ann", "2024-05-01T12:00:00+00:00")]
    )


def test_a_folder_of_images_that_is_tidied_up(ledger: Ledger, tmp_path: Path) -> None:
    folder = tmp_path / "pics"
    (folder / "old").mkdir(parents=True)
    for at, name in enumerate(["a.png", "old/b.png", "old/c.png"]):
        Image.new("RGB", (8, 8), (at, 0, 0)).save(folder / name)
    (folder / "empty.png").touch()
    assert synced(ledger, folder) == SyncReport(added=3, set_aside=1)
    assert [aside.key for aside in manifest.set_asides(ledger)] == ["empty.png"]
    before = by_key(ledger)
    give(ledger, before["old/b.png"], "cat")
    (folder / "new").mkdir()
    (folder / "old" / "b.png").rename(folder / "new" / "b.png")
    (folder / "old" / "c.png").unlink()
    Image.new("RGB", (8, 8), (9, 9, 9)).save(folder / "empty.png")
    assert synced(ledger, folder) == SyncReport(added=1, unchanged=1, moved=1, gone=1)
    after = by_key(ledger)
    assert after["new/b.png"] == before["old/b.png"] and after["a.png"] == before["a.png"]
    assert set(after) == {"a.png", "empty.png", "new/b.png"} and manifest.set_asides(ledger) == []
    assert fold(ledger, "main").ids.tolist() == [before["old/b.png"]]
    assert synced(ledger, folder) == SyncReport(unchanged=3)


def test_tables_of_every_format_with_groups_times_and_keys(ledger: Ledger, tmp_path: Path) -> None:
    rows = [
        {"id": f"t{i}", "text": f"ticket {i % 3}", "who": f"p{i % 2}", "day": f"2024-01-0{i + 1}"} for i in range(5)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\nnot json\n")
    report = synced(ledger, tmp_path / "t.jsonl", text="text", key="id", group="who", time="day")
    assert report == SyncReport(added=5, set_aside=1)
    ids = manifest.ids(ledger)
    assert manifest.keys(ledger, ids) == ["t0", "t1", "t2", "t3", "t4"]
    assert manifest.groups(ledger, ids) == ["p0", "p1", "p0", "p1", "p0"]
    assert manifest.times(ledger, ids)[:2] == ["2024-01-01", "2024-01-02"]
    (tmp_path / "u.csv").write_text('text\nticket 0\nticket 0\n"two\nlines"\n')
    assert synced(ledger, tmp_path / "u.csv", text="text").added == 3
    located = manifest.locate(ledger, manifest.ids(ledger))
    read = [list(open_source(tmp_path / name, SourceOptions(text="text")).read(refs))
            for name, (_, refs) in zip(("t.jsonl", "u.csv"), located.values(), strict=True)]  # fmt: skip
    assert read == [
        ["ticket 0", "ticket 1", "ticket 2", "ticket 0", "ticket 1"],
        ["ticket 0", "ticket 0", "two\nlines"],
    ]


def test_an_array_with_groups_is_known_by_row_and_must_keep_its_rows(ledger: Ledger, tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    x[1] = np.inf
    file = tmp_path / "a.npz"
    np.savez(file, X=x, who=np.array(list("aabbcc")))
    assert synced(ledger, file, embeddings="X", group="who") == SyncReport(added=5, set_aside=1)
    assert by_key(ledger) == {"0": 1, "2": 2, "3": 3, "4": 4, "5": 5}
    assert manifest.numbered(ledger, 1)[1].tolist() == [0, 2, 3, 4, 5]
    np.savez(file, X=np.concatenate([x, x[:1]]), who=np.array(list("aabbccd")))
    assert synced(ledger, file, embeddings="X", group="who").added == 1
    np.savez(file, X=x[1:], who=np.array(list("abbcc")))
    with pytest.raises(ProjectError, match="--key"):
        synced(ledger, file, embeddings="X", group="who")


def test_an_array_with_keys_may_come_in_any_order(ledger: Ledger, tmp_path: Path) -> None:
    x, keys = np.arange(12, dtype=np.float32).reshape(6, 2), np.array([f"k{i}" for i in range(6)])
    file = tmp_path / "a.npz"
    np.savez(file, X=x, id=keys)
    assert synced(ledger, file, embeddings="X", key="id").added == 6
    before = by_key(ledger)
    np.savez(file, X=x[::-1], id=keys[::-1])
    assert synced(ledger, file, embeddings="X", key="id") == SyncReport(unchanged=6)
    assert by_key(ledger) == before
    ids, rows = manifest.numbered(ledger, 1)
    assert (x[::-1][rows] == x).all() and ids.tolist() == [1, 2, 3, 4, 5, 6]

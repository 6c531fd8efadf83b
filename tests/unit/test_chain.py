"""The chain of label events: every edit, removal and insertion is named, and nothing else."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pytest

from labelsieve.core.errors import UnknownName
from labelsieve.core.types import Label, Value
from labelsieve.project import chain, events, manifest, migrations, tasks
from labelsieve.project.database import Ledger, connect, transaction

AT = "2024-05-01T12:00:00+00:00"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    conn = connect(tmp_path / "labels.sqlite", create=True)
    tasks.add(conn, "main", "classes")
    tasks.add(conn, "rare", "screen")
    source = manifest.add_source(conn, "toy", "text")
    manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(20)])
    yield conn
    conn.close()


def label(item: int, name: str = "cat", task: str = "main", **more: object) -> Label:
    return Label(events.new_id(), task, item, Value("class", (name,)), "ann", AT, **more)  # type: ignore[arg-type]


def tampered(conn: Ledger, *statements: str) -> list[chain.Fault]:
    """What the chain says after these statements, written behind the back of the triggers."""
    with sqlite3.connect(conn.path) as raw:
        for name in ("events_keep", "events_fix", "links_keep", "links_fix"):
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            assert raw.execute(statement).rowcount
    raw.close()
    return chain.verify_chain(conn)


def test_every_event_has_a_link_and_an_undo_too(ledger: Ledger) -> None:
    events.write(ledger, [label(1), label(2, "dog", seconds=3)])
    events.undo(ledger, "main", "ann")
    soft = Value("soft", ("dog", "cat"), (1, 0.25))
    events.write(ledger, [replace(label(3), value=soft), replace(label(4), value=Value("skip"), seconds=0.125)])
    assert chain.head_of(ledger)[0] == 5
    assert chain.verify_chain(ledger) == []


def test_the_hash_of_a_link_is_that_of_the_text_it_stands_for(ledger: Ledger) -> None:
    one = label(1, 'the "cat"', seconds=2)
    events.write(ledger, [one])
    text = [one.id, "main", 1, "k0", f"{0:032x}", None, "class", 'the "cat"', "ann", AT, 2.0, "human", None, None]
    content = "\n" + json.dumps(text, separators=(",", ":"))
    assert chain.head_of(ledger)[1] == blake2b(content.encode(), digest_size=32).hexdigest()


def test_exactly_the_changed_event_is_named(ledger: Ledger) -> None:
    labels = [label(item) for item in range(1, 9)]
    events.write(ledger, labels)
    events.write(ledger, [label(9, "dog")])
    for seq, change in [(3, "code = 1"), (5, "annotator = 'bob'"), (6, "source = 'rule'"), (7, "item = 12")]:
        tampered(ledger, f"UPDATE events SET {change} WHERE seq = {seq}")
    faults = chain.verify_chain(ledger)
    assert [fault.event for fault in faults] == [labels[i].id for i in (2, 4, 5, 6)]
    assert [fault.key for fault in faults] == ["k2", "k4", "k5", "k6"]
    assert all("changed" in fault.sentence for fault in faults)


def test_removed_events_are_named(ledger: Ledger) -> None:
    labels = [label(item) for item in range(1, 9)]
    events.write(ledger, labels)
    (gone,) = tampered(ledger, "DELETE FROM events WHERE seq = 4")
    assert (gone.event, gone.key, gone.what) == (labels[3].id, "k3", "removed")
    faults = tampered(ledger, "DELETE FROM events WHERE seq = 6", "DELETE FROM links WHERE event = 6")
    assert [fault.n for fault in faults] == [4, 6] and "removed" in faults[1].sentence
    faults = tampered(ledger, "DELETE FROM events WHERE seq = 8", "DELETE FROM links WHERE event = 8")
    assert "the last 1 events were removed" in faults[-1].what


def test_inserted_events_are_named(ledger: Ledger) -> None:
    events.write(ledger, [label(1), label(2)])
    columns = "id, task, item, tag, code, annotator, at, source"
    (added,) = tampered(
        ledger, f"INSERT INTO events ({columns}) VALUES ('{events.new_id()}', 1, 5, 'class', 0, 'ann', '{AT}', 'human')"
    )
    assert added.key == "k4" and "slipped in" in added.what


def test_a_class_that_gets_another_name_and_an_item_with_other_content_show(ledger: Ledger) -> None:
    events.write(ledger, [label(1, "cat"), label(2, "dog"), label(3, "cat")])
    (content,) = tampered(ledger, "UPDATE items SET digest = 'ff' WHERE id = 3")
    assert content.key == "k2" and "another digest" in content.what
    faults = tampered(ledger, "UPDATE classes SET name = 'bird' WHERE name = 'cat'")
    assert [fault.key for fault in faults] == ["k0", "k2"]


def test_content_that_a_sync_has_seen_change_is_no_fault(ledger: Ledger) -> None:
    events.write(ledger, [label(1)])
    ledger.execute("UPDATE items SET digest = 'ff', key = 'moved' WHERE id = 1")
    ledger.execute("INSERT INTO changes (item, at) VALUES (1, ?)", (AT,))
    assert chain.verify_chain(ledger) == []


def test_the_seed_is_committed_once_before_the_first_label_of_a_screen_task(ledger: Ledger) -> None:
    events.write(ledger, [label(1)])
    assert chain.secret_of(ledger) is None
    events.write(ledger, [label(1, "dull", "rare")])
    events.write(ledger, [label(2, "dull", "rare")])
    (fact,) = chain.facts_of(ledger, "seed")
    assert fact.n == 2 and fact.facts == {"commitment": chain.commitment_of(str(chain.secret_of(ledger)))}
    assert chain.verify_chain(ledger) == []
    (fault,) = tampered(ledger, "UPDATE links SET body = replace(body, 'a', 'b') WHERE kind = 'fact'")
    assert fault.n == 2


def test_a_failed_write_leaves_no_link(ledger: Ledger) -> None:
    events.write(ledger, [label(1)])
    with pytest.raises(UnknownName), transaction(ledger):
        events.write(ledger, [label(2, "dull", "rare"), label(99, "dull", "rare")])
    assert chain.head_of(ledger)[0] == 1 and chain.secret_of(ledger) is None
    assert chain.verify_chain(ledger) == []


def test_an_older_database_is_chained_when_it_is_opened(ledger: Ledger, tmp_path: Path) -> None:
    events.write(ledger, [label(item) for item in range(1, 6)])
    events.undo(ledger, "main", "ann", n=2)
    older = tmp_path / "older.sqlite"
    with sqlite3.connect(older) as raw:
        raw.executescript(migrations._FIRST)
        raw.execute("ATTACH ? AS newer", (str(ledger.path),))
        for table in ("sources", "items", "tasks", "classes", "events"):
            raw.execute(f"INSERT INTO {table} SELECT * FROM newer.{table}")
        raw.execute("PRAGMA user_version = 1")
    raw.close()
    with connect(older) as again:
        assert again.execute("PRAGMA user_version").fetchone() == (migrations.VERSION,)
        assert chain.head_of(again) == chain.head_of(ledger) and chain.head_of(again)[0] == 7
        assert chain.verify_chain(again) == []
    again.close()


def test_items_of_a_range_are_chained_by_their_keys(tmp_path: Path) -> None:
    with connect(tmp_path / "labels.sqlite", create=True) as conn:
        tasks.add(conn, "main", "classes")
        source = manifest.add_source(conn, "rows", "embedding", "r")
        columns = "source, first_id, first_row, count, present, digests"
        conn.execute(f"INSERT INTO ranges ({columns}) VALUES ({source}, 1, 0, 50, 50, '')")
        conn.execute(f"INSERT INTO ranges ({columns}) VALUES ({source}, 51, 100, 50, 50, '')")
        events.write(conn, [label(50), label(51)])
        bodies = [json.loads(body)[1] for (body,) in conn.execute("SELECT body FROM links ORDER BY n")]
        assert bodies == ["r49", "r100"]
        (fault,) = tampered(conn, "UPDATE events SET item = 70 WHERE item = 50")
        assert fault.key == "r49" and "changed" in fault.what
    conn.close()

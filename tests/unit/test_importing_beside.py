"""Imports beside other writers: rows are read without a lock, and written all at once or not at all."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.core.types import Kind, Label, Value
from labelsieve.project import chain, events, importing, manifest, tasks
from labelsieve.project.chain import verify_chain
from labelsieve.project.database import Ledger, connect
from labelsieve.project.folding import agreed, answers
from labelsieve.project.importing import import_file, read_file, read_rows
from labelsieve.project.labelfiles import LabelRow

N = 300
AT = "2024-05-01T12:00:00+00:00"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(connect(tmp_path / "labels.sqlite", create=True)) as conn:
        tasks.add(conn, "main", "classes")
        source = manifest.add_source(conn, "toy", "text")
        manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(N)])
    lines = [f"k{row},{'abc'[row % 3]},{'xy'[row % 2]}" for row in range(N)]
    (tmp_path / "l.csv").write_text("\n".join(["key,label,annotator", *lines]))
    return tmp_path / "labels.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with closing(connect(path)) as conn:
        yield conn


def say(path: Path, item: int, name: str, by: str = "ann") -> None:
    """An answer through a connection that does not wait for a lock."""
    with closing(connect(path)) as conn:
        conn.execute("PRAGMA busy_timeout = 0")
        events.write(conn, [Label(events.new_id(), "main", item, Value("class", (name,)), by, AT)])


def test_others_write_while_rows_are_read(ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BLOCK", 10)

    def rows() -> Iterator[LabelRow]:
        for row in range(50):
            say(path, row + 1, f"new{row % 4}", "bob")  # classes that the import does not know of yet
            yield LabelRow(row, f"k{row}", "abc"[row % 3])

    read = read_rows(ledger, "main", rows(), "ann", "file")
    assert {label.by for label in answers(ledger, "main")} == {"bob"}
    say(path, 1, "z", "cat")
    assert read.write().added == 50
    said = {label.item: label.value for label in answers(ledger, "main", "ann")}
    assert said == {row + 1: Value("class", ("abc"[row % 3],)) for row in range(50)}
    assert len(list(answers(ledger, "main"))) == 101
    assert verify_chain(ledger) == []


def test_a_row_that_fails_late_leaves_nothing(ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BLOCK", 10)

    def rows() -> Iterator[LabelRow]:
        for row in range(70):
            yield LabelRow(row, f"k{row}", "a")
        raise InputError("row 70 is broken")

    with pytest.raises(InputError, match="row 70"):
        read_rows(ledger, "main", rows(), "ann", "file").write()
    say(path, 1, "b")  # no lock is left behind
    assert agreed(ledger, "main") == {1: ("b",)}


def test_what_fails_at_the_end_takes_all_of_it_back(ledger: Ledger, path: Path) -> None:
    def refuse(report: importing.ImportReport) -> None:
        assert report.added == N
        raise InputError("the trail is full")

    with pytest.raises(InputError, match="trail"):
        read_file(ledger, "main", path.with_name("l.csv"), "ann").write(refuse)
    assert agreed(ledger, "main") == {} and verify_chain(ledger) == []
    assert import_file(ledger, "main", path.with_name("l.csv"), "ann").added == N


def test_the_same_file_read_by_two_is_written_once(ledger: Ledger, path: Path) -> None:
    file = path.with_name("l.csv")
    with closing(connect(path)) as other:
        mine, theirs = read_file(ledger, "main", file, "ann"), read_file(other, "main", file, "ann")
        assert (theirs.write().added, mine.write().added) == (N, 0)
    assert mine.counts["known"] == N and len(list(events.history(ledger, "main"))) == N
    assert verify_chain(ledger) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from labelsieve.project import chain, importing
from labelsieve.project.database import connect
importing.BLOCK = 50
conn, when, real = connect(sys.argv[1]), sys.argv[2], chain._hash
if when == "one by one":
    importing.ParkedLabels.write_plainly = lambda self: None
calls = 0
def hashed(*args):
    global calls
    calls += 1
    if calls == 250:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args)
chain._hash = hashed
read = importing.read_file(conn, "main", Path(sys.argv[1]).with_name("l.csv"), "ann")
if when == "read":
    os.kill(os.getpid(), signal.SIGKILL)
read.write()
"""


@pytest.mark.parametrize("when", ["read", "at once", "one by one"])
def test_a_killed_import_leaves_nothing_and_comes_in_again(path: Path, when: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), when], check=False, env=os.environ)
    assert done.returncode == -signal.SIGKILL
    with closing(connect(path)) as conn:
        assert agreed(conn, "main") == {} and verify_chain(conn) == []
        assert import_file(conn, "main", path.with_name("l.csv"), "ann").added == N
        assert len(agreed(conn, "main")) == N and verify_chain(conn) == []


ANSWERS = [
    {"label": "b", "answer": "class", "seconds": 1.5, "annotator": "x"},
    {"label": "new one", "answer": "class", "at": "2024-05-01T12:00:01+00:00", "source": "human"},
    {"label": "", "answer": "skip"},
    {"label": "", "answer": "unsure", "source": "rule"},
    {"label": "a", "answer": "soft", "weights": '{"a": 0.75, "other": 0.25}'},
    {"label": "a;c", "answer": "classes"},
    {"label": "c;a", "answer": "classes", "annotator": "日本"},
    {"label": "", "answer": "classes"},
    {"label": "z", "answer": "class", "query": 99},
]


@pytest.mark.parametrize("kind", ["classes", "multilabel", "screen"])
def test_at_once_is_as_one_by_one(tmp_path: Path, path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of writing leave the same rows, codes, numbers and hashes."""
    rows = [{"key": f"k{at}", "at": AT} | ANSWERS[at * 7 % len(ANSWERS)] for at in range(N)]
    file = tmp_path / "l.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr(importing, "BLOCK", 70)
    monkeypatch.setattr(chain.secrets, "token_hex", lambda n: "00" * n)
    left, at_once, real = [], list[int | None](), importing.ParkedLabels.write_plainly

    def spied(parked: importing.ParkedLabels) -> int | None:
        at_once.append(real(parked))
        return at_once[-1]

    monkeypatch.setattr(importing.ParkedLabels, "write_plainly", spied)
    for name in ("plain", "slow"):
        with closing(connect(tmp_path / f"{name}.sqlite", create=True)) as conn:
            tasks.add(conn, "main", kind, dull="b")
            source = manifest.add_source(conn, "toy", "text")
            manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(N)])
            monkeypatch.setattr(chain, "now", lambda: AT)
            if name == "slow":
                monkeypatch.setattr(importing.ParkedLabels, "write_plainly", lambda self: None)
            first = import_file(conn, "main", file, "ann")
            again = import_file(conn, "main", file, "ann")
            assert first.added and not again.added and verify_chain(conn) == []
            tables = [conn.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES]
            left.append((first, again, tables))
    assert left[0] == left[1]
    assert at_once == [left[0][0].added, 0]


TABLES = ("events", "classes", "links", "sqlite_sequence")


def test_what_is_known_already_is_told_apart(ledger: Ledger, path: Path) -> None:
    """One known id is enough to go one by one: each is looked up then."""
    file = path.with_name("l.csv")
    read = read_file(ledger, "main", file, "ann")
    with closing(connect(path)) as other:
        (parked,) = next(read_file(other, "main", file, "ann")._parked.blocks(1))
        events.write(other, [parked.label("main")])
    report = read.write()
    assert (report.added, report.known) == (N - 1, 1)
    assert verify_chain(ledger) == [] and len(list(events.history(ledger, "main"))) == N


def test_a_class_that_was_closed_meanwhile_stops_all(tmp_path: Path, path: Path, ledger: Ledger) -> None:
    tasks.add(ledger, "shut", "classes", ["a", "b"])
    read = read_file(ledger, "main", path.with_name("l.csv"), "ann")
    read._parked._task = "shut"
    with pytest.raises(UnknownName, match="class"):
        read.write()
    assert not ledger.in_transaction and agreed(ledger, "shut") == {} and verify_chain(ledger) == []

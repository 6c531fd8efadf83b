"""The ledger on a real disk: several processes, a killed writer, a read-only folder, a full disk, other versions."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.types import Label, Value
from labelsieve.project import backups, database, events, manifest, migrations, tasks
from labelsieve.project.database import Ledger, connect, transaction
from labelsieve.project.folding import fold

AT = "2024-05-01T12:00:00+00:00"

WRITER = """
import sys
from labelsieve.core.types import Label, Value
from labelsieve.project import events
from labelsieve.project.database import connect
path, by, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
conn = connect(path)
for i in range(n):
    label = Label(events.new_id(), "main", 1 + i % 50, Value("class", (f"c{i % 7}",)), by, "2024-05-01T12:00:00+00:00")
    events.write(conn, [label])
    print(label.id, flush=True)
"""


def make(folder: Path, items: int = 50) -> Path:
    path = folder / "labels.sqlite"
    with closing(connect(path, create=True)) as conn:
        tasks.add(conn, "main", "classes")
        source = manifest.add_source(conn, "toy", "text")
        manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(items)])
    return path


def label(item: int, name: str, by: str = "ann") -> Label:
    return Label(events.new_id(), "main", item, Value("class", (name,)), by, AT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path)


def test_four_processes_write_at_once_and_no_label_is_lost(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path)]
    started = [subprocess.Popen([*command, f"p{i}", "40"], stdout=subprocess.PIPE, text=True) for i in range(4)]
    said = [process.communicate(timeout=120)[0].split() for process in started]
    assert [process.returncode for process in started] == [0] * 4
    with closing(connect(path)) as conn:
        written = [event.id for event in events.history(conn, "main")]
        assert len(written) == len(set(written)) == 160
        assert set(written) == {id_ for lines in said for id_ in lines}
        assert tasks.get(conn, "main").classes == tuple(f"c{i}" for i in range(7))
        assert len(fold(conn, "main")) == 40


def test_what_a_killed_writer_has_acknowledged_is_there(path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(path), "ann", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.read().split("\n")[:-1]
    with closing(connect(path)) as conn:
        written = [event.id for event in events.history(conn, "main")]
        assert set(said) <= set(written) and len(set(written)) == len(written)
        assert len(written) - len(said) in (0, 1)  # one may be written and not yet said
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_many_processes_may_make_the_same_database(tmp_path: Path) -> None:
    script = "import sys; from labelsieve.project.database import connect; connect(sys.argv[1], create=True).close()"
    command = [sys.executable, "-c", script, str(tmp_path / "labels.sqlite")]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    assert [process.communicate(timeout=120)[1] for process in started] == [""] * 6
    with closing(connect(tmp_path / "labels.sqlite")) as conn:
        assert conn.execute("PRAGMA user_version").fetchone() == (migrations.VERSION,)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="does not exist"):
        connect(tmp_path / "labels.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.sqlite").write_bytes(b"key,label\n1,cat\n" * 500)
    with pytest.raises(ProjectError, match=r"labels\.sqlite.*not a database"):
        connect(tmp_path / "labels.sqlite")


def test_an_empty_file_is_no_new_project(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(ProjectError, match="empty"):
        connect(path)
    assert path.read_bytes() == b""


def test_text_that_is_no_utf_8_is_named(path: Path) -> None:
    with closing(connect(path)) as conn, pytest.raises(InputError, match=r"a\\udcff.*UTF-8"):
        events.write(conn, [label(1, "cat", by="a\udcff")])


def test_a_damaged_database_is_never_the_newest_backup(tmp_path: Path) -> None:
    path = make(tmp_path, items=20_000)
    raw = bytearray(path.read_bytes())
    half = len(raw) // 8192 * 4096
    raw[half : half + 4096] = raw[half - 4096 : half]
    path.write_bytes(raw)
    with pytest.raises(ProjectError, match="damaged"):
        backups.backup(tmp_path)
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    path = make(tmp_path, items=5000)
    raw = bytearray(path.read_bytes())
    raw[4096 * 3 :] = os.urandom(len(raw) - 4096 * 3)
    path.write_bytes(raw)
    with pytest.raises(ProjectError, match="malformed") as caught, closing(connect(path)) as conn:
        events.write(conn, [label(item, "cat") for item in range(1, 5000)])
    assert "backups/" in caught.value.hint


def test_a_page_that_cannot_be_read_is_named_when_it_is_reached(tmp_path: Path) -> None:
    path = make(tmp_path, items=20_000)
    raw = bytearray(path.read_bytes())
    half = len(raw) // 8192 * 4096
    raw[half : half + 40 * 4096] = bytes(40 * 4096)
    path.write_bytes(raw)
    with closing(connect(path)) as conn, pytest.raises(ProjectError, match="malformed"):
        for _ in conn.execute("SELECT * FROM items"):
            pass


def test_a_lock_that_is_held_too_long_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    with closing(connect(path)) as one, closing(connect(path)) as other, transaction(one):
        with pytest.raises(ProjectError, match="locked") as caught:
            events.write(other, [label(1, "cat")])
        assert "wait" in caught.value.hint
        assert len(fold(other, "main")) == 0  # reading goes on


def test_two_processes_sync_the_same_source_at_once(tmp_path: Path) -> None:
    path = make(tmp_path, items=0)
    rows = "".join(f"text {i % 900}\n" for i in range(1000))
    (tmp_path / "t.csv").write_text("text\n" + rows)
    script = """
import sys
from labelsieve.project.database import connect
from labelsieve.project.syncing import sync
from labelsieve.sources import SourceOptions, open_source
print(sync(connect(sys.argv[1]), {"t.csv": open_source(sys.argv[2], SourceOptions(text="text"))}).added)
"""
    command = [sys.executable, "-c", script, str(path), str(tmp_path / "t.csv")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sorted(process.communicate(timeout=120)[0] for process in started) == ["0\n", "0\n", "1000\n"]
    with closing(connect(path)) as conn:
        assert len(manifest.ids(conn)) == 1000


# Versions


def test_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as conn:
        conn.execute(f"PRAGMA user_version = {migrations.VERSION + 1}")
    with pytest.raises(ProjectError, match="newer labelsieve") as caught:
        connect(path)
    assert "upgrade" in caught.value.hint
    assert not (path.parent / "backups").exists()


def test_each_migration_is_one_transaction_with_a_backup_first(path: Path) -> None:
    def add_note(conn: Ledger) -> None:
        conn.execute("CREATE TABLE notes (text TEXT)")

    def fail(conn: Ledger) -> None:
        conn.execute("DROP TABLE notes")
        raise ProjectError("this step fails")

    with closing(connect(path)) as conn:
        events.write(conn, [label(1, "cat")])
        (copy,) = migrations.migrate(conn, [*migrations.STEPS, add_note])
        assert migrations.migrate(conn, [*migrations.STEPS, add_note]) == []
        with pytest.raises(ProjectError, match="this step fails"):
            migrations.migrate(conn, [*migrations.STEPS, add_note, fail])
        assert conn.execute("SELECT COUNT(*) FROM notes").fetchone() == (0,)
        assert conn.execute("PRAGMA user_version").fetchone() == (migrations.VERSION + 1,)
    assert copy.parent == path.parent / "backups" and len(backups.listed(path.parent)) == 2
    with closing(connect(copy)) as old:
        assert fold(old, "main").ids.tolist() == [1]
        assert old.execute("PRAGMA user_version").fetchone() == (migrations.VERSION,)


# Transactions and backups


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    def written_then_failed(conn: Ledger) -> None:
        with transaction(conn):
            events.write(conn, [label(1, "cat")])
            raise KeyError

    with closing(connect(path)) as conn:
        with pytest.raises(KeyError):
            written_then_failed(conn)
        assert list(events.history(conn, "main")) == [] and tasks.get(conn, "main").classes == ()


def test_a_backup_is_whole_while_others_write(path: Path) -> None:
    (path.parent / "labelsieve.toml").write_text("seed = 0\n")
    command = [sys.executable, "-c", WRITER, str(path), "ann", "200"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(10)]
        copy = backups.backup(path.parent)
        process.kill()
    assert sorted(file.name for file in copy.iterdir()) == ["labels.sqlite", "labelsieve.toml"]
    shutil.copytree(copy, path.parent / "restored")
    with closing(connect(path.parent / "restored" / "labels.sqlite")) as conn:
        assert set(said) <= {event.id for event in events.history(conn, "main")}
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert backups.listed(path.parent) == [copy]


# Full disk, read-only folder

FILLER = """
import resource, signal, sys
from labelsieve.core.types import Label, Value
from labelsieve.core.errors import InputError, ProjectError
from labelsieve.project import events
from labelsieve.project.database import connect
conn = connect(sys.argv[1])
if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    for i in range(100000):
        ids = [events.new_id() for _ in range(20)]
        value = Value("class", ("x" * 200 + str(i),))
        events.write(conn, [Label(id_, "main", 1, value, "ann", "2024-05-01T12:00:00+00:00") for id_ in ids])
        print(*ids, flush=True)
except ProjectError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


def fill(path: Path, *limit: str) -> tuple[list[str], str]:
    command = [sys.executable, "-c", FILLER, str(path), *limit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    return done.stdout.split(), done.stderr


def check_after_full(path: Path, said: list[str]) -> None:
    with closing(connect(path)) as conn:
        assert {event.id for event in events.history(conn, "main")} == set(said)
        assert conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert events.write(conn, [label(1, "cat")]) == 1


def test_a_file_that_may_not_grow_is_a_clear_error_and_loses_nothing(path: Path) -> None:
    said, error = fill(path, str(600_000))
    assert len(said) >= 20 and "labels.sqlite" in error and "Hint" in error and "Traceback" not in error
    check_after_full(path, said)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("a small disk cannot be mounted here (it needs root)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def test_a_full_disk_is_a_clear_error_and_loses_nothing(small_disk: Path) -> None:
    path = make(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 100_000)
    said, error = fill(path)
    assert len(said) >= 20 and "full" in error and "free some disk space" in error
    with pytest.raises(ProjectError):
        backups.backup(small_disk)
    assert not list((small_disk / "backups").glob("*")) if (small_disk / "backups").exists() else True
    ballast.unlink()
    check_after_full(path, said)


def as_ordinary_user(work: Callable[[], str]) -> str:
    """What `work` returns in a forked process of a user who is not root (nobody, where this test is root)."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            os.write(write, work().encode())
            code = 0
        finally:
            os._exit(code)  # nothing of pytest may run twice
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return said


def read_then_write(path: Path) -> str:
    conn = connect(path)
    said = f"{len(fold(conn, 'main'))} {conn.writable}\n"
    try:
        events.write(conn, [label(2, "cat")])
    except ProjectError as error:
        said += str(error)
    return said


def make_new(path: Path) -> str:
    try:
        connect(path, create=True)
    except ProjectError as error:
        return str(error)
    return "made"


@pytest.mark.parametrize("still_open", [False, True])
def test_a_read_only_folder_can_be_read_and_says_why_it_cannot_be_written(still_open: bool) -> None:
    folder = Path(tempfile.mkdtemp())  # not tmp_path: its parents are closed to other users
    try:
        path = make(folder)
        conn = connect(path)
        events.write(conn, [label(1, "cat")])
        if not still_open:
            conn.close()
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        said = as_ordinary_user(lambda: read_then_write(path))
        assert said.startswith("1 False\n")
        assert "readonly" in said and "permissions" in said
    finally:
        conn.close()
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_folder_that_may_not_be_written_cannot_hold_a_new_project() -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o555)
        assert "Hint: check that the folder exists" in as_ordinary_user(lambda: make_new(folder / "labels.sqlite"))
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)

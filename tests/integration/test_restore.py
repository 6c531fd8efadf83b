"""labelsieve restore: a backup put back, killed at every step, beside others, on a full disk; and what it refuses."""

import errno
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import serving
from command_line import run

import labelsieve as ls
from labelsieve.core.errors import InputError, ProjectError
from labelsieve.core.types import Label, Value
from labelsieve.project import backups, database, events, manifest, migrations, pooling, swapping, tasks, trimming
from labelsieve.project.database import connect

TOML = 'seed = 0\n\n[tasks.main]\nkind = "classes"\n'
HOLDER = """
import sys
from labelsieve.project.database import connect
conn = connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def write(path: Path, *items: int, by: str = "ann") -> None:
    with closing(connect(path)) as conn:
        at = "2024-05-01T12:00:00+00:00"
        events.write(
            conn, [Label(events.new_id(), "main", item, Value("class", (f"c{item % 3}",)), by, at) for item in items]
        )


def answered(path: Path) -> list[int]:
    with closing(connect(path)) as conn:
        return events.answered(conn, "main").tolist()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path / "p.sieve")


def make(root: Path) -> Path:
    """A project of 50 items, of which 1 to 5 are labelled."""
    root.mkdir()
    (root / "labelsieve.toml").write_text(TOML)
    with closing(connect(root / "labels.sqlite", create=True)) as conn:
        tasks.add(conn, "main", "classes")
        source = manifest.add_source(conn, "toy", "text")
        manifest.add_items(conn, source, [(row, f"k{row}", f"{row:032x}") for row in range(50)])
    write(root / "labels.sqlite", 1, 2, 3, 4, 5)
    return root


def files(root: Path) -> dict[str, bytes]:
    """All of a project but what can be deleted."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] != "cache"
    }


# What is restored


def test_a_backup_is_the_project_again_and_what_stood_there_is_kept(root: Path) -> None:
    copy = backups.backup(root)
    write(root / "labels.sqlite", 6, 7)
    (root / "labelsieve.toml").write_text(TOML + "# mine\n")
    done = ls.restore(copy, root)
    assert answered(root / "labels.sqlite") == [1, 2, 3, 4, 5]
    assert (root / "labelsieve.toml").read_text() == TOML and done.settings
    assert done.stand.events == 5 and done.labels == {"main": 5} and not done.faults and not done.finished
    assert done.before is not None and done.before.events == 7
    assert answered(Path(done.aside) / "labels.sqlite") == [1, 2, 3, 4, 5, 6, 7]
    assert (Path(done.aside) / "labelsieve.toml").read_text() == TOML + "# mine\n"
    assert not (root / ".restoring").exists() and not list(root.glob(".tmp-*"))
    ls.restore(done.aside, root)  # and back
    assert answered(root / "labels.sqlite") == [1, 2, 3, 4, 5, 6, 7]


def test_a_log_of_the_ledger_that_stood_there_never_gets_into_the_backup(root: Path) -> None:
    """The log is kept as a kill leaves it: put beside a backup by hand, it would be written over it."""
    copy, ledger = backups.backup(root), root / "labels.sqlite"
    with closing(connect(ledger)) as conn:
        tasks.add(conn, "other", "classes")
        kept = {name: (root / name).read_bytes() for name in ("labels.sqlite", "labels.sqlite-wal")}
    for name, content in kept.items():
        (root / name).write_bytes(content)
    done = ls.restore(copy, root)
    assert answered(ledger) == [1, 2, 3, 4, 5]
    with closing(connect(ledger)) as conn:
        assert [task.name for task in tasks.listed(conn)] == ["main"] and database.damage(conn) == ""
    for name, content in kept.items():
        assert (Path(done.aside) / name).read_bytes() == content


def test_a_damaged_ledger_with_a_log_gives_way(root: Path) -> None:
    copy, ledger = backups.backup(root), root / "labels.sqlite"
    ledger.write_bytes(os.urandom(40_000))
    (root / "labels.sqlite-wal").write_bytes(os.urandom(9_000))
    done = ls.restore(copy, root)
    assert done.before is None and answered(ledger) == [1, 2, 3, 4, 5]
    assert (Path(done.aside) / "labels.sqlite").stat().st_size == 40_000


@pytest.mark.parametrize("left", [b"", None])
def test_an_empty_ledger_or_none_gives_way(root: Path, left: bytes | None) -> None:
    copy = backups.backup(root)
    (root / "labels.sqlite").unlink()
    if left is not None:
        (root / "labels.sqlite").write_bytes(left)
    assert ls.restore(copy, root).before is None
    assert answered(root / "labels.sqlite") == [1, 2, 3, 4, 5]


def test_an_empty_folder_becomes_the_project(root: Path, tmp_path: Path) -> None:
    copy = backups.backup(root)
    (tmp_path / "new.sieve").mkdir()
    ls.restore(copy, tmp_path / "new.sieve")
    assert answered(tmp_path / "new.sieve" / "labels.sqlite") == [1, 2, 3, 4, 5]
    with pytest.raises(ProjectError, match="does not exist"):
        ls.restore(copy, tmp_path / "typo.sieve")
    assert not (tmp_path / "typo.sieve").exists()


def test_a_backup_from_before_a_migration_is_brought_to_this_version(root: Path) -> None:
    old = root / "backups" / "labels-20240501T120000-before-3.sqlite"
    old.parent.mkdir()
    with closing(sqlite3.connect(old)) as conn:
        for statement in migrations._split(migrations._FIRST + migrations._SECOND):
            conn.execute(statement)
        with closing(connect(root / "labels.sqlite")) as here:
            for table in ("sources", "tasks", "items", "classes", "events", "links"):
                rows = here.execute(f"SELECT * FROM {table}").fetchall()
                conn.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
        conn.execute("PRAGMA user_version = 2")
        conn.commit()
    write(root / "labels.sqlite", 6)
    before = old.read_bytes()
    done = ls.restore(old, root)
    assert done.stand.events == 5 and answered(root / "labels.sqlite") == [1, 2, 3, 4, 5]
    assert old.read_bytes() == before and not done.settings
    assert [path.name for path in (root / "backups").iterdir()] == [old.name]


# What is refused


def refused(root: Path, backup: Path, match: str, kind: type[Exception] = ProjectError) -> str:
    before = files(root)
    with pytest.raises(kind, match=match) as caught:
        ls.restore(backup, root)
    assert files(root) == before
    return str(caught.value)


def test_what_is_no_backup_is_refused_and_nothing_changes(root: Path, tmp_path: Path) -> None:
    assert "the newest of this project" not in refused(root, tmp_path / "no", "does not exist", InputError)
    newest = backups.backup(root)
    assert newest.name in refused(root, tmp_path / "no", "does not exist", InputError)
    refused(root, tmp_path, "holds no labels.sqlite", InputError)
    refused(root, root, "the project itself", InputError)
    refused(root, root / "labels.sqlite", "the project itself", InputError)
    (tmp_path / "text.sqlite").write_text("key,label\n" * 500)
    refused(root, tmp_path / "text.sqlite", "text.sqlite is damaged.*not a database")
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as conn:
        conn.execute("CREATE TABLE mine (n INTEGER)")
    refused(root, tmp_path / "other.sqlite", "no ledger: it has no table events")


def test_a_damaged_backup_is_refused_and_nothing_changes(root: Path) -> None:
    with closing(connect(root / "labels.sqlite")) as conn:
        manifest.add_items(conn, 1, [(row, f"k{row}", f"{row:032x}") for row in range(50, 20_000)])
    copy = backups.backup(root)
    raw = bytearray((copy / "labels.sqlite").read_bytes())
    half = len(raw) // 8192 * 4096
    raw[half : half + 4096] = raw[half - 4096 : half]
    (copy / "labels.sqlite").write_bytes(raw)
    refused(root, copy, "is damaged")
    (copy / "labels.sqlite").write_bytes(raw[: len(raw) // 2])
    refused(root, copy, "is damaged")
    (copy / "labels.sqlite").write_bytes(b"")
    refused(root, copy, "no ledger")


def test_settings_that_do_not_open_are_refused_and_named(root: Path) -> None:
    copy = backups.backup(root)
    (copy / "labelsieve.toml").write_text("seed = \n")
    assert str(copy / "labelsieve.toml") in refused(root, copy, "cannot be read")
    (copy / "labelsieve.toml").write_text(TOML.replace("classes", "screen"))
    refused(root, copy, "is of kind 'screen'")


def test_an_edited_log_is_refused_unless_it_is_wanted(root: Path) -> None:
    copy = backups.backup(root)
    with closing(sqlite3.connect(copy / "labels.sqlite")) as conn:
        conn.execute("DROP TRIGGER events_fix")
        conn.execute("UPDATE events SET code = 1 - code WHERE seq = 3 AND code < 2")
        conn.execute("UPDATE events SET annotator = 'eve' WHERE seq = 3")
        conn.commit()
    assert "--edited" in refused(root, copy, "event .* of item k2: changed")
    done = ls.restore(copy, root, edited=True)
    assert len(done.faults) == 1 and "k2" in done.faults[0]


def test_a_backup_of_another_project_is_refused_though_the_ledger_is_lost(root: Path, tmp_path: Path) -> None:
    other = backups.backup(make(tmp_path / "other.sieve"))
    own = backups.backup(root)
    assert "empty folder" in refused(root, other, "is of another project")
    (root / "labels.sqlite").write_bytes(b"lost" * 5_000)
    refused(root, other, "is of another project")  # its own backups tell
    ls.restore(own, root)
    assert answered(root / "labels.sqlite") == [1, 2, 3, 4, 5]


def test_a_newer_ledger_is_refused(root: Path) -> None:
    copy = backups.backup(root)
    with closing(sqlite3.connect(copy / "labels.sqlite")) as conn:
        conn.execute(f"PRAGMA user_version = {migrations.VERSION + 1}")
    assert "upgrade" in refused(root, copy, "newer labelsieve")


# Others at work


def test_a_project_that_another_process_has_open_is_refused(root: Path) -> None:
    copy = backups.backup(root)
    command = [sys.executable, "-c", HOLDER, str(root / "labels.sqlite")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(ProjectError, match="open in another process"):
            ls.restore(copy, root)
        (root / "labels.sqlite").write_bytes(os.urandom(40_000))  # damaged beneath it
        with pytest.raises(ProjectError, match="open in another process"):
            ls.restore(copy, root)
        holder.stdin.close()
        holder.wait()
    ls.restore(copy, root)
    assert answered(root / "labels.sqlite") == [1, 2, 3, 4, 5]


def test_a_project_that_is_open_here_is_refused_and_stays_usable(root: Path) -> None:
    copy = backups.backup(root)
    with closing(connect(root / "labels.sqlite")) as conn:
        with pytest.raises(ProjectError, match="open in this process") as caught:
            ls.restore(copy, root)
        assert "close" in caught.value.hint
        tasks.add(conn, "more", "classes")
    ls.restore(copy, root)


def test_whoever_waited_while_a_restore_ran_opens_the_restored_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file gives way after it was opened and before it was read: the one in its place is opened."""
    ledger, fresh = root / "labels.sqlite", tmp_path / "fresh.sqlite"
    shutil.copyfile(ledger, fresh)
    write(ledger, 6)
    genuine: Callable[..., Any] = migrations.migrate
    calls = []

    def swapped(conn: database.Ledger) -> Any:
        if not calls:
            calls.append(1)
            fresh.replace(ledger)
        return genuine(conn)

    monkeypatch.setattr(migrations, "migrate", swapped)
    with closing(connect(ledger)) as conn:
        assert events.answered(conn, "main").tolist() == [1, 2, 3, 4, 5]


# Kills


def killed(work: Callable[[], object], step: int) -> bool:
    """Whether `work`, in a process of its own, was killed at the `step`-th change of the disk; False: it came through.

    Every rename, new folder, removal and flush counts, and the kill comes before it.
    """
    child = os.fork()
    if child == 0:
        left = [step]
        try:
            for name in ("rename", "replace", "mkdir", "unlink", "rmdir", "fsync"):
                genuine = getattr(os, name)

                def counted(*args: Any, _genuine: Any = genuine, **options: Any) -> Any:
                    left[0] -= 1
                    if not left[0]:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return _genuine(*args, **options)

                setattr(os, name, counted)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL), status
    return status == signal.SIGKILL


def test_a_kill_at_any_step_leaves_the_old_one_whole_or_the_same_call_finishes(tmp_path: Path) -> None:
    made = make(tmp_path / "made")
    copy = backups.backup(made)
    (made / "labelsieve.toml").write_text(TOML + "# mine\n")
    with closing(connect(made / "labels.sqlite")) as conn:  # what the log holds was said to be saved
        conn.execute("PRAGMA wal_autocheckpoint = 0")
        at, value = "2024-05-01T12:00:00+00:00", Value("class", ("c1",))
        events.write(conn, [Label(events.new_id(), "main", 9, value, "ann", at)])
        logged = files(made)
    (made / "cache" / "views").mkdir(parents=True)
    assert {"labels.sqlite-wal", "labels.sqlite-shm"} <= logged.keys()
    old, new, ends = [1, 2, 3, 4, 5, 9], [1, 2, 3, 4, 5], set()
    for step in range(1, 200):
        root = tmp_path / "p.sieve"
        shutil.copytree(made, root)
        for name, content in logged.items():
            (root / name).write_bytes(content)
        if not killed(lambda root=root: ls.restore(copy, root), step):  # type: ignore[misc]
            break
        if (root / ".restoring").exists():
            ends.add("between")
            with pytest.raises(ProjectError, match="cut short") as caught:
                ls.open(root)
            assert caught.value.hint.endswith(f"labelsieve restore {copy} {root} finishes it.")
            with pytest.raises(ProjectError, match="cut short"):
                connect(root / "labels.sqlite")
            assert ls.restore(copy, root).finished
        elif "# mine" in (root / "labelsieve.toml").read_text():
            ends.add("old")
            assert answered(root / "labels.sqlite") == old
            assert not ls.restore(copy, root).finished
        else:
            ends.add("new")
        assert answered(root / "labels.sqlite") == new and (root / "labelsieve.toml").read_text() == TOML
        (aside,) = (root / "replaced").iterdir()
        assert answered(aside / "labels.sqlite") == old
        assert not list(root.glob(".*"))
        shutil.rmtree(root)
    assert ends == {"old", "between", "new"}


def test_a_restore_that_was_cut_short_is_finished_before_another_backup_is_taken(root: Path) -> None:
    first = backups.backup(root)
    write(root / "labels.sqlite", 6)
    second = backups.backup(root)
    write(root / "labels.sqlite", 7)
    steps = iter(range(1, 200))
    while not (root / ".restoring").exists():
        assert killed(lambda: ls.restore(first, root), next(steps))
    done = ls.restore(second, root)
    assert not done.finished and answered(root / "labels.sqlite") == [1, 2, 3, 4, 5, 6]
    there = sorted(answered(path / "labels.sqlite")[-1] for path in (root / "replaced").iterdir())
    assert there == [5, 7]


# A full disk


def test_a_file_that_may_not_grow_is_a_clear_error_and_changes_nothing(root: Path) -> None:
    copy, before = backups.backup(root), files(root)

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with pytest.raises(ProjectError, match="labels.sqlite") as caught:
            ls.restore(copy, root)
        assert "free" in caught.value.hint

    assert not killed(work, -1)
    assert files(root) == before


def test_a_full_disk_is_a_clear_error_and_changes_nothing() -> None:
    folder = Path(tempfile.mkdtemp())
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True).returncode:
        folder.rmdir()
        pytest.skip("a small disk cannot be mounted here (it needs root)")
    try:
        root = make(folder / "p.sieve")
        copy = backups.backup(root)
        ballast = folder / "ballast"
        ballast.touch()
        with ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:  # until it is full
                file.write(b"x" * 4096)
        before = files(root)
        with pytest.raises(ProjectError, match=r"full|space|I/O") as caught:
            ls.restore(copy, root)
        assert "free" in caught.value.hint and files(root) == before
        ballast.unlink()
        ls.restore(copy, root)
        assert answered(root / "labels.sqlite") == [1, 2, 3, 4, 5]
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


# The cache


def test_every_part_of_the_cache_is_kept_for_a_reason_or_moved_aside() -> None:
    source = "\n".join(path.read_text() for path in Path(swapping.__file__).parent.rglob("*.py"))
    used = set(re.findall(r'cache"? / "(\w+)"', source)) - {"restore"}
    assert {"embeddings", "views", "agreement"} <= used
    assert used == {*trimming.FORGOTTEN, *trimming.KNOWN_BY_CONTENT, *trimming.TRIMMED}


def test_a_cache_on_another_disk_is_no_obstacle(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, genuine = backups.backup(root), Path.rename
    (root / "cache" / "views").mkdir(parents=True)

    def rename(path: Path, target: Path) -> Path:
        if "cache" in path.relative_to(root).parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return genuine(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    ls.restore(copy, root)
    assert answered(root / "labels.sqlite") == [1, 2, 3, 4, 5] and not (root / "cache" / "views").exists()


def test_items_that_come_after_a_restore_never_have_the_embeddings_of_others(tmp_path: Path) -> None:
    """The ids of items that came after the backup are given again, to other items."""
    table = tmp_path / "t.csv"
    table.write_text("key,text\n" + "".join(f"a{i},some words {i}\n" for i in range(30)))
    with ls.create(tmp_path / "p.sieve", table, text="text", key="key") as project:
        project.embed()
        copy = project.backup()
        table.write_text(table.read_text() + "".join(f"b{i},later words {i}\n" for i in range(5)))
        project.sync()
        project.embed()
    ls.restore(copy, tmp_path / "p.sieve")
    table.write_text("key,text\n" + "".join(f"a{i},some words {i}\n" for i in range(30)) + "c,words words other\n")
    with ls.open(tmp_path / "p.sieve") as project:
        project.sync()
        assert project.embed().done == 1
        pool = pooling.raw_pool(project.context)
        engine = pooling.ready_engine(project.context)
        (expected,) = engine.compute([engine.prepare("words words other")])
        assert len(pool.ids) == 31
        np.testing.assert_allclose(pool.take(pool.ids[-1:])[0], expected, atol=1e-6)


# The command line


def test_the_verb_says_what_was_restored(root: Path, tmp_path: Path) -> None:
    copy = Path(run(tmp_path, "backup", root).stdout.strip())
    write(root / "labels.sqlite", 6)
    said = run(tmp_path, "restore", copy, root)
    assert re.search(r"5 label events, the last of 2024-05-01", said.stdout)
    assert "task main: 5 items with an answer" in said.stdout and "before: 6 label events" in said.stdout
    assert "labelsieve doctor" in said.stderr
    facts = json.loads(run(tmp_path, "restore", copy, root, "--json").stdout)
    assert facts["stand"]["events"] == 5 and facts["labels"] == {"main": 5} and facts["finished"] is False
    assert facts["made"][:4] == copy.name[:4] and Path(facts["aside"]).is_dir()
    assert "does not exist" in run(tmp_path, "restore", "nothing", root, code=1).stderr


def test_a_server_keeps_its_project(root: Path, tmp_path: Path) -> None:
    copy = Path(run(tmp_path, "backup", root).stdout.strip())
    with serving(root) as server:
        assert server.ask("/jobs") is not None
        assert "another process" in run(tmp_path, "restore", copy, root, code=1).stderr
        assert server.ask("/jobs") is not None
    run(tmp_path, "restore", copy, root)

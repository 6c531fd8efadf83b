"""Making a project: what cannot be one leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError, ProjectError
from labelsieve.project import config


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text("text\none\ntwo\n")
    return path


@pytest.mark.parametrize("source", ["p.sieve", "gone.csv"])
def test_a_source_that_is_none_leaves_nothing(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        ls.create(tmp_path / "p.sieve", tmp_path / source)
    assert list(tmp_path.iterdir()) == []


def test_a_project_is_no_source_of_itself(tmp_path: Path, table: Path) -> None:
    with ls.create(tmp_path / "p.sieve", table, text="text") as p, pytest.raises(InputError, match="itself"):
        p.sync(tmp_path / "p.sieve")


def test_a_task_is_in_both_files_or_in_none(tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise ProjectError("labelsieve.toml cannot be written: No space left on device.")

    with ls.create(tmp_path / "p.sieve", table, text="text") as p:
        with monkeypatch.context() as patched:
            patched.setattr(config, "write", full)
            with pytest.raises(ProjectError, match="No space left"):
                p.add_task("two")
        assert p.add_task("two").task.name == "two"


def test_a_table_without_rows_says_that_it_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n")
    path = tmp_path / "a.csv"
    with ls.create(tmp_path / "p.sieve", path, text="text") as p, pytest.raises(ProjectError, match="are empty"):
        p.embed()


def test_who_may_only_read_may_predict(tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ls.create(tmp_path / "p.sieve", table, text="text") as p:
        p.embed()
        p.label([1, 2], ["a", "b"], by="ann")
        monkeypatch.setattr(p.context.conn, "writable", False)
        assert len(p.predict().names) == 2
        assert not (p.path / "cache" / "heads").exists()


KILLED = """
import os, signal, sys
import labelsieve as ls
from labelsieve.project import making
making.sync = lambda *rest: os.kill(os.getpid(), signal.SIGKILL)
ls.create(sys.argv[1], sys.argv[2], text="text")
"""


def test_an_init_that_was_killed_can_be_made_again(tmp_path: Path, table: Path) -> None:
    root = tmp_path / "p.sieve"
    subprocess.run([sys.executable, "-c", KILLED, str(root), str(table)], check=False)
    assert (root / "labels.sqlite").exists()
    with pytest.raises(ProjectError, match="is not ready"):
        ls.open(root)
    with ls.create(root, table, text="text") as project:
        assert project.status()["items"] == 2
    ls.open(root).close()


def test_an_init_that_is_under_way_is_left_alone(tmp_path: Path, table: Path) -> None:
    root = tmp_path / "p.sieve"
    root.mkdir()
    (root / ".unfinished").write_text("1")  # a process that runs as long as the machine does
    with pytest.raises(ProjectError, match="exists already"):
        ls.create(root, table, text="text")
    assert (root / ".unfinished").exists()

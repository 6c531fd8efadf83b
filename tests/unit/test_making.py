"""Making a project: what cannot be one leaves nothing behind."""

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

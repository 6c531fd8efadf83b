"""A ledger edited by hand in SQLite: every verb names the event and leaves with 1, doctor and verify list it."""

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.cli.main import main
from labelsieve.testing import toy_odd

TOY = toy_odd(200, 15)
CLASS = "id = (SELECT id FROM events WHERE tag = 'class' ORDER BY seq LIMIT 1)"
EDITS = {
    "a class that there is not": f"code = 99 WHERE {CLASS}",
    "a negative class": f"code = -3 WHERE {CLASS}",
    "a class that is text": f"code = 'odd' WHERE {CLASS}",
    "no class": f"code = NULL WHERE {CLASS}",
    "another tag": f"tag = 'classes' WHERE {CLASS}",
    "an item that is text": f"item = 'x' WHERE {CLASS}",
    "no JSON": "detail = '[[0, 1' WHERE tag = 'soft'",
    "JSON of another kind": "detail = '{\"a\": 1}' WHERE tag = 'soft'",
    "no pairs": "detail = '[[]]' WHERE tag = 'soft'",
    "codes out of range": "detail = '[[7, 0.5]]' WHERE tag = 'soft'",
    "weights that are text": "detail = '[[0, \"many\"]]' WHERE tag = 'soft'",
    "bytes": "detail = x'ff00' WHERE tag = 'soft'",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with p.sieve, labels of both kinds and a claim."""
    folder = tmp_path_factory.mktemp("whole")
    np.save(folder / "x.npy", TOY.x)
    with ls.create(folder / "p.sieve", folder / "x.npy", task="screen") as p:
        p.label([str(row) for row in range(60)], ["odd" if TOY.y[row] else "dull" for row in range(60)], by="ann")
        p.label(["61"], [ls.Value("soft", ("dull", "odd"), (0.9, 0.1))], by="ann")
        p.draw_audit(20)
        asked = p.next(purpose="certify")
        p.label(asked.ids, ["odd" if TOY.y[int(item.key)] else "dull" for item in asked.items], "bob", query=asked.id)
        p.certify(out=folder / "claim.json")
    return folder


def edit(folder: Path, statement: str) -> str:
    """The UUID of the event that was edited."""
    with sqlite3.connect(folder / "p.sieve" / "labels.sqlite") as raw:
        where = statement.split(" WHERE ", 1)[1]
        uuid = raw.execute(f"SELECT id FROM events WHERE {where}").fetchone()[0]
        raw.execute("DROP TRIGGER events_fix")
        assert raw.execute(f"UPDATE events SET {statement}").rowcount == 1
    raw.close()
    return str(uuid)


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return int(str(left.value.code))


@pytest.mark.parametrize("what", EDITS)
def test_an_edited_event_is_named(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "copy"))
    uuid = edit(folder, EDITS[what])
    project = str(folder / "p.sieve")
    for verb in ("status", "certify", "next", "fit", "report"):
        assert run(verb, project) == 1
        said = capsys.readouterr().err
        assert f"ProjectError: event {uuid}" in said and "was edited" in said and "labelsieve doctor" in said
    assert run("doctor", project, "--json") == 1
    found = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["event log"]["severity"] == found["labels of main"]["severity"] == "error"
    assert uuid in found["event log"]["sentence"] and uuid in found["labels of main"]["sentence"]
    assert "versions" in found  # it went on to the end
    assert run("verify", str(folder / "claim.json"), project) == 1
    assert uuid in capsys.readouterr().out


def test_a_class_that_was_removed_is_named(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "copy"))
    with sqlite3.connect(folder / "p.sieve" / "labels.sqlite") as raw:
        assert raw.execute("DELETE FROM classes WHERE code = 0").rowcount == 1
    raw.close()
    assert run("status", str(folder / "p.sieve")) == 1
    assert "the classes of the task 'main' were edited" in capsys.readouterr().err


def test_a_whole_ledger_has_no_such_finding(whole: Path) -> None:
    with ls.open(whole / "p.sieve") as p:
        assert not [found for found in p.doctor() if found.check.startswith("labels of")]

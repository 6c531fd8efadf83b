"""labelsieve verify: a claim checked on another machine, and every kind of tampering named."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.cli.main import main
from labelsieve.core.errors import ProjectError
from labelsieve.project import chain
from labelsieve.project.claims import claiming as claims
from labelsieve.project.claims.verifying import Check
from labelsieve.testing import toy_odd

TOY = toy_odd(300, 20)
UNUSUAL = np.argsort(-np.abs(TOY.x).sum(axis=1))


def answer_audit(p: Any) -> None:
    asked = p.next(purpose="certify")
    p.label(asked.ids, ["odd" if TOY.y[int(item.key)] else "dull" for item in asked.items], by="bob", query=asked.id)


@pytest.fixture(scope="module")
def claimed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with p.sieve and the claim.json of its second look."""
    folder = tmp_path_factory.mktemp("claimed")
    np.save(folder / "x.npy", TOY.x)
    with ls.create(folder / "p.sieve", folder / "x.npy", task="screen") as p:
        rows = UNUSUAL[:80]
        p.label([str(row) for row in rows], ["odd" if TOY.y[row] else "dull" for row in rows], by="ann")
        for size in (50, 100):
            p.draw_audit(size, hidden=3)
            answer_audit(p)
            p.certify()
        p.certify(out=folder / "claim.json")
    return folder


@pytest.fixture
def folder(claimed: Path, tmp_path: Path) -> Path:
    """A copy, as on another machine."""
    return Path(shutil.copytree(claimed, tmp_path / "copy"))


def tamper(folder: Path, *statements: str) -> None:
    with sqlite3.connect(folder / "p.sieve" / "labels.sqlite") as raw:
        for name in ("events_keep", "events_fix", "links_keep", "links_fix"):
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            assert raw.execute(statement).rowcount
    raw.close()


def checked(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in ls.verify_claim(folder / "claim.json", folder / "p.sieve")}


def failed(folder: Path) -> set[str]:
    return {name for name, check in checked(folder).items() if not check.ok}


def verb(folder: Path, code: int, *words: str) -> None:
    with pytest.raises(SystemExit) as left:
        main(["verify", str(folder / "claim.json"), str(folder / "p.sieve"), *words])
    assert left.value.code == code


def event(folder: Path, by: str, class_: str) -> tuple[str, str]:
    """UUID and item key of an annotator's first answer of a class."""
    sql = """SELECT e.id, e.item FROM events e JOIN classes c ON c.task = e.task AND c.code = e.code
      WHERE e.annotator = ? AND c.name = ? ORDER BY e.seq LIMIT 1"""
    with sqlite3.connect(folder / "p.sieve" / "labels.sqlite") as raw:
        found = raw.execute(sql, (by, class_)).fetchone()
    raw.close()
    return str(found[0]), str(found[1] - 1)  # the first row has the id 1


def test_an_honest_claim_holds_and_nothing_is_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "p.sieve" / "labels.sqlite").read_bytes()
    verb(folder, 0)
    said = capsys.readouterr().out
    assert said.count("ok  ") == 9 and "FAILED" not in said and "100 of 220 unreviewed" in said
    verb(folder, 0, "--json")
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert (folder / "p.sieve" / "labels.sqlite").read_bytes() == before
    assert sorted(path.name for path in (folder / "p.sieve").glob("labels.sqlite*")) == ["labels.sqlite"]


def test_only_the_ledger_is_needed(folder: Path) -> None:
    for path in (folder / "p.sieve").iterdir():
        if path.name != "labels.sqlite":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "x.npy").unlink()
    assert failed(folder) == set()


def test_labels_and_looks_that_came_later_are_fine(folder: Path) -> None:
    with ls.open(folder / "p.sieve") as p:
        p.label([str(UNUSUAL[81])], ["odd"], by="ann")
        p.draw_audit(120)
        answer_audit(p)
        p.certify()
        p.draw_audit(20, fresh=True)
    checks = checked(folder)
    assert all(check.ok for check in checks.values())
    assert "links came since" in checks["log of the claim"].said[0]
    assert any("since then known is" in line for line in checks["answers"].said)


def test_a_changed_answer_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    uuid, key = event(folder, "bob", "dull")
    tamper(folder, f"UPDATE events SET code = 1 - code WHERE id = '{uuid}'")
    verb(folder, 1)
    said = capsys.readouterr().out
    assert f"event {uuid} of item {key}: changed" in said and "FAILED  event log" in said
    assert said.count(": changed: its hash") == 1  # exactly that one
    assert {"event log", "answers"} <= failed(folder)


def test_a_removed_answer_is_named(folder: Path) -> None:
    uuid, key = event(folder, "ann", "dull")
    tamper(folder, f"DELETE FROM events WHERE id = '{uuid}'")
    said = checked(folder)["event log"].said
    assert said == (f"event {uuid} of item {key}: removed",)


def test_an_answer_that_was_slipped_in_is_named(folder: Path) -> None:
    columns = "id, task, item, tag, code, annotator, at, source"
    row = "'00000000-0000-4000-8000-000000000000', 1, 7, 'class', 1, 'eve', '2024-05-01', 'human'"
    tamper(folder, f"INSERT INTO events ({columns}) VALUES ({row})")
    assert "00000000-0000-4000-8000-000000000000 of item 6: slipped in" in checked(folder)["event log"].said[0]


def test_a_log_that_was_written_anew_is_caught_by_the_claim(folder: Path) -> None:
    uuid, key = event(folder, "ann", "odd")
    tamper(folder, f"UPDATE events SET code = 1 - code WHERE id = '{uuid}'")
    with sqlite3.connect(folder / "p.sieve" / "labels.sqlite") as raw:
        links = raw.execute("SELECT n, kind, event, body, at FROM links ORDER BY n").fetchall()
        rewrite(raw, links)
    raw.close()
    checks = checked(folder)
    assert checks["event log"].ok  # the chain is sound in itself
    said = " ".join(checks["log of the claim"].said)
    assert not checks["log of the claim"].ok and f"event {uuid} of item {key}: odd by ann in the claim, dull" in said
    assert "they part at link" in said


def rewrite(raw: sqlite3.Connection, links: list[tuple[Any, ...]]) -> None:
    """Every hash computed again, as somebody would who knows how."""
    previous, names = "", chain._Names(raw)
    for n, kind, seq, body, at in links:
        if kind == "fact":
            content = chain._encode(["fact", body, at])
        else:
            _, key, digest = json.loads(body)
            row = raw.execute(f"SELECT {chain._CELLS} FROM events e WHERE e.seq = ?", (seq,)).fetchone()
            content = chain._content(row, names, f"{chain._text(key)},{chain._text(digest)}")
        previous = chain._hash(previous, content)
        raw.execute("UPDATE links SET hash = ? WHERE n = ?", (previous, n))


def test_another_draw_is_caught(folder: Path) -> None:
    with sqlite3.connect(folder / "p.sieve" / "labels.sqlite") as raw:
        asked = raw.execute("SELECT item, position FROM query_items WHERE query = 1 AND purpose = 'certify'").fetchall()
    raw.close()
    other = next(item for item in range(1, 301) if item not in dict(asked))
    tamper(folder, f"UPDATE query_items SET item = {other} WHERE query = 1 AND position = {asked[0][1]}")
    assert failed(folder) == {"draw"}
    assert "asked for other items" in checked(folder)["draw"].said[0]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE meta SET value = '\"0123\"' WHERE key = 'audit_secret'", {"seed"}),
        ("UPDATE tasks SET dull = 'odd'", {"draw", "answers"}),
        ("UPDATE links SET body = replace(body, '\"m\":100', '\"m\":99') WHERE kind = 'fact'", {"event log", "draw"}),
        ("UPDATE tasks SET kind = 'classes'", {"task and audit"}),
        ("UPDATE links SET at = '2020-01-01' WHERE n = 9", {"event log"}),
        ("DELETE FROM links WHERE kind = 'fact' AND body LIKE '%\"look\"%'", {"event log", "looks"}),
    ],
)
def test_what_lies_beside_the_events(folder: Path, statement: str, named: set[str]) -> None:
    tamper(folder, statement)
    assert named <= failed(folder) and bool(named) == bool(failed(folder))


Change = Callable[[dict[str, Any]], None]


def _bound(claim: dict[str, Any]) -> None:
    claim["claim"]["promises"]["known"]["bound"] += 0.01


def _look(claim: dict[str, Any]) -> None:
    claim["claim"]["look"]["number"] = 1


def _count(claim: dict[str, Any]) -> None:
    claim["claim"]["counts"]["odd"] -= 1


def _secret(claim: dict[str, Any]) -> None:
    claim["seed"]["secret"] = "0" * 32


def _head(claim: dict[str, Any]) -> None:
    claim["chain"]["head"] = "0" * 64


def _assumption(claim: dict[str, Any]) -> None:
    claim["claim"]["promises"]["known"]["assumes"].pop()


def _no_count(claim: dict[str, Any]) -> None:
    del claim["claim"]["counts"]["late"]


def _not_a_number(claim: dict[str, Any]) -> None:
    claim["claim"]["promises"]["known"]["bound"] = float("nan")


def _certified(claim: dict[str, Any]) -> None:
    claim["claim"] |= {"recall": 0.999, "certified": True}


def _look_without_end(claim: dict[str, Any]) -> None:
    claim["claim"]["look"]["number"] = 10**30


def _infinite_look(claim: dict[str, Any]) -> None:
    claim["claim"]["look"]["number"] = float("inf")


def _checked_number(claim: dict[str, Any]) -> None:
    claim["claim"]["promises"]["rest"]["checked"]["odd_left_at_most"] -= 1


def _this_look(claim: dict[str, Any]) -> None:
    claim["claim"]["look"]["this_look"] = 0.9999


def _cheaper(claim: dict[str, Any]) -> None:
    next(price for price in claim["claim"]["prices"] if price["cost"])["cost"]["labels"] -= 1


def _no_price(claim: dict[str, Any]) -> None:
    claim["claim"]["prices"].pop()


def _affordable(claim: dict[str, Any]) -> None:
    claim["claim"]["affordable"] += 1


def _instead(claim: dict[str, Any]) -> None:
    claim["claim"]["instead"] = ["1 more label: nothing odd is left"]


def _seed_date(claim: dict[str, Any]) -> None:
    claim["seed"]["at"] = "2020-01-01T00:00:00.000000+00:00"


def _older_than_its_look(claim: dict[str, Any]) -> None:
    claim["created"] = "2020-01-01T00:00:00.000000+00:00"


def _other_draw(claim: dict[str, Any]) -> None:
    claim["claim"]["promises"]["known"]["seed"] += 1


def _other_task(claim: dict[str, Any]) -> None:
    claim["claim"]["task"] = "another"


def _other_kind(claim: dict[str, Any]) -> None:
    claim["task"]["kind"] = "classes"


def _other_classes(claim: dict[str, Any]) -> None:
    claim["task"]["classes"].reverse()


def _not_read(claim: dict[str, Any]) -> None:
    claim["claim"]["state"] = "open"


def _other_audit(claim: dict[str, Any]) -> None:
    claim["audit"]["number"] += 1


def _declared(claim: dict[str, Any]) -> None:
    claim["audit"]["looks"] = 1


def _commitment(claim: dict[str, Any]) -> None:
    claim["claim"]["seed"]["commitment"] = "0" * 64


def _committed_later(claim: dict[str, Any]) -> None:
    claim["claim"]["seed"] |= {"labels_before": 3, "link": 9}


def _length(claim: dict[str, Any]) -> None:
    claim["chain"]["length"] = 10**30


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_bound, "bound"),
        (_look, "looks"),
        (_count, "answers"),
        (_secret, "seed"),
        (_head, "log of the claim"),
        (_assumption, "bound"),
        (_no_count, "answers"),
        (_not_a_number, "bound"),
        (_certified, "bound"),
        (_look_without_end, "bound"),
        (_infinite_look, "bound"),
        (_length, "log of the claim"),
        (_checked_number, "bound"),
        (_this_look, "bound"),
        (_cheaper, "prices and dates"),
        (_no_price, "prices and dates"),
        (_affordable, "prices and dates"),
        (_instead, "prices and dates"),
        (_seed_date, "prices and dates"),
        (_older_than_its_look, "prices and dates"),
        (_other_draw, "prices and dates"),
        *((change, "task and audit") for change in (_other_task, _other_kind, _other_classes, _not_read, _other_audit)),
        *((change, "task and audit") for change in (_declared, _commitment, _committed_later)),
    ],
)
def test_a_claim_that_says_more_than_the_project_is_caught(folder: Path, change: Change, named: str) -> None:
    path = folder / "claim.json"
    claim = json.loads(path.read_text(encoding="utf-8"))
    change(claim)
    path.write_text(json.dumps(claim), encoding="utf-8")
    assert named in failed(folder)


def test_the_claim_of_another_project_is_caught(folder: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", TOY.x)
    with ls.create(tmp_path / "other.sieve", tmp_path / "y.npy", task="screen") as p:
        p.label(["1"], ["dull"], by="ann")
    checks = ls.verify_claim(folder / "claim.json", tmp_path / "other.sieve")
    assert {check.name for check in checks if check.ok} == {"event log"}


def test_what_is_no_claim_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "claim.json"
    newer = path.read_text(encoding="utf-8").replace('"format": 1', '"format": 99')
    for text in ("no json", "{}", "[1]", "[" * 100_000, newer):
        path.write_text(text, encoding="utf-8")
        verb(folder, 1)
        error = capsys.readouterr().err
        assert "claim.json" in error and "Hint:" in error and "Traceback" not in error


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE meta SET value = '\"00\"' WHERE key = 'audit_secret'",
        "UPDATE meta SET value = '{' WHERE key = 'audit_secret'",
        "UPDATE links SET body = '{' WHERE kind = 'fact'",
        "UPDATE links SET body = '[]' WHERE kind = 'fact'",
    ],
)
def test_another_seed_or_facts_that_are_none_are_told_by_certify_too(folder: Path, statement: str) -> None:
    tamper(folder, statement)
    assert "seed" in failed(folder)
    with ls.open(folder / "p.sieve") as p, pytest.raises(ProjectError, match="changed"):
        p.certify()


def test_a_ledger_without_a_table_fails_every_check_that_needs_it(folder: Path) -> None:
    with sqlite3.connect(folder / "p.sieve" / "labels.sqlite") as raw:
        raw.execute("DROP TABLE links")
    raw.close()
    assert {"event log", "draw", "bound"} <= failed(folder)


def test_no_label_comes_between_a_claim_and_its_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = claims.write_claim

    def late(context: Any, claim: Any, path: Path) -> None:
        with sqlite3.connect(folder / "p.sieve" / "labels.sqlite", timeout=0) as raw, pytest.raises(sqlite3.Error):
            raw.execute("BEGIN IMMEDIATE")
        write(context, claim, path)

    monkeypatch.setattr(claims, "write_claim", late)
    with ls.open(folder / "p.sieve") as p:
        p.certify(out=folder / "claim.json")
    assert not failed(folder)


def test_looks_at_audits_of_other_tasks_are_told(folder: Path) -> None:
    with ls.open(folder / "p.sieve") as p:
        again = p.add_task("again", "screen")
        again.label([str(row) for row in UNUSUAL[:80]], ["dull"] * 80, by="ann")
        again.draw_audit(20)
        answer_audit(again)
        assert any("audits of other tasks were read too (main)" in note for note in again.certify().notes)


def test_doctor_names_what_was_edited(folder: Path) -> None:
    uuid, key = event(folder, "ann", "odd")
    tamper(folder, f"UPDATE events SET annotator = 'eve' WHERE id = '{uuid}'")
    with ls.open(folder / "p.sieve") as p:
        (log,) = [health for health in p.doctor() if health.check == "event log"]
    assert log.severity == "error" and f"event {uuid} of item {key}: changed" in log.sentence

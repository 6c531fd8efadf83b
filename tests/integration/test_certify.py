"""labelsieve certify through the command line: draws, looks, hidden items, prices, and what is refused."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.cli.main import main
from labelsieve.core.types import Value
from labelsieve.project import chain
from labelsieve.project.claims.audits import audit_of, first_drawn
from labelsieve.testing import toy_odd

N, ODD = 400, 24
TOY = toy_odd(N, ODD)
UNUSUAL = np.argsort(-np.abs(TOY.x).sum(axis=1))


def name(item: int) -> str:
    return "odd" if TOY.y[item] else "dull"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A screen on a toy array: the 100 most unusual rows are answered (id = row + 1)."""
    np.save(tmp_path / "x.npy", TOY.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        keys = [str(row) for row in UNUSUAL[:100]]
        p.label(keys, [name(row) for row in UNUSUAL[:100]], by="ann")
    return tmp_path / "p.sieve"


def run(*words: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert left.value.code == code


def told(capsys: pytest.CaptureFixture[str], *words: object, code: int = 0) -> Any:
    capsys.readouterr()
    run("certify", *words, "--json", code=code)
    return json.loads(capsys.readouterr().out)


def answer(project: Path, wrong: dict[str, str] | None = None, upto: int | None = None) -> list[dict[str, str]]:
    """Fills in what is open of the audit through a file, truly but for `wrong`."""
    sheet = project.parent / "query.csv"
    run("next", project, "--purpose", "certify", "--out", sheet)
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows[:upto]:
        row["label"] = (wrong or {}).get(row["key"], name(int(row["key"])))
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    run("import", project, sheet, "--by", "ann")
    sheet.unlink()
    return rows


def test_without_an_audit_it_says_what_one_would_show(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claim = told(capsys, project)
    assert claim["state"] == "no audit" and claim["counts"]["unreviewed"] == 300
    found = claim["counts"]["found"]
    assert claim["promises"]["known"]["bound"] == found / (found + 300)
    prices = {price["recall"]: price["cost"]["labels"] for price in claim["prices"]}
    assert list(prices) == [0.5, 0.8, 0.9, 0.95, 0.99] and sorted(prices.values()) == list(prices.values())
    told(capsys, project, "--recall", 0.9, code=3)
    run("certify", project)
    said = capsys.readouterr()
    assert "What an audit would show" in said.out and "committed as" in said.err


def test_before_anything_odd_is_found_it_says_what_can_be_claimed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", TOY.x)
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen").close()
    run("certify", tmp_path / "p.sieve")
    said = capsys.readouterr()
    assert "No audit can show a recall: nothing odd is found yet." in said.out
    assert "What can be claimed instead:" in said.out
    assert " - " not in said.out  # no table of dashes
    assert "Next: search" in said.out + said.err


def test_an_audit_from_the_draw_to_the_claim(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("certify", project, "--draw", 150)
    assert "150 answers open" in capsys.readouterr().out
    answer(project, upto=40)
    claim = told(capsys, project, "--recall", 0.5, code=3)
    assert claim["state"] == "open" and claim["counts"]["open"] == 110 and claim["promises"] is None
    rows = answer(project)
    assert len(rows) == 110 and {row["purpose"] for row in rows} == {"certify"}
    claim = told(capsys, project)
    counts = claim["counts"]
    truth = counts["known"] / ODD
    assert claim["state"] == "read" and claim["look"]["number"] == 1 and claim["look"]["this_look"] == 0.96
    same = ls.recall_bound(counts["found"], 300, 150, counts["odd"], 0.96)
    assert claim["promises"]["found"]["bound"] == same.bound
    assert claim["promises"]["known"]["bound"] <= truth
    bound = claim["promises"]["known"]["bound"]
    assert told(capsys, project, "--recall", bound - 1e-9)["certified"] is True
    assert told(capsys, project, "--recall", 0.999, code=3)["certified"] is False
    run("status", project, "--json")
    status = json.loads(capsys.readouterr().out)
    assert status["guarantee"]["known"]["bound"] == bound and status["guarantee"]["look"] == 1
    assert status["audit"] == {
        "number": 1, "drawn": 150, "open": 0, "hidden": 0, "unreviewed": 300, "looks_declared": None, "looks_read": 1,
    }  # fmt: skip


def test_a_larger_draw_begins_with_the_smaller_one(project: Path) -> None:
    with ls.open(project) as p:
        first = p.draw_audit(20)
        more = p.draw_audit(60)
        assert np.array_equal(more.drawn[:20], first.drawn) and more.number == first.number
        assert len(np.unique(more.drawn)) == 60 and not np.isin(more.drawn, more.reviewed).any()
        assert chain.facts_of(p.context.conn, "look") == []  # nothing was answered between: no look
        assert np.array_equal(first_drawn(more.seed, more.unreviewed, 60), more.drawn)


def test_every_item_is_drawn_equally_often() -> None:
    ids = np.arange(1, 21)
    drawn = np.concatenate([first_drawn(seed, ids, 5) for seed in range(4000)])
    counts = np.bincount(drawn, minlength=21)[1:]
    assert abs(counts - 1000).max() < 5 * np.sqrt(4000 * 0.25 * 0.75)


def test_drawing_more_after_answers_spends_a_look(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("certify", project, "--draw", 50)
    answer(project)
    run("certify", project, "--draw", 100)  # what the first 50 showed was seen, if not read
    answer(project)
    claim = told(capsys, project)
    assert claim["look"]["number"] == 2 and claim["look"]["this_look"] == 0.995
    assert told(capsys, project)["look"]["number"] == 2  # the same counts are the same look
    with ls.open(project) as p:
        assert [fact.facts["unread"] for fact in chain.facts_of(p.context.conn, "look")] == [True, False]


def test_looks_that_were_declared_are_all_there_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("certify", project, "--draw", 50, "--looks", 2)
    answer(project)
    assert told(capsys, project)["look"]["this_look"] == pytest.approx(1 - 0.05 / 3)
    run("certify", project, "--draw", 80)
    rows = answer(project)
    last = told(capsys, project)
    assert last["look"]["number"] == 2 and last["prices"] == [] and "all 2 looks" in last["notes"][-1]
    run("certify", project, "--draw", 120, code=1)
    assert "all 2 looks" in capsys.readouterr().err
    with ls.open(project) as p:
        p.label([rows[0]["key"]], ["odd" if name(int(rows[0]["key"])) == "dull" else "dull"], by="ann")
    run("certify", project, code=1)
    run("certify", project, "--draw", 120, "--looks", 5, code=1)


def test_skipped_items_count_as_odd(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ls.open(project) as p:
        p.draw_audit(50)
        asked = p.next(purpose="certify")
        answers = [Value("skip"), Value("unsure"), *(name(int(item.key)) for item in asked.items[2:])]
        p.label(asked.ids, answers, by="ann", query=asked.id)
        true_odd = sum(name(int(item.key)) == "odd" for item in asked.items[2:])
    claim = told(capsys, project)
    assert claim["counts"]["unsure"] == 2 and claim["counts"]["odd"] == true_odd + 2
    assert any("skipped or unsure" in note for note in claim["notes"])


def test_hidden_items_of_few_ways_are_judged_together_and_it_is_said(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ls.open(project) as p:
        more = [str(row) for row in UNUSUAL[100:104]]
        p.label(more, ["odd"] * 4, by="bob", source="import")
        p.draw_audit(60, hidden=ODD + 4)
        query = p.next(purpose="certify")
        says = ["odd" if item.key in more else name(int(item.key)) for item in query.items]
        p.label(query.ids, says, by="ann", query=query.id)
    claim = told(capsys, project)
    assert len(claim["reviewer"]) == 2
    ways = ", ".join(f"{way} ({int(one['checked']['shown'])})" for way, one in sorted(claim["reviewer"].items()))
    assert any(f"hidden items found by {ways} are judged together" in note for note in claim["notes"])
    assert any(
        f"odd items found by {ways} are recognised alike" in line for line in claim["promises"]["corrected"]["assumes"]
    )


def test_hidden_items_measure_who_answers_and_change_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ls.open(project) as p:
        before = p.context.task.classes, chain.head_of(p.context.conn)[0]
        known = [str(row) for row in UNUSUAL[:100] if TOY.y[row]]
    run("certify", project, "--draw", 50, "--hidden", 6)
    shown = answer(project, wrong={known[0]: "dull"} | dict.fromkeys(known[1:], "odd"))
    assert len(shown) == 56 and {row["purpose"] for row in shown} == {"certify"} and len({r["why"] for r in shown}) == 1
    missed = known[0] in {row["key"] for row in shown}
    claim = told(capsys, project)
    reviewer = claim["reviewer"]["miss"]["checked"]
    assert reviewer == {"shown": 6, "caught": 5 if missed else 6}
    assert claim["counts"]["found"] == len(known) and claim["counts"]["late"] == 0
    assert claim["promises"]["corrected"]["bound"] < claim["promises"]["found"]["bound"]
    with ls.open(project) as p:
        assert p.status()["classes"]["odd"] >= len(known)
        assert before[1] < chain.head_of(p.context.conn)[0] and chain.verify_chain(p.context.conn) == []
        p.draw_audit(80, hidden=4)
        asked = p.next(purpose="certify")
        p.label(asked.ids, ["dull"] * len(asked), by="ann", query=asked.id)  # everything is overlooked
    after = told(capsys, project)
    assert after["counts"]["found"] == len(known)  # answers to hidden items are no answers
    assert after["reviewer"]["miss"]["checked"]["caught"] == reviewer["caught"]
    assert any("overlooked" in note for note in after["notes"])
    assert told(capsys, project, "--recall", 0.5, code=3)["certified"] is False  # the corrected bound counts now


def test_a_new_audit_counts_what_was_found_meanwhile(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("certify", project, "--draw", 100)
    answer(project)
    first = told(capsys, project)
    with ls.open(project) as p:
        rest = [row for row in UNUSUAL[100:] if TOY.y[row]]
        p.label([str(row) for row in rest], ["odd"] * len(rest), by="bob")
    later = told(capsys, project)
    assert later["look"]["number"] == 1 and later["counts"]["known"] == ODD
    assert later["promises"]["found"]["bound"] == first["promises"]["found"]["bound"]
    assert later["promises"]["known"]["bound"] >= first["promises"]["known"]["bound"]
    run("certify", project, "--draw", 60, "--fresh")
    answer(project)
    fresh = told(capsys, project)
    assert fresh["counts"]["audit"] == 2 and fresh["look"]["number"] == 2 and fresh["counts"]["found"] == ODD


def test_corrections_after_the_draw_never_raise_the_bound(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("certify", project, "--draw", 100)
    answer(project)
    bound = told(capsys, project)["promises"]["found"]["bound"]
    dull = [str(row) for row in UNUSUAL[:100] if not TOY.y[row]]
    with ls.open(project) as p:
        p.label(dull[:2], ["odd", "odd"], by="ann")
    claim = told(capsys, project)
    assert claim["counts"]["late"] == 2 and claim["promises"]["found"]["bound"] < bound
    with ls.open(project) as p:
        p.undo(by="ann", n=2)
    assert told(capsys, project)["promises"]["found"]["bound"] == bound


def test_answers_of_rules_and_models_are_no_review(project: Path) -> None:
    with ls.open(project) as p:
        rest = [str(row) for row in UNUSUAL[100:150]]
        p.label(rest, ["dull"] * 50, by="rule", source="rule")
        assert p.certify().counts["unreviewed"] == 300


def test_what_cannot_be_asked_is_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, part in [
        (("--draw", 5000), "300 are unreviewed"),
        (("--draw", 0), "at least 1"),
        (("--draw", 20, "--hidden", 900), "hidden items were asked for"),
        (("--draw", 20, "--looks", 0), "looks were declared"),
        (("--looks", 2), "belong to a draw"),
        (("--recall", 1.5), "recall is 1.5"),
        (("--confidence", 1), "confidence is 1"),
        (("--out", "claim.json"), "no audit is drawn"),
    ]:
        run("certify", project, *words, code=1)
        error = capsys.readouterr().err
        assert part in error and "Hint:" in error and "Traceback" not in error
    run("next", project, "--purpose", "certify", code=1)
    with ls.open(project) as p:
        assert audit_of(p.context.conn, "main") is None  # nothing that was refused was drawn
    run("certify", project, "--draw", 300)
    answer(project)
    claim = told(capsys, project)
    assert claim["promises"]["known"]["bound"] == 1 and claim["counts"]["known"] == ODD  # all was looked at
    run("next", project, "--purpose", "certify", code=1)


def test_a_task_of_classes_has_no_guarantee(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", TOY.x)
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy").close()
    run("certify", tmp_path / "p.sieve", code=1)
    assert "needs a screen task" in capsys.readouterr().err


def test_nothing_odd_and_everything_odd(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", TOY.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        nothing = p.certify()
        assert nothing.counts["found"] == 0 and nothing.bound == 0 and nothing.prices[0].cost is None
        assert any("all dull" in line for line in nothing.instead)
        p.draw_audit(30)
        asked = p.next(purpose="certify")
        p.label(asked.ids, ["odd"] * 30, by="ann", query=asked.id)  # an audit that finds more than it should
        claim = p.certify(recall=0.5)
        assert claim.certified is False and claim.bound < 0.1
        assert any("search on" in note for note in claim.notes)


DRAWER = """
import sys
import labelsieve as ls
with ls.open(sys.argv[1]) as p:
    for n in range(2, 200):
        print(p.draw_audit(n).links[-1], flush=True)
"""


def test_a_killed_draw_leaves_the_chain_whole(project: Path) -> None:
    command = [sys.executable, "-c", DRAWER, str(project)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        said += [line for line in process.stdout.read().split("\n") if line]
    with ls.open(project) as p:
        assert chain.verify_chain(p.context.conn) == []
        audit = audit_of(p.context.conn, "main")
        assert audit is not None and len(audit.drawn) - 1 - len(said) in (0, 1)
        assert len(p.next(purpose="certify")) == 2 and len(audit.queries) == len(audit.links)


def test_hidden_items_that_have_gone_since_the_draw_can_be_skipped_and_keep_their_own_label(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    lines = ["number,text", *(f"{i},hello {i}" for i in range(60))]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with ls.create(tmp_path / "p.sieve", table, task="screen", text="text", key="number") as p:
        p.label([str(i) for i in range(40, 60)], ["odd"] * 5 + ["dull"] * 15, by="ann")
        p.draw_audit(10, hidden=3)
        table.write_text("\n".join(lines[:41]) + "\n", encoding="utf-8")  # all odd ones are gone
        p.sync()
        asked = p.next(purpose="certify")
        p.label(asked.ids, ["dull"] * len(asked), by="ann", query=asked.id)
        with pytest.raises(ls.PoolExhausted) as left:
            p.next(purpose="certify")
        named = left.value.hint.rpartition(": ")[2].rstrip(".").split("; ")
        assert len(named) == 3 and all(one.endswith(f", query {asked.id}") for one in named)
        rows = [f"{one.partition(',')[0]},,skip,{asked.id}" for one in named]
        (tmp_path / "skip.csv").write_text("key,label,answer,query\n" + "\n".join(rows) + "\n", encoding="utf-8")
        p.import_labels(tmp_path / "skip.csv", by="ann")
        claim = p.certify()
        assert claim.state == "read" and claim.counts["found"] == 5 and claim.counts["late"] == 0
        assert claim.reviewer is not None and claim.promises is not None
        assert claim.reviewer["miss"].checked == {"shown": 3, "caught": 0}
        assert claim.promises["corrected"].bound == 0 < claim.promises["found"].bound


def test_items_that_have_gone_since_the_draw_count_as_odd_once_skipped(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    lines = ["number,text", *(f"{i},hello {i}" for i in range(60))]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with ls.create(tmp_path / "p.sieve", table, task="screen", text="text", key="number") as p:
        p.label([str(i) for i in range(20)], ["odd"] * 5 + ["dull"] * 15, by="ann")
        drawn = {item.key for item in p.items(p.draw_audit(20).drawn)}
        table.write_text("\n".join(lines[:41]) + "\n", encoding="utf-8")  # the last 20 are gone
        p.sync()
        asked = p.next(purpose="certify")
        gone = {key for key in drawn if int(key) >= 40}
        assert gone and {item.key for item in asked.items} == drawn - gone
        p.label(asked.ids, ["dull"] * len(asked), by="ann", query=asked.id)
        waiting = p.certify()
        assert waiting.state == "open" and waiting.counts["open"] == len(gone)
        assert any("gone from their source" in note for note in waiting.notes)
        with pytest.raises(ls.PoolExhausted, match="gone from their source"):
            p.next(purpose="certify")
        p.label(sorted(gone), [Value("skip")] * len(gone), by="ann")
        claim = p.certify(out=tmp_path / "claim.json")
        assert claim.state == "read" and claim.counts["odd"] == claim.counts["unsure"] == len(gone)
    assert all(check.ok for check in ls.verify_claim(tmp_path / "claim.json", tmp_path / "p.sieve"))

"""labelsieve screen, as it is called: from nothing labelled to a promise, and everything that does not fit."""

import csv
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import LABELSIEVE, run

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.testing.toys import Toy, toy_odd

POOL, NEW = 1600, 600


def screen(*words: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    return run(Path(), "screen", *words, code=code)


def answered(p: ls.Project, toy: Toy, query: Any) -> None:
    names = [toy.classes[toy.y[int(item.key)]] for item in query.items]
    p.label(query.ids, names, by="ann", query=query.id)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Toy]:
    """A project with 140 calibration, 40 audit and 60 searched labels, and new items from the same source."""
    root, toy = tmp_path_factory.mktemp("screen"), toy_odd(POOL + NEW, 80, 12, distance=6.0)
    np.save(root / "pool.npy", toy.x[:POOL])
    np.save(root / "new.npy", toy.x[POOL:])
    with ls.create(root / "p.sieve", root / "pool.npy", task="screen") as p:
        answered(p, toy, p.next(115, purpose="calibration"))
        answered(p, toy, p.next(40, purpose="audit"))
        for _ in range(3):
            answered(p, toy, p.next(20))
    return root, toy


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_to_escalate_with_a_promise(made: tuple[Path, Toy]) -> None:
    root, toy = made
    said = screen(root / "p.sieve", root / "new.npy", "--out", root / "escalate.csv", "--alarms", ".02")
    assert "600 items scored by the head" in said.stdout and "Promised: on average at most" in said.stdout
    found = rows(root / "escalate.csv")
    odd = np.array([toy.y[POOL + int(row["key"])] for row in found])
    assert len(found) > 5 and {row["escalate"] for row in found} == {"yes"}
    assert odd.sum() >= 0.8 * toy.y[POOL:].sum()  # planted far out
    assert (odd == 0).sum() <= 0.06 * NEW
    scores = [float(row["score"]) for row in found]
    assert scores == sorted(scores, reverse=True) and [row["rank"] for row in found][:2] == ["1", "2"]
    assert all(float(row["p_value"]) <= 0.02 for row in found)
    assert found[0]["nearest_odd"] and found[0]["why"]
    before = (root / "escalate.csv").read_bytes()
    screen(root / "p.sieve", root / "new.npy", "--out", root / "escalate.csv", "--alarms", ".02")
    assert (root / "escalate.csv").read_bytes() == before  # the same again


def test_known_odd_items_that_are_put_in(made: tuple[Path, Toy], tmp_path: Path) -> None:
    root, toy = made
    fresh = POOL + np.flatnonzero(toy.y[POOL:])
    n, old = len(fresh), toy.x[np.flatnonzero(toy.y[:POOL])[:2]]
    np.save(tmp_path / "odd.npy", np.concatenate([toy.x[fresh], toy.x[fresh[:1]], old]))  # a repeat, two of the pool
    words = (root / "p.sieve", root / "new.npy", "--alarms", ".02", "--spiked", tmp_path / "odd.npy")
    told = json.loads(screen(*words, "--json").stdout)
    found = told["spiked"]
    caught = sum(int(row["key"]) + POOL in fresh for row in told["rows"])
    assert (found["items"], found["known"], found["caught"]) == (n, 3, caught)
    assert len(found["missed"]) == n - caught
    assert found["guarantee"]["bound"] == ls.spiked_bound(n, caught).bound
    said = screen(*words).stdout
    assert f"Put in: {n} odd items (3 more are known here, and left out), {caught} caught." in said
    assert "IF the field's are like the ones put in" in said and "ASSUMED, not shown" in said
    without = screen(*words[:2], "--alarms", ".00001", *words[4:]).stdout  # no threshold holds that
    assert "As nothing can be escalated yet, they show nothing." in without and "Not caught" not in without
    np.save(tmp_path / "known.npy", old)
    assert "nothing knows" in screen(*words[:2], "--spiked", tmp_path / "known.npy", code=1).stderr
    assert "--spiked" in screen(*words, "--top", "5", code=1).stderr


def test_everything_as_json_and_recall_that_is_not_shown_exits_3(made: tuple[Path, Toy]) -> None:
    root, _ = made
    done = screen(root / "p.sieve", root / "new.npy", "--all", "--recall", ".99", "--json", code=3)
    told = json.loads(done.stdout)
    assert told["items"] == len(told["rows"]) == NEW and told["certified"] is False
    assert told["rate"]["dull"] == told["calibration"]["dull"] > 100
    assert told["escalated"] == sum(row["escalate"] == "yes" for row in told["rows"])
    assert told["shift"]["p"] > 0.001 and told["another_domain"] is False
    checked = told["sensitivity"]["guarantee"]["checked"]
    assert checked["items"] == POOL and checked["audited"] >= 40
    loose = screen(root / "p.sieve", root / "new.npy", "--alarms", ".5", "--recall", ".01").stdout
    assert "Recall of 0.01: shown" in loose


def test_another_domain_is_said_first_and_nothing_is_written(made: tuple[Path, Toy]) -> None:
    root, toy = made
    np.save(root / "other.npy", toy.x[POOL:] + 5)
    done = screen(root / "p.sieve", root / "other.npy", "--out", root / "other.csv", code=3)
    assert done.stdout.startswith("These items look like another domain") and "energy test" in done.stdout
    assert "learn-from" in done.stderr and not (root / "other.csv").exists()
    screen(root / "p.sieve", root / "other.npy", "--out", root / "other.csv", "--anyway")
    assert len(rows(root / "other.csv")) > 0.5 * NEW


def test_items_of_the_pool_are_known_with_their_label(made: tuple[Path, Toy]) -> None:
    root, _ = made
    screen(root / "p.sieve", root / "pool.npy", "--all", "--out", root / "known.csv")
    found = rows(root / "known.csv")
    assert len(found) == POOL and all(row["known"] == row["key"] for row in found)
    labelled = [row for row in found if row["label"]]
    assert len(labelled) > 200 and {row["escalate"] for row in labelled} == {"no"}


def test_nothing_labelled_and_too_few_to_promise(tmp_path: Path, made: tuple[Path, Toy]) -> None:
    root, toy = made
    with ls.create(tmp_path / "q.sieve", root / "pool.npy", task="screen") as p:
        done = screen(p.path, root / "new.npy", "--top", "20", "--out", tmp_path / "top.csv")
        said = done.stdout + done.stderr
        assert "distance from the pool: nothing that may train is labelled" in said
        assert "no calibration item is labelled dull" in said and "--purpose calibration" in said
        found = rows(tmp_path / "top.csv")
        assert len(found) == 20 and {row["p_value"] + row["escalate"] for row in found} == {""}
        assert sum(toy.y[POOL + int(row["key"])] for row in found) >= 5
        answered(p, toy, p.next(30, purpose="calibration"))
        few = screen(p.path, root / "new.npy").stdout
        assert "nothing can be escalated at 1 %" in few and "more are needed" in few
        with pytest.raises(ls.NotEnoughLabels):
            p.fit()  # calibration items never train
        ids = p.next(12).ids
        p.label(ids, ["odd"] * 12, by="ann")  # all that trains is odd
        found = p.screen(toy.x[POOL : POOL + 50])
        assert found.by == "head" and found.rows[0][7] and not found.rows[0][9]
        p.label(p.next(1, purpose="calibration").ids, [ls.Value("unsure")], by="ann")
        assert p.screen(toy.x[POOL : POOL + 50]).calibration["unsure"] == 1


def test_what_is_left_to_ask_can_be_asked(tmp_path: Path, made: tuple[Path, Toy]) -> None:
    root, toy = made
    with ls.create(tmp_path / "q.sieve", root / "pool.npy", task="screen") as p:
        known = ["odd" if odd else "dull" for odd in toy.y[: POOL // 2]]
        p.label([str(i) for i in range(POOL // 2)], known, by="ann")  # known before, drawn by nobody
        left = p.screen(toy.x[POOL : POOL + 50]).calibration["left"]
        with pytest.raises(ls.PoolExhausted, match=f" {left} of "):
            p.next(left + 1, purpose="calibration")
        assert len(p.next(left, purpose="calibration").ids) == left > 0


def test_what_does_not_fit(made: tuple[Path, Toy], tmp_path: Path) -> None:
    root, toy = made
    np.save(tmp_path / "wide.npy", np.ones((3, 5), np.float32))
    assert (
        "wide.npy has 5 columns; the embeddings of this project have 12"
        in screen(root / "p.sieve", tmp_path / "wide.npy", code=1).stderr
    )
    assert (
        "the rate of false alarms is 1.5"
        in screen(root / "p.sieve", root / "new.npy", "--alarms", "1.5", code=1).stderr
    )
    (tmp_path / "mine.csv").write_text("a,b,c\n1,2,3\n")
    assert (
        "not overwritten" in screen(root / "p.sieve", root / "new.npy", "--out", tmp_path / "mine.csv", code=1).stderr
    )
    with ls.open(root / "p.sieve") as p:
        with pytest.raises(ls.InputError, match="fixed threshold"):
            p.screen(toy.x[POOL:], recall=0.9, top=5)
        with pytest.raises(ls.InputError, match="could be embedded|nothing to screen"):
            p.screen(np.full((3, 12), np.nan))
        part = toy.x[POOL : POOL + 30].copy()
        part[4] = np.inf
        found = p.screen(part)
        assert found.items == 29 and found.set_aside[0][0] == "4" and found.shift.decided
        assert not p.screen(part[:3]).shift.decided
        other = p.add_task("kinds", "classes")
        with pytest.raises(ls.InputError, match="of kind classes"):
            other.screen(part)


def test_embeddings_under_another_name_are_named(tmp_path: Path) -> None:
    toy = toy_odd(30, 2, 4)
    np.savez(tmp_path / "pool.npz", X=toy.x)
    np.savez(tmp_path / "new.npz", Y=toy.x, day=np.arange(30))
    with (
        ls.create(tmp_path / "p.sieve", tmp_path / "pool.npz", task="screen", embeddings="X") as p,
        pytest.raises(InputError, match=r"lacks the columns 'X'; it has Y, day\."),
    ):
        p.screen(tmp_path / "new.npz")


@pytest.mark.slow
def test_killed_at_any_time_a_table_is_whole_or_not_there(made: tuple[Path, Toy], tmp_path: Path) -> None:
    root, _ = made
    out, why = tmp_path / "e.csv", tmp_path / "why" / "explained.jsonl"
    words = (root / "p.sieve", root / "new.npy", "--out", out, "--explain", why.parent, "--all")
    began = time.monotonic()
    screen(*words)
    lasts, whole, explained = time.monotonic() - began, out.read_bytes(), why.read_bytes()
    for turn in range(6):
        out.unlink(missing_ok=True)
        why.unlink(missing_ok=True)
        command = [LABELSIEVE, "screen", *map(str, words)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(lasts * (0.5 + 0.1 * turn))
            process.kill()
        assert not out.exists() or out.read_bytes() == whole
        assert not why.exists() or why.read_bytes() == explained
    screen(*words)
    assert out.read_bytes() == whole and [path.name for path in tmp_path.glob("*.csv")] == ["e.csv"]


def test_a_row_of_the_pool_that_would_drown_all_others_is_set_aside(tmp_path: Path) -> None:
    toy = toy_odd(400, 20)
    x = toy.x.copy()
    x[7, 3] = 3e38
    np.save(tmp_path / "x.npy", x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        (aside,) = p.status()["set_aside"]
        assert aside["key"] == "7" and "beyond 1e+16" in aside["reason"]
        chosen = [row for row in range(60) if row != 7]
        p.label([str(row) for row in chosen], ["odd" if toy.y[row] else "dull" for row in chosen], by="ann")
        told = p.predict()
        assert len(np.unique(np.round(told.proba[:, 1], 4))) > 300  # not all alike
        assert "7" not in {item.key for item in p.next(20).items}
        assert p.screen(toy.x[:50], anyway=True, everything=True).items == 50


def test_a_row_of_numbers_too_large_is_set_aside_alone(made: tuple[Path, Toy]) -> None:
    root, toy = made
    new = toy.x[POOL : POOL + 50].copy()
    new[7] = 3e38
    with ls.open(root / "p.sieve") as p:
        found = p.screen(new, anyway=True, everything=True)
        assert found.items == 49 and [key for key, _ in found.set_aside] == ["7"]
        assert {row[1] for row in found.rows} == {str(i) for i in range(50) if i != 7}


def test_what_is_no_array_of_numbers_and_a_name_that_no_disk_takes(made: tuple[Path, Toy]) -> None:
    root, toy = made
    with ls.open(root / "p.sieve") as p:
        for kind in ("complex64", "U8", "O", "M8[s]"):
            with pytest.raises(InputError, match="expected numbers"):
                p.screen(np.zeros((2, 12), kind))
        with pytest.raises(InputError, match="cannot be written"):
            p.screen(toy.x[POOL:], out=root / f"{'a' * 300}.csv")


def test_false_discoveries_in_place_of_false_alarms(made: tuple[Path, Toy]) -> None:
    root, toy = made
    with ls.open(root / "p.sieve") as p:
        found = p.screen(toy.x[POOL:], fdr=0.3)
    odd = np.array([toy.y[POOL + int(row[1])] for row in found.rows])
    assert found.escalated == len(odd) > 5 and found.sensitivity is None
    assert (odd == 0).mean() <= 0.6 and found.false_alarms == pytest.approx(0.3 * len(odd))


def test_texts_by_the_engine_of_the_project(tmp_path: Path) -> None:
    words = ["the bill is late", "the bill was paid", "a late bill again", "paid the bill twice"]
    texts = [f"{words[i % 4]} {i}" for i in range(200)]
    lines = [f"{i},{text}" for i, text in enumerate(texts)]
    (tmp_path / "pool.csv").write_text("\n".join(["number,text", *lines]) + "\n")
    fresh = ["500,the bill is late 3", "501,zebra quartz volcano", "502,", f"503,{texts[0]}"]
    (tmp_path / "new.csv").write_text("\n".join(["number,text", *fresh]) + "\n")
    (tmp_path / "bad.csv").write_text("number,body\n1,hello\n")
    with ls.create(tmp_path / "p.sieve", tmp_path / "pool.csv", task="screen", text="text", key="number") as p:
        p.embed()
        p.label(p.next(10).ids, ["dull"] * 10, by="ann")
        found = p.screen(tmp_path / "new.csv", everything=True)
        assert sorted(row[1] for row in found.rows) == ["500", "501", "503"]
        scores = {row[1]: row[2] for row in found.rows}
        own = p.predict(["0"]).proba[0, 1]
        assert scores["503"] == pytest.approx(own, abs=1e-4)  # as the same text in the pool
        assert found.known == 1 and next(row for row in found.rows if row[1] == "503")[5] == "0"
        assert found.set_aside[0][0] == "502" and not found.shift.decided
        with pytest.raises(ls.InputError, match="bad.csv lacks the columns 'text'; it has number, body"):
            p.screen(tmp_path / "bad.csv")

"""Items from elsewhere, taught to a screen: `miss` and `learn-from`, on projects and from the command line."""

import json
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import command_line
import numpy as np
import pytest
from PIL import Image

import labelsieve as ls
from labelsieve.core.errors import InputError, NotEnoughLabels, ProjectError, UnknownName
from labelsieve.core.types import DULL, ODD
from labelsieve.project.standing import stand
from labelsieve.testing.toys import toy_odd

Run = Callable[..., subprocess.CompletedProcess[str]]
TOY = toy_odd(300, odd=30, dim=80, distance=9.0, seed=3)
WORDS = ["the pump runs quietly", "pressure is as it should be", "valve opened and closed", "filter was changed"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return partial(command_line.run, tmp_path)


def made(folder: Path, name: str, rows: np.ndarray, **options: Any) -> ls.Project:
    """A screen over rows: `y` of its labelled rows may be given as (keys, answers)."""
    np.save(folder / f"{name}.npy", rows)
    return ls.create(folder / f"{name}.sieve", folder / f"{name}.npy", task="screen", **options)


def label(project: ls.Project, y: np.ndarray, rows: range) -> None:
    keys = [str(row) for row in rows]
    project.label(keys, ["odd" if y[row] == ODD else "dull" for row in rows], by="ann")


def texts(folder: Path) -> ls.Project:
    lines = [f"{WORDS[i % 4]} on day {i}" for i in range(60)]
    (folder / "log.csv").write_text("n,text\n" + "".join(f"{n},{line}\n" for n, line in enumerate(lines)))
    project = ls.create(folder / "log.sieve", folder / "log.csv", text="text", key="n", task="screen")
    project.embed()
    return project


def test_a_missed_text_trains_and_is_nowhere_else(tmp_path: Path, run: Run) -> None:
    with texts(tmp_path) as project:
        items = stand(project.context).sides.search[:12]
        project.label(items, ["dull"] * 12, by="ann")
        before = project.fit()
        status = project.status()
    (tmp_path / "missed.txt").write_text("smoke and fire in a boiler room\n\n")
    out = json.loads(run("miss", "log.sieve", "missed.txt", "--by", "ann", "--json").stdout)
    assert out["taught"] == {"added": 1, "changed": 0, "known": 0} and out["labelled"] == []
    again = json.loads(run("miss", "log.sieve", "missed.txt", "--by", "ann", "--json").stdout)
    assert again["taught"] == {"added": 0, "changed": 0, "known": 1}
    with ls.open(tmp_path / "log.sieve") as project:
        after = project.fit()
        assert len(after.labels) == len(before.labels) + 1 and after.labels.ids[0] < 0 and after.labels.y[0] == ODD
        assert len(after.stand.train) == len(before.stand.train) == 12
        assert after.mark != before.mark and len(after.stand.pool.ids) == 60
        now = project.status()
        kept = ("items", "labels", "answered", "classes", "spent")
        assert {k: now[k] for k in kept} == {k: status[k] for k in kept}
        (taught,) = now["taught"]
        assert (taught["source"], taught["dull"], taught["odd"], taught["takes_part"]) == ("missed", 0, 1, True)
        asked = project.next(48)  # all that is left: nothing of it is below 0
        assert asked.query.ids.min() > 0 and len(set(asked.query.ids.tolist()) & set(items.tolist())) == 0
        assert len(project.predict().keys) == 60
        exported = project.export(labels=tmp_path / "labels.csv")[0].read_text()
        assert "missed" not in exported and len(exported.splitlines()) == 13
    explained = json.loads(run("explain", "log.sieve", "3", "--json").stdout)[0]
    assert [near["key"] for near in explained["near_odd"]] == ["missed:missed.txt:1"]
    (tmp_path / "new.csv").write_text("n,text\n99,smoke and fire in a boiler room\n")
    screened = json.loads(run("screen", "log.sieve", "new.csv", "--json", "--anyway", "--explain", "why").stdout)
    again = screened["rows"][0]
    assert (again["nearest_odd"], again["odd_similarity"]) == ("missed:missed.txt:1", 1.0)
    assert "nearest odd items: missed:missed.txt:1 (1.00)" in (tmp_path / "why" / "explained.jsonl").read_text()
    said = run("status", "log.sieve").stdout
    assert "missed: 0 dull, 1 odd, weight 1; takes part" in said and " labels and 1 taught item;" in said
    assert "1 item taken back" in run("miss", "log.sieve", "missed.txt", "--undo").stdout
    said = run("status", "log.sieve")
    assert "fitted before 1 taught item was taken back: labelsieve fit" in said.stdout
    assert "Next: labelsieve fit log.sieve" in said.stderr
    with ls.open(tmp_path / "log.sieve") as project:
        assert project.fit().mark == before.mark and project.status()["taught"] == []


def test_what_is_in_the_pool_is_labelled_there(tmp_path: Path, run: Run) -> None:
    with texts(tmp_path) as project:
        project.label(["3"], ["dull"], by="ben")
    (tmp_path / "two.txt").write_text(f"{WORDS[3]} on day 3\nsmoke and fire\n")
    out = json.loads(run("miss", "log.sieve", "two.txt", "--by", "ann", "--json").stdout)
    assert out["taught"]["added"] == 1 and out["labelled"] == ["3"] and out["contradicted"] == ["3"]
    out = json.loads(run("miss", "log.sieve", "two.txt", "--by", "ann", "--json").stdout)
    assert out["taught"]["known"] == 1 and out["known"] == 1
    with ls.open(tmp_path / "log.sieve") as project:
        assert project.status()["classes"] == {"dull": 0, "odd": 1}  # a tie goes to the answer given last
        undone = project.unmiss(tmp_path / "two.txt", by="ann")
        assert undone.taught.added == 1 and undone.labelled == ("3",)
        assert project.status()["classes"] == {"dull": 1, "odd": 0}


def test_other_answers_change_what_was_taught(tmp_path: Path) -> None:
    with texts(tmp_path) as project:
        project.label(stand(project.context).sides.search[:5], ["dull"] * 5, by="ann")
        file = tmp_path / "missed.jsonl"
        file.write_text('{"text": "smoke and fire"}\n')
        assert project.miss(file, by="ann").taught.added == 1
        assert project.miss(file, by="ann", dull=True).taught.changed == 1
        assert project.fit().labels.y.tolist() == [DULL] * 6
        with pytest.raises(InputError, match="contradict"):
            project.miss(file, by="ann", dull=True, name="fire")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", "", "holds no item"),
        ("empty.csv", "text\n", "holds no item"),
        ("bad.csv", 'text\nfire\n" "\n', "row 1: the text is empty"),
        ("other.csv", "body\nfire\n", "named 'text'"),
        ("none.png", "", "empty"),
        ("absent.txt", None, "is not there"),
        ("sheet.xlsx", "x", "cannot be read"),
    ],
)
def test_bad_files_teach_nothing(tmp_path: Path, name: str, content: str | None, says: str) -> None:
    with texts(tmp_path) as project:
        good = tmp_path / "good.txt"
        good.write_text("smoke\n")
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=says):
            project.miss(good, tmp_path / name, by="ann")
        assert project.status()["taught"] == []


def test_images_of_another_kind_are_refused(tmp_path: Path, run: Run) -> None:
    with texts(tmp_path):
        pass
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n0000")
    assert "words takes text; this is image" in run("miss", "log.sieve", "photo.png", code=1).stderr


def test_embeddings_of_the_pool_and_of_another_width(tmp_path: Path) -> None:
    with made(tmp_path, "rows", TOY.x) as project:
        label(project, TOY.y, range(40))
        new = toy_odd(20, odd=5, dim=80, seed=9).x[:3]
        np.save(tmp_path / "new.npy", np.concatenate([new, TOY.x[100:101]]))
        done = project.miss(tmp_path / "new.npy", by="ann")
        assert done.taught.added == 3 and done.labelled == ("100",)
        labels = project.fit().labels
        assert labels.ids[:3].tolist() == [-3, -2, -1] and (labels.ids[3:] > 0).all()
        np.save(tmp_path / "wide.npy", np.zeros((1, 7), np.float32))
        with pytest.raises(InputError, match="7 columns; the others have 80"):
            project.miss(tmp_path / "wide.npy", by="ann")
        np.save(tmp_path / "nan.npy", np.full((1, 80), np.nan, np.float32))
        with pytest.raises(InputError, match="not finite"):
            project.miss(tmp_path / "nan.npy", by="ann")


def test_pictures_cannot_teach_a_project_of_ready_embeddings(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.float32))
    Image.new("RGB", (8, 8)).save(tmp_path / "new.png")
    said = "ready embeddings, and no engine; these items are of the kind image"
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p, pytest.raises(InputError, match=said):
        p.miss(tmp_path / "new.png", by="ann")


def test_who_teaches_has_a_name(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.eye(4, dtype=np.float32))
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        with pytest.raises(InputError, match="does not say who"):
            p.miss(tmp_path / "x.npy", by=" ")
        assert not list(p.context.conn.execute("SELECT 1 FROM taught"))


def test_only_screens_learn_from_elsewhere(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", TOY.x)
    (tmp_path / "a.txt").write_text("x")
    with ls.create(tmp_path / "p.sieve", tmp_path / "rows.npy") as project:
        with pytest.raises(InputError, match="to a screen alone"):
            project.miss(tmp_path / "a.txt", by="ann")
        with pytest.raises(InputError, match="to a screen alone"):
            project.learn_from(tmp_path / "p.sieve", by="ann")


def two_plants(folder: Path, swapped: bool = False, there: int = 120) -> None:
    """Two projects over the same sort of rows; in the second one `swapped` calls the odd dull."""
    y = 1 - TOY.y if swapped else TOY.y
    with made(folder, "there", TOY.x[:150]) as project:
        label(project, y, range(there))
    with made(folder, "here", TOY.x[150:]):
        pass


def audited(project: ls.Project, n: int = 25) -> None:
    """Answers to the first n audit items, and to 15 others."""
    sides = stand(project.context).sides
    ids = np.concatenate([sides.audit[:n], sides.search[:15]])
    keys = [item.key for item in project.items(ids)]
    project.label(ids, ["odd" if TOY.y[150 + int(key)] == ODD else "dull" for key in keys], by="ann")


@pytest.mark.parametrize("swapped", [False, True])
def test_a_source_that_hurts_is_dropped(tmp_path: Path, run: Run, swapped: bool) -> None:
    two_plants(tmp_path, swapped)
    out = json.loads(run("learn-from", "here.sieve", "there.sieve", "--weight", "1", "--json").stdout)
    assert out["taught"]["added"] == 120 and out["source"] == "there" and "assumed" in out["notes"][0]
    with ls.open(tmp_path / "here.sieve") as project:
        audited(project)
        fitted = project.fit()
        (verdict,) = fitted.verdicts
        assert verdict.takes_part is not swapped and verdict.gain is not None and verdict.odd > 0
        assert (fitted.labels.ids < 0).sum() == (0 if swapped else 120)
        (taught,) = project.status()["taught"]
        assert taught["takes_part"] is not swapped and taught["gain"]["mean"] == verdict.gain.mean
        assert project.fit().verdicts == fitted.verdicts  # from the cache
        assert project.status()["fit"]["taught"][0]["source"] == "there"
        head = project.export(head=tmp_path / "head")
        assert head and project.fit().stand.train.ids.min() > 0
    said = run("status", "here.sieve").stdout
    assert ("dropped: it hurts: -" if swapped else "takes part: it ranks no worse: +") in said


def test_a_source_is_judged_by_labels_until_the_audit_slice_can(tmp_path: Path) -> None:
    two_plants(tmp_path)
    with ls.open(tmp_path / "here.sieve") as project:
        project.learn_from(tmp_path / "there.sieve", by="ann")
        search = stand(project.context).sides.search
        truth = {int(i): int(TOY.y[150 + int(item.key)]) for i, item in zip(search, project.items(search), strict=True)}
        odd = [i for i in truth if truth[i] == ODD]
        assert project.fit().verdicts[0].why == "nothing else is labelled yet"
        project.label(odd[:2], ["odd"] * 2, by="ann")
        (verdict,) = project.fit().verdicts
        assert verdict.takes_part and verdict.why.startswith("not yet judged: 0 audit items")
        project.label(odd[2:4], ["odd"] * 2, by="ann")
        assert project.fit().verdicts[0].judged_by == ""  # nothing dull to hold them against
        project.label([i for i in truth if truth[i] == DULL][:6], ["dull"] * 6, by="ann")
        (verdict,) = project.fit().verdicts
        assert verdict.judged_by == "labels" and verdict.gain is not None and "0 audit items" in verdict.why


def test_learning_again_follows_the_other_project(tmp_path: Path) -> None:
    two_plants(tmp_path)
    with ls.open(tmp_path / "here.sieve") as project:
        assert project.learn_from(tmp_path / "there.sieve", by="ann").taught.added == 120
        with ls.open(tmp_path / "there.sieve") as there:
            there.label(["120"], ["dull"], by="ann")
            there.label(["0"], ["dull" if TOY.y[0] == ODD else "odd"], by="ann")
            there.undo(by="ann", n=0)
        done = project.learn_from(tmp_path / "there.sieve", by="ann")
        assert (done.taught.added, done.taught.changed, done.taught.known, done.gone) == (1, 1, 119, 0)
        assert project.learn_from(tmp_path / "there.sieve", by="ann", weight=0.5).taught.changed == 121
        assert project.status()["taught"][0]["weight"] == 0.5
        assert project.unlearn(tmp_path / "there.sieve").gone == 121
        assert project.status()["taught"] == []
        with pytest.raises(UnknownName, match="learnt from"):
            project.unlearn(tmp_path / "there.sieve")


def test_what_cannot_be_learnt_from(tmp_path: Path, run: Run) -> None:
    two_plants(tmp_path, there=0)
    (tmp_path / "empty").mkdir()
    with ls.open(tmp_path / "here.sieve") as project:
        with pytest.raises(InputError, match="this project itself"):
            project.learn_from(tmp_path / "here.sieve", by="ann")
        with pytest.raises(ProjectError, match="no labelsieve"):
            project.learn_from(tmp_path / "empty", by="ann")
        with pytest.raises(NotEnoughLabels, match="nothing is labelled"):
            project.learn_from(tmp_path / "there.sieve", by="ann")
        with pytest.raises(InputError, match="weight is 0"):
            project.learn_from(tmp_path / "there.sieve", by="ann", weight=0)
        with pytest.raises(UnknownName):
            project.learn_from(tmp_path / "there.sieve", by="ann", task="other")
        with made(tmp_path, "narrow", TOY.x[:50, :70]) as there:
            label(there, TOY.y, range(20))
        with pytest.raises(InputError, match="70 columns; the others have 80"):
            project.learn_from(tmp_path / "narrow.sieve", by="ann")
        with made(tmp_path, "copy", TOY.x[150:200]) as there:
            label(there, TOY.y[150:], range(20))
        with pytest.raises(InputError, match="20 are in this pool"):
            project.learn_from(tmp_path / "copy.sieve", by="ann")
    assert "Traceback" not in run("learn-from", "here.sieve", "nowhere.sieve", code=1).stderr


def test_classes_of_another_task_as_odd_and_another_engine(tmp_path: Path) -> None:
    lines = [f"{WORDS[i % 4]} in hall {i}" for i in range(40)]
    (tmp_path / "hall.csv").write_text("n,text\n" + "".join(f"{n},{line}\n" for n, line in enumerate(lines)))
    with ls.create(tmp_path / "hall.sieve", tmp_path / "hall.csv", text="text", key="n") as there:
        names = ("pump", "pressure", "valve", "filter")
        there.label([str(i) for i in range(40)], [names[i % 4] for i in range(40)], by="b")
    with texts(tmp_path) as project:
        with pytest.raises(InputError, match="say which are odd"):
            project.learn_from(tmp_path / "hall.sieve", by="ann")
        with pytest.raises(UnknownName, match="class of the task"):
            project.learn_from(tmp_path / "hall.sieve", by="ann", odd=["pimp"])
        done = project.learn_from(tmp_path / "hall.sieve", by="ann", odd=["filter"])
        assert (done.source, done.dull, done.odd, done.again) == ("hall", 30, 10, 40)
        labels = project.fit().labels
        assert (labels.y == ODD).sum() == 10 and np.allclose(labels.weight, 0.03)
        for name in ("margin", "greedy_search", "typiclust", "auto"):
            assert project.next(5, strategy=name).query.ids.min() > 0


def test_a_project_that_may_not_be_written_is_learnt_from(tmp_path: Path) -> None:
    two_plants(tmp_path)
    folder = tmp_path / "there.sieve"
    files = [folder, *folder.iterdir()]
    try:
        for path in files:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with ls.open(tmp_path / "here.sieve") as project:
            assert project.learn_from(folder, by="ann").taught.added == 120
    finally:
        for path in files:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_every_action_stands_in_the_chain(tmp_path: Path) -> None:
    from labelsieve.project.chain import facts_of, verify_chain

    two_plants(tmp_path)
    with ls.open(tmp_path / "here.sieve") as project:
        np.save(tmp_path / "new.npy", TOY.x[:1])
        project.miss(tmp_path / "new.npy", by="ann")
        project.miss(tmp_path / "new.npy", by="ann")
        project.unmiss(tmp_path / "new.npy", by="ann")
        conn = project.context.conn
        assert [fact.facts["items"] for fact in facts_of(conn, "taught", "main")] == [1]
        assert [fact.facts["source"] for fact in facts_of(conn, "untaught", "main")] == ["missed"]
        assert verify_chain(conn) == []


def test_taught_items_follow_the_engine(tmp_path: Path, run: Run) -> None:
    lines = [f"{WORDS[i % 4]} in hall {i}" for i in range(30)]
    (tmp_path / "hall.csv").write_text("n,text\n" + "".join(f"{n},{line}\n" for n, line in enumerate(lines)))
    with ls.create(tmp_path / "hall.sieve", tmp_path / "hall.csv", text="text", key="n", task="screen") as there:
        there.label(["0", "1"], ["dull", "odd"], by="b")
    with texts(tmp_path) as project:
        (tmp_path / "kept.txt").write_text("smoke and fire\n")
        (tmp_path / "lost.txt").write_text("a flood in the hall\n")
        project.miss(tmp_path / "kept.txt", tmp_path / "lost.txt", by="ann")
        project.learn_from(tmp_path / "hall.sieve", by="ann")
        assert len(project.fit().labels) == 4
        (tmp_path / "lost.txt").unlink()
        more = "".join(f"{60 + n},fire drill number {n}\n" for n in range(40))
        (tmp_path / "log.csv").write_text((tmp_path / "log.csv").read_text() + more)
        project.sync()
    out = run("embed", "log.sieve", "--relearn")
    assert "3 taught items embedded again" in out.stdout and "lost.txt:1" in out.stderr
    with ls.open(tmp_path / "log.sieve") as project:
        assert sorted(project.fit().labels.y.tolist()) == [DULL, ODD, ODD]
        taught = {one["source"]: one for one in project.status()["taught"]}
        assert (taught["missed"]["odd"], taught["missed"]["left_out"], taught["hall"]["left_out"]) == (2, 1, 0)
    assert "1 of another engine left out" in run("status", "log.sieve").stdout


def test_a_taught_item_that_joins_the_pool_trains_no_more(tmp_path: Path) -> None:
    with texts(tmp_path) as project:
        (tmp_path / "missed.txt").write_text("smoke and fire\n")
        project.miss(tmp_path / "missed.txt", by="ann")
        assert len(project.fit().labels) == 1
        (tmp_path / "log.csv").write_text((tmp_path / "log.csv").read_text() + "60,smoke and fire\n")
        project.sync()
        with pytest.raises(NotEnoughLabels):
            project.fit()
        assert project.status()["taught"][0]["in_pool"] == 1


def pictures(folder: Path, name: str, n: int, seed: int) -> Path:
    from PIL import Image

    (folder / name).mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        Image.fromarray(rng.integers(0, 255, (24, 24), np.uint8)).save(folder / name / f"{i:02}.png")
    return folder / name


def test_images_are_taught_by_their_files(tmp_path: Path) -> None:
    home = pictures(tmp_path, "parts", 24, 0)
    other = pictures(tmp_path, "more", 3, 1)
    plant = pictures(tmp_path, "plant", 10, 2)
    with ls.create(tmp_path / "plant.sieve", plant, task="screen") as there:
        there.label([f"{i:02}.png" for i in range(10)], ["odd" if i < 3 else "dull" for i in range(10)], by="b")
    (plant / "04.png").unlink()
    (plant / "05.png").write_bytes((plant / "05.png").read_bytes()[:60])  # cut off
    with ls.create(tmp_path / "p.sieve", home, task="screen") as project:
        with pytest.raises(ProjectError, match="no embeddings yet"):
            project.miss(other / "00.png", by="ann")
        project.embed()
        done = project.miss(other / "00.png", home / "07.png", by="ann", name="scratch")
        assert done.taught.added == 1 and done.labelled == ("07.png",)
        assert project.status()["classes"] == {"scratch": 1}
        copy = other / "copy.png"
        copy.write_bytes((other / "00.png").read_bytes())
        assert project.miss(copy, by="ann", name="scratch").taught.known == 1  # the same bytes under another name
        (other / "cut.png").write_bytes((other / "01.png").read_bytes()[:60])
        with pytest.raises(InputError, match=r"cut\.png"):
            project.miss(other / "01.png", other / "cut.png", by="ann")
        learnt = project.learn_from(tmp_path / "plant.sieve", by="ann")
        assert (learnt.dull, learnt.odd, learnt.again) == (5, 3, 8)
        assert sorted(key for key, _ in learnt.bad) == ["04.png", "05.png"]
        assert (project.fit().labels.ids < 0).sum() == 1 + 8
        assert "taught from elsewhere" in project.export(card=tmp_path / "card.md")[0].read_text()

"""The main job on real digits: folder -> embeddings -> queries -> labels -> head -> predictions, by the Python API."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import labelsieve as ls
from labelsieve.core.types import Label, Query
from labelsieve.project import folding
from labelsieve.project.asking import Asked
from labelsieve.project.events import new_id
from labelsieve.project.labelling import SKIP, UNSURE


@pytest.fixture
def project(digits: Path, tmp_path: Path) -> Iterator[ls.Project]:
    shutil.copytree(digits, tmp_path / "home")
    with ls.open(tmp_path / "home" / "digits.sieve") as opened:
        yield opened


def answer(project: ls.Project, asked: Asked, by: str = "ann") -> None:
    project.label(asked.ids, [truth(item.key) for item in asked.items], by=by, seconds=2.0, query=asked.id)


def truth(key: str) -> str:
    return key.split("/")[0]


def test_the_whole_job(project: ls.Project) -> None:
    for asked in project.rounds(n=15, budget=90):
        answer(project, asked)
    fitted = project.fit()
    assert len(fitted.stand.audit) + len(fitted.stand.train) == 90
    assert fitted.audit is not None and fitted.audit.low < fitted.audit.mean <= 1
    found = project.predict()
    right = np.mean([name == truth(key) for (name,), key in zip(found.names, found.keys, strict=True)])
    assert right > 0.9 and found.proba.shape == (300, len(found.classes))
    assert np.allclose(found.proba.sum(axis=1), 1, atol=1e-4)
    state = project.status()
    assert state["labels"] == 90 and state["items"] == 300 and sum(state["classes"].values()) == 90
    assert state["spent"]["minutes"] == 3.0
    assert json.loads(json.dumps(state)) == state


def test_the_audit_slice_never_trains_and_was_drawn_at_random(project: ls.Project) -> None:
    asked = project.next(40)
    answer(project, asked)
    audit = asked.ids[np.array(asked.query.purpose) == "audit"]
    fitted = project.fit()
    assert len(audit) == 8 and set(fitted.stand.audit.ids) == set(audit)
    assert not set(fitted.stand.train.ids) & set(fitted.stand.sides.audit)
    assert np.all(np.isfinite(asked.query.propensity) == (np.array(asked.query.purpose) == "audit"))


def test_a_query_is_the_same_until_something_is_answered(project: ls.Project) -> None:
    one, two = project.next(10), project.next(10)
    assert one.id == two.id and np.array_equal(one.ids, two.ids)
    answer(project, one)
    three = project.next(10)
    assert not set(three.ids) & set(one.ids)


def test_the_same_seed_and_answers_give_the_same_queries(digits: Path, tmp_path: Path) -> None:
    chosen = []
    for name in ("a", "b"):
        shutil.copytree(digits, tmp_path / name)
        with ls.open(tmp_path / name / "digits.sieve") as project:
            for asked in project.rounds(n=12, budget=48):
                answer(project, asked)
                chosen.append(asked.ids.tolist())
    assert chosen[:4] == chosen[4:]


def test_skip_and_unsure_never_train_and_are_not_asked_again(project: ls.Project) -> None:
    asked = project.next(10)
    values = [SKIP, UNSURE, *(truth(item.key) for item in asked.items[2:])]
    project.label(asked.ids, values, by="ann", query=asked.id)
    state = project.status()
    assert state["labels"] == 8 and state["answered"] == 10
    assert not set(asked.ids) & set(project.next(50).ids)


def test_undo_gives_an_item_back(project: ls.Project) -> None:
    asked = project.next(10)
    answer(project, asked)
    project.undo(by="ann", n=10)
    assert project.status()["labels"] == 0
    assert set(project.next(10).ids) == set(asked.ids)
    assert project.status()["annotators"] == {"ann": 0}


def test_all_of_the_cache_comes_back(project: ls.Project) -> None:
    for asked in project.rounds(n=20, budget=60):
        answer(project, asked)
    before, digest = project.predict().proba, project.embed().digest
    root = project.path
    project.close()
    shutil.rmtree(root / "cache")
    with ls.open(root) as again:
        assert np.allclose(again.predict().proba, before, atol=1e-3)
        assert again.embed().digest == digest and again.status()["labels"] == 60


def test_a_flipped_byte_is_named_and_computed_again(project: ls.Project) -> None:
    digest = project.embed().digest
    path = next(path for path in (project.path / "cache" / "embeddings").rglob("*.npy") if ".ids" not in path.name)
    data = bytearray(path.read_bytes())
    data[-100] ^= 64
    path.write_bytes(data)
    assert any(found.severity == "error" and "damaged" in found.sentence for found in project.doctor())
    report = project.embed()
    assert len(report.recomputed) == 1 and report.recomputed[0] in path.name
    assert report.digest == digest and report.done == 300


def test_nothing_is_done_twice(project: ls.Project) -> None:
    assert project.embed().done == 0


def test_several_tasks_over_one_pool(project: ls.Project) -> None:
    asked = project.next(10)
    answer(project, asked)
    other = project.add_task("round", "screen", dull="0")
    assert other.status()["labels"] == 0 and project.status()["labels"] == 10
    other.label(asked.ids, [truth(item.key) for item in asked.items], by="ann")
    assert other.fit is not None and project.status()["tasks"] == ["main", "round"]
    with ls.open(project.path, "round") as again:
        assert again.task.kind == "screen" and again.status()["labels"] == 10


def test_what_sync_adds_is_embedded_when_it_is_needed(project: ls.Project) -> None:
    source = project.path.parent / "digits"
    picture = next(source.rglob("*.png"))
    (source / "new").mkdir()
    (source / "new" / "broken.png").write_bytes(b"")
    (source / "new" / "half.png").write_bytes(picture.read_bytes()[:60])
    shutil.copy(picture, source / "new" / "copy.png")
    report = project.sync()
    assert report.added == 2 and report.set_aside == 1  # the copy and the half one; nothing of 0 bytes is an item
    for asked in project.rounds(n=20, budget=20):
        answer(project, asked)
    state = project.status()
    assert {row["key"] for row in state["set_aside"]} == {"new/broken.png", "new/half.png"}
    assert len(project.predict().ids) == 301


def test_a_moved_folder_keeps_its_labels(project: ls.Project) -> None:
    asked = project.next(20)
    answer(project, asked)
    source = project.path.parent / "digits"
    (source / "0").rename(source / "zero")
    report = project.sync()
    assert report.moved > 0 and report.added == 0 and report.gone == 0
    assert project.status()["labels"] == 20
    assert set(project.next(10).ids).isdisjoint(asked.ids)


def test_a_random_control_runs_beside(project: ls.Project) -> None:
    for asked in project.rounds(n=20, budget=60, control=True):
        assert asked.query.purpose.count("control") == 4
        answer(project, asked)
    assert len(project.fit().stand.control) == 12


def test_an_oracle_answers_rounds_by_itself(project: ls.Project) -> None:
    class Knows:
        def answer(self, query: Query) -> list[Label]:
            items = project.items(query.ids)
            return [
                Label(
                    new_id(),
                    "main",
                    item.id,
                    ls.Value("class", (truth(item.key),)),
                    "known",
                    "2026-01-01T00:00:00+00:00",
                )
                for item in items
            ]

    assert sum(len(asked) for asked in project.rounds(n=25, budget=60, oracle=Knows())) == 60
    assert project.status()["annotators"] == {"known": 60}


def test_simulate_writes_no_events(project: ls.Project) -> None:
    result = project.simulate("@folder", budget=40, n=10, against=("auto", "margin"), seeds=2)
    assert set(result["summary"]) == {"random", "auto", "margin"} and len(result["runs"]) == 6
    assert project.status()["answered"] == 0 and project.status()["queries"] == 0


def test_errors_say_what_to_do(project: ls.Project, tmp_path: Path) -> None:
    with pytest.raises(ls.NotEnoughLabels):
        project.fit()
    with pytest.raises(ls.PoolExhausted, match="300"):
        project.next(400)
    with pytest.raises(ls.UnknownName, match=r"is named 'nothing/here\.png'\.\n"):
        project.label(["nothing/here.png"], ["0"], by="ann")
    with pytest.raises(ls.UnknownName, match="margin"):
        project.next(5, strategy="margins")
    with pytest.raises(ls.ProjectError, match="exists already") as taken:
        ls.create(project.path, project.path.parent / "digits")
    assert "labelsieve sync" in str(taken.value.hint), "nobody is told to remove a project"
    with pytest.raises(ls.InputError, match="does not exist"):
        ls.create(tmp_path / "no.sieve", tmp_path / "nothing")
    (tmp_path / "t.csv").write_text("file\na.png\nb.png\n")
    with pytest.raises(ls.InputError, match="2 are set aside. The first: a.png: no such file; paths start at"):
        ls.create(tmp_path / "no.sieve", tmp_path / "t.csv", image="file")
    assert not (tmp_path / "no.sieve").exists()


def test_a_spreadsheet_answers_the_query_that_it_came_from(project: ls.Project, tmp_path: Path) -> None:
    asked = project.next(10)
    rows = [f"{item.key},{truth(item.key)},{asked.id if at else 99}" for at, item in enumerate(asked.items)]
    (tmp_path / "q.csv").write_text("\n".join(["key,label,query", *rows]))
    assert project.import_labels(tmp_path / "q.csv", by="ann").added == 10
    origins = [(label.source, label.query) for label in folding.answers(project.context.conn, "main")]
    assert origins.count(("human", asked.id)) == 9 and origins.count(("import", None)) == 1
    assert project.status()["spent"]["labels"] == 9  # nobody looked at what answers no query


def test_a_query_of_another_task_is_set_aside(project: ls.Project, tmp_path: Path) -> None:
    asked = project.add_task("tone").next(5)
    rows = "\n".join(["key,label,query", *(f"{item.key},loud,{asked.id}" for item in asked.items)])
    (tmp_path / "q.csv").write_text(rows)
    report = project.import_labels(tmp_path / "q.csv", by="ann")
    assert report.added == 0 and [*report.set_aside] == [
        f"query {asked.id} is of the task 'tone': import it into that task (--task-name tone)"
    ]
    assert project.on_task("tone").import_labels(tmp_path / "q.csv", by="ann").added == 5


def test_the_last_items_of_a_pool_can_be_asked(project: ls.Project) -> None:
    project.label(project.next(295).ids, ["0"] * 295, by="ann")
    assert len(project.next()) == 5


def test_new_audit_answers_measure_the_same_head_anew(project: ls.Project) -> None:
    answer(project, project.next(60))
    audit = project.fit().stand.sides.audit
    before = project.status()["fit"]
    asked = project.items(audit[:15])
    project.label([item.id for item in asked], [truth(item.key) for item in asked], by="ann")
    project.fit()
    after = project.status()["fit"]
    assert before["audit"]["n"] == 12 and after["audit"]["n"] == 15 and after["mark"] == before["mark"]


def test_a_built_in_engine_learns_again_only_when_told(project: ls.Project) -> None:
    before = project.status()["engine"]["embeddings"]
    source = project.path.parent / "digits"
    rng = np.random.default_rng(0)
    for at in range(200):
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(source / "0" / f"noise{at}.png")
    assert project.sync().added == 200
    assert project.embed().done == 200
    assert project.status()["engine"]["embeddings"] == before
    again = project.embed(relearn=True)
    assert again.done == 500 and project.status()["engine"]["embeddings"] != before
    assert len(project.next(10).ids) == 10

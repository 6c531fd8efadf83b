"""Rounds as the worker does them: every kind of task and item, answers that come meanwhile, an end; and their HTTP."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import Server, serving, until
from PIL import Image

import labelsieve as ls
from labelsieve.core.types import Value
from labelsieve.project.desk.accepting import Draft, accept
from labelsieve.project.desk.refilling import refill
from labelsieve.project.facade import Project
from labelsieve.project.jobs import table
from labelsieve.project.jobs.kinds import _being_embedded
from labelsieve.project.jobs.worker import do
from labelsieve.project.pooling import lacks_rows
from labelsieve.project.views import foreseen
from labelsieve.testing import toy_classes, toy_odd


def round_of(project: Project) -> table.Job:
    """The round that waits, done as the worker does it."""
    job = table.claim(project.context.conn, "rounds")
    assert job is not None
    do(project.path, project, job)
    return table.get(project.context.conn, job.id)


def images(home: Path) -> Path:
    for i in range(70):
        grey = np.random.default_rng(i).integers(0, 80, (16, 16), dtype=np.uint8) + (120 if i % 2 else 0)
        (home / "pics").mkdir(exist_ok=True)
        Image.fromarray(grey.astype(np.uint8)).save(home / "pics" / f"{i}.png")
    return home / "pics"


def texts(home: Path) -> Path:
    words = np.array(["red", "green", "blue", "sun", "rain", "wind"])
    rows = (f"{i},{' '.join(words[np.random.default_rng(i).integers(0, 6, 8)])}" for i in range(70))
    (home / "t.csv").write_text("key,text\n" + "\n".join(rows), "utf-8")
    return home / "t.csv"


def rows(home: Path) -> Path:
    cells = (f"{i},{i % 7},{np.sin(i):.3f},{'xyz'[i % 3]}" for i in range(70))
    (home / "r.csv").write_text("key,a,b,c\n" + "\n".join(cells), "utf-8")
    return home / "r.csv"


def arrays(home: Path) -> Path:
    np.save(home / "x.npy", toy_classes(70, 6, 2).x)
    return home / "x.npy"


@pytest.mark.parametrize("make", [images, texts, rows, arrays])
@pytest.mark.parametrize("kind", ["classes", "multilabel", "screen"])
def test_every_kind_of_task_and_item(make: Any, kind: Any, tmp_path: Path) -> None:
    given: dict[str, Any] = {"text": "text"} if make is texts else {}
    given |= {"key": "key"} if make in (texts, rows) else {}
    classes = None if kind == "screen" else ["a", "b"]
    with ls.create(tmp_path / "p.sieve", make(tmp_path), task=kind, classes=classes, **given) as project:
        if make is not arrays:
            project.embed()
        for step in range(3):
            if step:
                assert refill(project.context).state == "preparing"
            else:
                refill(project.context)
            job = round_of(project)
            assert job.state == "done", job.result
            last = project.next(12)
            answers = [_answer(kind, int(item)) for item in last.ids]
            drafts = [
                Draft(str(uuid.uuid4()), int(i), a, query=last.id) for i, a in zip(last.ids, answers, strict=True)
            ]
            assert not accept(project.context, drafts, "ann").refused
        refill(project.context)
        round_of(project)
        seen = foreseen.read(project.context)
        assert seen is not None
        assert len(seen.ids) == 70
        assert np.isfinite(np.asarray(seen.p)).all()


def _answer(kind: str, item: int) -> Value:
    if kind == "multilabel":
        return Value("classes", tuple(name for name, on in zip("ab", (item % 2, item % 3 == 0), strict=True) if on))
    return Value("class", (("odd", "dull") if kind == "screen" else ("a", "b"))[item % 2 : item % 2 + 1])


def test_answers_that_come_during_a_round_start_another_and_an_empty_pool_ends(tmp_path: Path) -> None:
    toy = toy_classes(60, 6, 3)
    np.save(tmp_path / "x.npy", toy.x)
    project = ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=list(toy.classes))
    context = project.context
    assert refill(context).state == "preparing"
    assert refill(context).state == "preparing"  # the same round: it waits once
    assert len(table.open_jobs(context.conn)) == 1
    round_of(project)
    assert refill(context).state == "ready"
    asked = project.next(12)

    def said(items: Any) -> list[Draft]:
        return [
            Draft(str(uuid.uuid4()), int(i), Value("class", (toy.classes[toy.y[int(i) - 1]],)), query=asked.id)
            for i in items
        ]

    accept(context, said(asked.ids), "ann")
    assert refill(context).state == "preparing"
    job = table.claim(context.conn, "rounds")
    assert job is not None
    do(project.path, project, job)
    seen = table.get(context.conn, job.id).result["seen"]
    accept(context, said(project.next(12).ids), "ann")
    assert refill(context, since=seen).state == "preparing"  # as the worker asks at the end of its round
    round_of(project)
    for _ in range(20):
        supply = refill(context)
        if supply.state == "done":
            break
        if supply.state == "preparing":
            round_of(project)
        with_answer = {label.item for label in _labels(project)}
        left = [i for i in range(1, 61) if i not in with_answer][:12]
        accept(context, said(left), "ann")
    assert supply.state == "done"
    assert supply.note
    assert not table.open_jobs(context.conn)  # what ended is not begun again and again


def test_a_round_waits_for_new_items_that_are_being_embedded(tmp_path: Path) -> None:
    """Two workers never embed the same items at once; where nothing is lacking, or nobody embeds, it goes on."""
    source = rows(tmp_path)
    with ls.create(tmp_path / "p.sieve", source, classes=["a", "b"], key="key") as project:
        assert not lacks_rows(project.context)  # no engine is chosen yet: that is said, not waited for
        project.embed()
        conn = project.context.conn
        embedding = table.add(conn, "embed", "long", "main", {}).id
        table.claim(conn, "long")
        assert not _being_embedded(project)
        source.write_text(source.read_text("utf-8") + "\n900,3,0.5,x", "utf-8")
        project.sync()
        assert _being_embedded(project)
        table.finish(conn, embedding, "cancelled", {})
        assert not _being_embedded(project)
        assert lacks_rows(project.context)
        refill(project.context)
        assert round_of(project).state == "done"  # it embeds what is lacking itself
        assert not lacks_rows(project.context)


def _labels(project: Project) -> list[Any]:
    from labelsieve.project import events

    return list(events.history(project.context.conn, "main"))


def test_a_screen_beside_odd_items_by_http(tmp_path: Path) -> None:
    """The worker, the queue, the measurement and the map of one project, over HTTP alone."""
    toy = toy_odd(400, 16)
    np.save(tmp_path / "x.npy", toy.x)
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen").close()
    with serving(tmp_path / "p.sieve") as server:
        for _ in range(3):
            cards = _cards(server)
            labels = [
                {"id": str(uuid.uuid4()), "item": c["item"], "query": c["query"], "seconds": 0.5,
                 "value": {"tag": "class", "names": ["odd" if toy.y[c["item"] - 1] else "dull"]}}
                for c in cards
            ]  # fmt: skip
            assert server.ask("/tasks/main/labels", {"labels": labels})["written"] == len(labels)
            until(lambda: not [one for one in server.ask("/jobs?lane=rounds") if not one["ended"]])
        progress = server.ask("/tasks/main/progress")
        assert progress["labels"] >= 30
        assert progress["screen"]["search"]["found"] >= 1
        assert progress["speed"]["median_seconds"] == 0.5
        measured = until(lambda: server.ask("/tasks/main/progress")["measured"], 120)
        assert measured["curve"]["found"]
        assert server.ask("/tasks/main/progress/plan?prevalence=0.04")["audit"]["labels"] > 0
        assert server.refused("/tasks/main/progress/plan?prevalence=7")[0] == 422
        assert server.refused("/tasks/nowhere/progress")[0] == 404
        _map(server, 400)


def _cards(server: Server) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = until(lambda: server.ask("/tasks/main/queue?n=12")["items"])
    return found


def _map(server: Server, n: int) -> None:
    assert server.ask("/tasks/main/map")["state"] == "none"
    assert server.refused("/tasks/main/map/points")[0] == 404
    job = server.ask("/jobs", {"kind": "map"})["id"]
    until(lambda: next(one for one in server.ask("/jobs") if one["id"] == job)["state"] == "done", 120)
    assert server.ask("/tasks/main/map")["n"] == n
    with server.raw("/tasks/main/map/points") as answer:
        points = np.frombuffer(answer.read(), "<f4").reshape(-1, 2)
        assert answer.headers["etag"]
        assert answer.headers["content-type"] == "application/octet-stream"
    assert points.shape == (n, 2)
    with server.raw("/tasks/main/map/ids") as answer:
        assert np.frombuffer(answer.read(), "<f8").tolist() == list(range(1, n + 1))
    for by, kind in (("label", "<u2"), ("prediction", "<u2"), ("uncertainty", "<f4")):
        with server.raw(f"/tasks/main/map/colours?by={by}") as answer:
            assert len(np.frombuffer(answer.read(), kind)) == n
        legend = server.ask(f"/tasks/main/map/legend?by={by}")
        assert legend["ordered"] is (by == "uncertainty")
        assert by == "uncertainty" or sum(legend["counts"]) == n
    assert server.refused("/tasks/main/map/colours?by=magic")[0] == 422

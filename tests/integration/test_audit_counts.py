"""What an annotator sees after an answer to an audit, on every route, is the same for hidden items and for others."""

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import labelsieve as ls
from labelsieve.api.application import build
from labelsieve.api.guarding import Door
from labelsieve.api.signing import Users
from labelsieve.project.claims.awaiting import awaited
from labelsieve.project.fitting import fit_task
from labelsieve.project.jobs.happening import now_going_on
from labelsieve.project.people import passwords, users
from labelsieve.project.progress.measuring import measure
from labelsieve.project.projection.projecting import project_pool
from labelsieve.project.views import foreseen
from labelsieve.testing import toy_odd

pytestmark = pytest.mark.slow
TOY = toy_odd(300, 20)
PEOPLE = {"ada": "admin", "rev": "reviewer", "ann": "annotator", "bob": "annotator", "cy": "annotator"}
VIEWS = [
    {"what": "all", "of": []},
    {"what": "label", "states": ["none"]},
    {"what": "label", "states": ["any"]},
    {"what": "label", "classes": ["odd"]},
    {"what": "label", "classes": ["dull"]},
    {"what": "annotator", "names": ["cy"]},
    {"what": "annotator", "names": ["bob"]},
    {"what": "disagreement", "between": "head"},
    {"what": "disagreement", "between": "annotators"},
    {"what": "purpose", "purposes": ["certify"]},
    {"what": "purpose", "purposes": ["search", "repeat"]},
]
ROUTES = ("status", "tasks", "jobs", "tasks/main/progress", "tasks/main/choices", "tasks/main/map/legend?by=label")
WORKING = ("tasks/main/queue?n=5&purpose=certify", "tasks/main/sheet?n=5&purpose=certify", "tasks/main/queue?n=5")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, int, int, dict[str, str]]:
    """A screen with an audit: its folder, two hidden items (of ann, of bob), one that is drawn, tokens."""
    home = tmp_path_factory.mktemp("counts")
    np.save(home / "x.npy", TOY.x)
    with pytest.MonkeyPatch.context() as patch, ls.create(home / "p.sieve", home / "x.npy", task="screen") as p:
        patch.setattr(passwords, "COST", 16)
        patch.setattr(passwords._key, "__defaults__", (16, passwords.BLOCK, 1))
        for name, role in PEOPLE.items():
            users.add_person(p.context.conn, name, role, "a horse of four legs")
        tokens = {name: p.people("ada").token(name, "test", 1) for name in PEOPLE}
        odd, dull = np.flatnonzero(TOY.y)[:10], np.flatnonzero(TOY.y == 0)[:40]
        p.label([str(row) for row in odd[:5]], ["odd"] * 5, by="ann", seconds=2.0)
        p.label([str(row) for row in odd[5:]], ["odd"] * 5, by="bob", seconds=2.0)
        p.label([str(row) for row in dull], ["dull"] * 40, by="bob", seconds=2.0)
        p.next(10)
        foreseen.write(p.context, fit_task(p.context))
        project_pool(p.context, lambda *said: None)
        p.draw_audit(60, hidden=10)

        asked = {item for (item,) in p.context.conn.execute("SELECT item FROM query_items WHERE purpose = 'search'")}
        other = next(item for item in awaited(p.context.conn, "main").tolist() if item not in asked)
        found = [int(row) + 1 for row in (odd[0], odd[5])]
    return home / "p.sieve", *found, other, tokens


@contextmanager
def opened(root: Path, tokens: dict[str, str]) -> Iterator[dict[str, TestClient]]:
    """A client for each person."""
    identity = Users(root)
    app = build(root, Door(identity, frozenset({"localhost"}), "session"))
    bearer = {name: {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
    yield {name: TestClient(app, base_url="http://localhost", headers=header) for name, header in bearer.items()}
    identity.close()


def get(client: TestClient, path: str) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def seen(client: TestClient, item: int) -> dict[str, Any]:
    """All that one person sees without taking anything on their desk; nothing of it names the item."""
    out = {path: get(client, path) for path in ROUTES}
    own = get(client, f"items/{item}")
    out["item"] = {name: own[name] for name in ("history", "flags")}
    out["back"] = [(one["query"], one["flagged"], one["mine"]) for one in get(client, "tasks/main/answers")["items"]]
    for at, tree in enumerate(VIEWS):
        made = client.post("/api/v1/tasks/main/views", json={"filter": tree}).json()
        page = {tile["item"]: tile for tile in get(client, f"views/{made['view']}")["items"]}
        tile = page.get(item, {})
        out[f"view {at}"] = made["total"], {name: tile.get(name) for name in ("label", "guess", "p", "flagged")}
    return {name: plain(one) for name, one in out.items()}


def plain(value: Any) -> Any:
    """Without ids that are drawn, times, names of stored views, and where the project lies."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if name not in ("project", "scan_seconds")}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, str):
        return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[0-9:.+Z-]+", "?", value)
    return value


def given(client: TestClient, item: int, query: int, name: str | None, before: str | None = None) -> str:
    """The UUID of an answer to an item of the audit."""
    value = None if name is None else {"tag": "class", "names": [name]}
    label = {
        "id": str(uuid.uuid4()),
        "item": item,
        "value": value,
        "query": query,
        "seconds": 2.0,
        "supersedes": before,
    }
    receipt = client.post("/api/v1/tasks/main/labels", json={"labels": [label]}).json()
    assert receipt == {"written": 1, "known": 0, "refused": []}
    return str(label["id"])


def course(root: Path, item: int, by: str, tokens: dict[str, str]) -> list[dict[str, Any]]:
    """What everybody but reviewers sees at each step while one person answers an item, anew, and takes it back."""
    steps: list[dict[str, Any]] = []
    with opened(root, tokens) as people:

        def look() -> None:
            steps.append({f"{name}, {at}": one for name in ("bob", by) for at, one in seen(people[name], item).items()})
            with ls.open(root) as p:
                steps[-1]["news"] = plain(now_going_on(p.context.conn))
            steps[-1]["left"] = [
                {name: plain(got[name]) for name in ("state", "left", "note")} | {"items": len(got["items"])}
                for got in (get(people[by], path) for path in WORKING)
            ]

        with ls.open(root) as p:
            query = int(p.context.conn.execute("SELECT MAX(id) FROM queries WHERE strategy = 'certify'").fetchone()[0])
        given(people[by], item, query, "dull")
        look()
        last = given(people[by], item, query, "odd")
        look()
        with ls.open(root) as p:
            foreseen.write(p.context, fit_task(p.context))
            measure(p.context, lambda *said: None)
        look()
        given(people[by], item, query, None, last)
        look()
    return steps


def untimed(told: Any) -> str:
    """How long a fit took differs by itself."""
    return re.sub(r"'(fit_)?seconds': [0-9.e-]+", "", repr(told))


TOTALS = ("status", "jobs", "tasks/main/progress", "left", "news")


@pytest.mark.parametrize(("by", "whose"), [("cy", 2), ("ann", 1)])
def test_what_annotators_see_moves_alike(drawn: Any, tmp_path: Path, by: str, whose: int) -> None:
    root, *items, tokens = drawn
    courses = []
    for item in (items[whose - 1], items[2]):
        shutil.copytree(root.parent, tmp_path / str(item))
        courses.append(course(tmp_path / str(item) / root.name, item, by, tokens))
    for at, (one, two) in enumerate(zip(*courses, strict=True)):
        for name in one:
            who, _, path = name.rpartition(", ")
            if path in TOTALS or who == by == "cy":  # whoever found the item can look that up: docs/known-limits.md
                assert untimed(one[name]) == untimed(two[name]), (at, name)
    assert len({untimed(step) for step in courses[0]}) == 4


def test_what_is_answered_beside_hidden_items_counts_when_all_is(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", TOY.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as p:
        rows = np.r_[np.flatnonzero(TOY.y)[:6], np.flatnonzero(TOY.y == 0)[:30]]
        p.label([str(row) for row in rows], ["odd" if TOY.y[row] else "dull" for row in rows], by="ann")

        def answered(audit: Any, n: int) -> list[int]:
            """Labels that count and labels that train, as n more items of the open draw are answered."""
            query = p.next(n, purpose="certify")
            p.label([item.key for item in query.items], ["dull"] * n, by="bob", query=query.id)
            status = p.status()
            return [status["labels"], status["answered"], sum(status["classes"].values()), status["audit"]["open"]]

        plain_audit = p.draw_audit(4)
        assert answered(plain_audit, 1) == [37, 37, 37, 3]  # nothing is hidden: what is said counts at once
        assert answered(plain_audit, 3) == [40, 40, 40, 0]
        mixed = p.draw_audit(10, hidden=3)
        for n, left in ((1, 8), (5, 3), (2, 1)):
            assert answered(mixed, n) == [40, 40, 40, left]
            assert p.status()["search"]["audited"] == {"answered": 4, "odd": 0}
        assert len(awaited(p.context.conn, "main")) == 6
        assert answered(mixed, 1) == [46, 46, 46, 0]
        assert p.status()["search"]["audited"] == {"answered": 10, "odd": 0}
        assert p.status()["annotators"] == {"ann": 36, "bob": 10}
        assert not len(awaited(p.context.conn, "main"))

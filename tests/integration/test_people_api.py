"""People over HTTP: signing in, roles, tokens, the trail, blind second answers, agreement, decisions."""

import csv
import io
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

import labelsieve as ls
from labelsieve.api.application import build
from labelsieve.api.guarding import Door, SingleUser
from labelsieve.api.routes import overview
from labelsieve.api.signing import Users, identity_for
from labelsieve.core.errors import InputError
from labelsieve.project import folding
from labelsieve.project.desk.refilling import choose_more
from labelsieve.project.facade import Project
from labelsieve.project.people import passwords, users
from labelsieve.testing import toy_classes

COOKIE = "labelsieve_session_1"
GOOD = "a horse of four legs"
TOY = toy_classes(150, 8, 3)
ROLES = {"ada": "admin", "rev": "reviewer", "ann": "annotator", "bob": "annotator", "vic": "viewer"}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 16)
    monkeypatch.setattr(passwords._key, "__defaults__", (16, passwords.BLOCK, 1))
    monkeypatch.setattr(passwords, "PARALLEL", 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", TOY.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a", "b", "c"]) as project:
        for name, role in ROLES.items():
            users.add_person(project.context.conn, name, role, GOOD)
    return tmp_path / "p.sieve"


class Browser:
    """One person's browser: cookies of its own, and the CSRF token."""

    def __init__(self, app: Any, name: str = "", base: str = "http://localhost:1") -> None:
        self.client = TestClient(app, base_url=base, follow_redirects=False)
        self.csrf = ""
        if name:
            answer = self.login(name)
            assert answer.status_code == 200, answer.text
            self.csrf = answer.json()["csrf"]

    def login(self, name: str, password: str = GOOD) -> Response:
        return self.client.post("/api/v1/login", json={"name": name, "password": password})

    def ask(self, method: str, path: str, body: Any = None) -> Response:
        return self.client.request(method, f"/api/v1{path}", json=body, headers={"X-CSRF-Token": self.csrf})

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def label(self, item: int, name: str | None, **more: Any) -> str:
        """The UUID of a label that was taken."""
        value = None if name is None else {"tag": "class", "names": [name]}
        one = {"id": str(uuid.uuid4()), "item": item, "value": value, **more}
        answer = self.ask("POST", "/tasks/main/labels", {"labels": [one]})
        assert answer.json()["written"] == 1, answer.text
        return str(one["id"])


@pytest.fixture
def app(root: Path) -> Iterator[Any]:
    identity = Users(root)
    yield build(root, Door(identity, frozenset({"localhost"}), COOKIE))
    identity.close()


def test_signing_in_opens_a_session_and_out_ends_it(app: Any) -> None:
    ann = Browser(app)
    assert ann.ask("GET", "/me").status_code == 401
    answer = ann.login("ann")
    assert answer.json().keys() == {"name", "role", "csrf"}
    parts = {part.strip() for part in answer.headers["set-cookie"].split(";")}
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= parts
    assert "Secure" not in parts
    ann.csrf = answer.json()["csrf"]
    me = ann.get("/me")
    assert (me["name"], me["role"], me["mode"], me["csrf"]) == ("ann", "annotator", "users", ann.csrf)
    cookie = ann.client.cookies[COOKIE]
    assert ann.client.post("/api/v1/logout").status_code == 403  # without the CSRF token
    out = ann.ask("POST", "/logout")
    assert out.status_code == 204
    assert "Max-Age=0" in out.headers["set-cookie"]
    ann.client.cookies.set(COOKIE, cookie)
    assert ann.ask("GET", "/me").status_code == 401


def test_under_tls_the_cookie_is_secure(app: Any) -> None:
    answer = Browser(app, base="https://localhost:1").login("ann")
    assert "Secure" in answer.headers["set-cookie"]


def test_a_cookie_from_before_is_worth_nothing_after_a_login(app: Any) -> None:
    """Session fixation: neither a made-up cookie nor the session before lives on."""
    ann, other = Browser(app), Browser(app)
    ann.client.cookies.set(COOKIE, "chosen-by-somebody")
    opened = ann.login("ann").headers["set-cookie"].partition(";")[0].partition("=")[2]
    assert opened != "chosen-by-somebody"
    again = Browser(app)
    again.client.cookies.set(COOKIE, opened)
    assert again.login("ann").status_code == 200
    for cookie in ("chosen-by-somebody", opened):
        other.client.cookies.set(COOKIE, cookie)
        assert other.ask("GET", "/me").status_code == 401


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("nobody", GOOD), ("", ""), ("ann", "x" * 1999)])
def test_a_failed_login_says_nothing_of_why(app: Any, name: str, password: str) -> None:
    answer = Browser(app).login(name, password)
    assert answer.status_code == 401
    assert answer.json()["detail"] == "name and password do not belong together."
    assert "set-cookie" not in answer.headers


def test_guesses_have_to_wait(app: Any) -> None:
    ann = Browser(app)
    assert [ann.login("ann", "wrong").status_code for _ in range(5)] == [401] * 5
    late = ann.login("ann")  # the right one, too soon
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) >= 1
    assert ann.login("bob").status_code == 200  # another name
    failed = [one for one in Browser(app, "ada").get("/trail") if one["what"] == "login.failed"]
    assert len(failed) == 5
    assert failed[0]["who"] == "ann"


def test_colleagues_behind_one_address_are_not_shut_out_by_the_mistakes_of_one(app: Any) -> None:
    """All of them come from one address here. Sessions and tokens go on, and who came in before comes in again."""
    bob, ada = Browser(app, "bob"), Browser(app, "ada")
    token = ada.ask("POST", "/tokens", {"name": "upload", "days": 1}).json()["token"]
    for k in range(30):  # somebody tries names
        Browser(app).login(f"nobody {k}", "wrong")
    assert Browser(app).login("nobody", "wrong").status_code == 429
    wrong = [Browser(app).client.get("/api/v1/me", headers={"Authorization": f"Bearer {k}"}) for k in range(12)]
    assert wrong[-1].status_code == 429
    assert bob.ask("GET", "/me").status_code == 200
    assert Browser(app).login("bob").status_code == 200
    by_token = Browser(app).client.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert by_token.status_code == 200


def test_a_login_from_another_site_is_refused(app: Any) -> None:
    client = Browser(app).client
    body = {"name": "ann", "password": GOOD}
    answer = client.post("/api/v1/login", json=body, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 403
    assert client.post("/api/v1/login", content="name=ann", headers={"Content-Type": "text/plain"}).status_code == 422


NEEDS = [
    ("GET", "/people", None, "admin"),
    ("POST", "/people", {"name": "x", "role": "viewer", "password": GOOD}, "admin"),
    ("PATCH", "/people/vic", {"role": "viewer"}, "admin"),
    ("DELETE", "/people/x", None, "admin"),
    ("GET", "/trail", None, "admin"),
    ("GET", "/trail.csv", None, "admin"),
    ("PUT", "/tasks/main/twice", {"share": 0.5}, "admin"),
    ("GET", "/tasks/main/agreement", None, "reviewer"),
    ("GET", "/tasks/main/adjudication", None, "reviewer"),
    ("POST", "/tasks/main/adjudication", {"labels": []}, "reviewer"),
    ("POST", "/tasks/main/labels", {"labels": []}, "annotator"),
    ("GET", "/tokens", None, "viewer"),
]


def test_each_role_may_what_it_may(app: Any) -> None:
    order = ["viewer", "annotator", "reviewer", "admin"]
    browsers = {role: Browser(app, name) for name, role in ROLES.items()}
    for method, path, body, least in NEEDS:
        for role in order[: order.index(least)]:
            answer = browsers[role].ask(method, path, body)
            assert answer.status_code == 403, (role, method, path)
            assert least in answer.json()["detail"]
    for method, path, body, least in NEEDS:
        assert browsers[least].ask(method, path, body).status_code < 300, (least, method, path)


def test_people_come_change_and_go(app: Any, root: Path) -> None:
    ada, bob = Browser(app, "ada"), Browser(app, "bob")
    new = {"name": "eve", "role": "annotator", "password": GOOD}
    assert [one["name"] for one in ada.ask("POST", "/people", new).json()] == sorted([*ROLES, "eve"])
    assert ada.ask("POST", "/people", new).status_code == 409
    assert ada.ask("POST", "/people", new | {"name": "fay", "password": "short"}).status_code == 422
    assert ada.ask("POST", "/people", new | {"name": "fay", "role": "king"}).status_code == 422
    assert bob.ask("GET", "/tasks/main/agreement").status_code == 403
    ada.ask("PATCH", "/people/bob", {"role": "reviewer"})
    assert bob.ask("GET", "/tasks/main/agreement").status_code == 200  # at once
    ada.ask("PATCH", "/people/bob", {"password": "another phrase"})
    assert bob.ask("GET", "/me").status_code == 401
    assert ada.ask("DELETE", "/people/bob").status_code == 200
    assert bob.login("bob", "another phrase").status_code == 401
    assert ada.ask("DELETE", "/people/nobody").status_code == 404
    assert ada.ask("DELETE", "/people/ada").status_code == 409
    text = ada.ask("GET", "/trail.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["what"] for row in rows if row["what"].startswith("person")] == [
        "person.add", "person.change", "person.change", "person.remove",
    ]  # fmt: skip
    assert rows[0]["number"] == "1"
    kept = b"".join(path.read_bytes() for path in root.glob("labels.sqlite*"))
    for secret in (GOOD, "another phrase", ada.client.cookies[COOKIE]):
        assert secret not in text
        assert secret.encode() not in kept
    assert ada.csrf not in text


def test_one_changes_ones_own_password(app: Any) -> None:
    ann = Browser(app, "ann")
    body = {"old": "wrong", "new": "another phrase"}
    assert ann.ask("PUT", "/me/password", body).status_code == 403
    assert ann.ask("PUT", "/me/password", body | {"old": GOOD}).status_code == 204
    assert ann.ask("GET", "/me").status_code == 401
    assert ann.login("ann", "another phrase").status_code == 200


def test_tokens_open_the_api_for_programs(app: Any) -> None:
    ann, bob, ada = (Browser(app, name) for name in ("ann", "bob", "ada"))
    made = ann.ask("POST", "/tokens", {"name": "upload", "days": 30}).json()
    program = Browser(app)
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert program.client.get("/api/v1/me", headers=bearer).json()["name"] == "ann"
    answer = program.client.post("/api/v1/tasks/main/labels", json={"labels": []}, headers=bearer)
    assert answer.status_code == 200  # no CSRF token: no browser sends such a header by itself
    assert made["token"] not in ann.ask("GET", "/tokens").text
    (row,) = ann.get("/tokens")
    assert bob.get("/tokens") == []
    assert bob.ask("DELETE", f"/tokens/{row['id']}").status_code == 404
    assert [one["person"] for one in ada.get("/tokens")] == ["ann"]
    assert ada.ask("DELETE", f"/tokens/{row['id']}").status_code == 204
    assert program.client.get("/api/v1/me", headers=bearer).status_code == 401


def test_an_annotator_sees_their_own_labels_alone(app: Any) -> None:
    ann, bob, rev = (Browser(app, name) for name in ("ann", "bob", "rev"))
    ann.label(1, "a")
    bob.label(1, "b")
    assert [one["by"] for one in ann.get("/items/1")["history"]] == ["ann"]
    assert [one["by"] for one in rev.get("/items/1")["history"]] == ["ann", "bob"]
    assert Browser(app, "vic").get("/items/1")["history"] == []


def test_nobody_replaces_or_takes_back_what_others_said(app: Any) -> None:
    ann, bob = Browser(app, "ann"), Browser(app, "bob")
    hers = ann.label(1, "a")
    for value in ({"tag": "class", "names": ["b"]}, None):
        one = {"id": str(uuid.uuid4()), "item": 1, "value": value, "supersedes": hers}
        said = bob.ask("POST", "/tasks/main/labels", {"labels": [one]})
        answer = said.json()
        assert (said.status_code, answer["written"]) == (422, 0)
        assert "by ann" in answer["refused"][0]["detail"]
    assert ann.get("/items/1")["history"][0]["id"] == hers


def test_a_share_is_labelled_twice_and_blind(app: Any, root: Path) -> None:
    with ls.open(root) as project:
        choose_more(project.context)
    ada, ann, bob = (Browser(app, name) for name in ("ada", "ann", "bob"))
    first = ann.get("/tasks/main/queue?n=10")["items"]
    for card in first:
        ann.label(card["item"], "a", query=card["query"])
    mine = {card["item"] for card in first}
    assert not mine & {card["item"] for card in bob.get("/tasks/main/queue?n=100")["items"]}
    bob.ask("POST", "/tasks/main/release", {"items": None})
    ada.ask("PUT", "/tasks/main/twice", {"share": 1.0})
    second = bob.get("/tasks/main/queue?n=10")["items"]
    again = [card for card in second if card["item"] in mine]
    assert len(again) >= 5
    fields = ("purpose", "why", "query", "group")
    known = {card["item"]: card for card in first}
    for card in again:  # nothing tells that somebody has answered it
        assert card["mine"] is None
        assert {name: card[name] for name in fields} == {name: known[card["item"]][name] for name in fields}
        bob.label(card["item"], "b", query=card["query"])
    done = {card["item"] for card in again}
    rev = Browser(app, "rev")
    assert not done & {card["item"] for card in rev.get("/tasks/main/queue?n=100")["items"]}  # two are enough
    assert ada.get("/tasks/main/agreement")["items"] == len(done)
    assert ada.ask("PUT", "/tasks/main/twice", {"share": 2}).status_code == 422


def test_agreement_and_decisions(app: Any, root: Path) -> None:
    ann, bob, rev = (Browser(app, name) for name in ("ann", "bob", "rev"))
    assert rev.get("/tasks/main/agreement")["items"] == 0
    for item in range(1, 31):
        truth = "abc"[item % 3]
        ann.label(item, truth)
        bob.label(item, truth if item % 5 else "abc"[(item + 1) % 3])
    found = rev.get("/tasks/main/agreement")
    assert (found["state"], found["items"], found["answers"]) == ("ready", 30, 60)
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["items"], pair["same"]["mean"]) == ("ann", "bob", 30, 0.8)
    assert pair["kappa"]["low"] < pair["kappa"]["mean"] < pair["kappa"]["high"]
    assert 0.5 < found["alpha"]["mean"] < 0.9
    assert [one["name"] for one in found["people"]] == ["ann", "bob"]
    questions = rev.get("/tasks/main/adjudication?n=4")
    assert (len(questions["items"]), questions["left"], questions["decided"]) == (4, 2, 0)
    assert all(one["reason"] == "differ" and one["item"] % 5 == 0 for one in questions["items"])
    assert {answer["by"] for answer in questions["items"][0]["answers"]} == {"ann", "bob"}
    seen = "&".join(f"after={one['item']}" for one in questions["items"])
    assert len(rev.get(f"/tasks/main/adjudication?{seen}")["items"]) == 2
    decision = {"id": str(uuid.uuid4()), "item": 5, "value": {"tag": "class", "names": ["a"]}}
    receipt = rev.ask("POST", "/tasks/main/adjudication", {"labels": [decision]}).json()
    assert (receipt["written"], receipt["known"], receipt["refused"]) == (1, 0, [])
    assert rev.ask("POST", "/tasks/main/adjudication", {"labels": [decision]}).json()["known"] == 1
    assert agreed(root)[5] == "a"
    after = rev.get("/tasks/main/adjudication")
    assert (len(after["items"]), after["decided"]) == (5, 1)
    assert rev.get("/tasks/main/agreement")["answers"] == 60  # a decision is no independent answer
    undo = {"id": str(uuid.uuid4()), "item": 5, "value": None, "supersedes": decision["id"]}
    assert rev.ask("POST", "/tasks/main/labels", {"labels": [undo]}).json()["written"] == 1
    assert len(rev.get("/tasks/main/adjudication")["items"]) == 6


def agreed(root: Path) -> dict[int, str]:
    with ls.open(root) as project:
        return {item: names[0] for item, names in folding.agreed(project.context.conn, "main").items()}


def test_an_annotator_cannot_slip_in_a_decision(app: Any, root: Path) -> None:
    ann, bob, rev = (Browser(app, name) for name in ("ann", "bob", "rev"))
    ann.label(1, "a")
    bob.label(1, "b")
    decision = {"id": str(uuid.uuid4()), "item": 1, "value": {"tag": "class", "names": ["a"]}}
    rev.ask("POST", "/tasks/main/adjudication", {"labels": [decision]})
    (query,) = {one["query"] for one in rev.get("/items/1")["history"] if one["by"] == "rev"}
    forged = {"id": str(uuid.uuid4()), "item": 1, "value": {"tag": "class", "names": ["b"]}, "query": query}
    receipt = bob.ask("POST", "/tasks/main/labels", {"labels": [forged]}).json()
    assert receipt["written"] == 0
    assert "decisions" in receipt["refused"][0]["detail"]
    assert agreed(root)[1] == "a"


def test_a_reviewers_own_answer_stays_beside_the_decision(app: Any, root: Path) -> None:
    ann, rev = Browser(app, "ann"), Browser(app, "rev")
    ann.label(1, "a")
    rev.label(1, "b")
    for name in ("c", "a"):
        decision = {"id": str(uuid.uuid4()), "item": 1, "value": {"tag": "class", "names": [name]}}
        rev.ask("POST", "/tasks/main/adjudication", {"labels": [decision]})
    assert agreed(root)[1] == "a"  # the later decision
    with ls.open(root) as project:
        said = folding.independent(project.context.conn, "main")
        assert sorted(said.code.tolist()) == [0, 1]


def test_what_cannot_be_decided_is_refused(app: Any) -> None:
    rev = Browser(app, "rev")
    bad = {"id": str(uuid.uuid4()), "item": 1, "value": {"tag": "class", "names": ["zebra"]}}
    receipt = rev.ask("POST", "/tasks/main/adjudication", {"labels": [bad]}).json()
    assert "zebra" in receipt["refused"][0]["detail"]
    gone = bad | {"item": 99_999}
    assert rev.ask("POST", "/tasks/main/adjudication", {"labels": [gone]}).status_code == 404
    assert rev.ask("GET", "/tasks/nope/agreement").status_code == 404


def test_who_may_be_served(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", TOY.x)
    project: Project = ls.create(tmp_path / "q.sieve", tmp_path / "x.npy")
    root = tmp_path / "q.sieve"
    alone = identity_for(root, "127.0.0.1", "T", "me")
    assert isinstance(alone, SingleUser) and alone.token == "T"
    with pytest.raises(InputError, match="no people"):
        identity_for(root, "0.0.0.0", "T", "me")
    app = build(root, Door(alone, frozenset({"localhost"}), COOKIE))
    assert Browser(app).login("me").status_code == 401  # without people nothing is open
    users.add_person(project.context.conn, "ada", "admin", GOOD)
    with pytest.raises(InputError, match="sign in by name"):
        identity_for(root, "127.0.0.1", "T", "me")
    several = identity_for(root, "0.0.0.0", "", "me")
    assert isinstance(several, Users)
    several.close()
    project.close()


def test_news_end_for_whoever_is_let_out(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "STILL", 0.2)
    ada, bob = Browser(app, "ada"), Browser(app, "bob")
    told: list[Response] = []
    follows = threading.Thread(target=lambda: told.append(bob.ask("GET", "/events")), daemon=True)
    follows.start()
    follows.join(1.0)
    assert follows.is_alive()  # news come as long as bob is there
    assert ada.ask("DELETE", "/people/bob").status_code == 200
    follows.join(20.0)
    assert [answer.status_code for answer in told] == [200]
    assert bob.ask("GET", "/events").status_code == 401

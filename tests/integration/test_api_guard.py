"""Who gets in: tokens, cookies, forged requests, rebound names, guesses, paths that lead out."""

import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import labelsieve as ls
from labelsieve.api import bodies
from labelsieve.api.application import build
from labelsieve.api.guarding import Door, SingleUser
from labelsieve.api.signing import identity_for
from labelsieve.project.people.throttling import TOKEN, Guesses
from labelsieve.testing import toy_classes

SECRET = "a-token-of-24-characters"
COOKIE = "labelsieve_session_1"
BEARER = {"Authorization": f"Bearer {SECRET}"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    np.save(folder / "x.npy", toy_classes(50, 4, 2).x)
    ls.create(folder / "p.sieve", folder / "x.npy", classes=["a", "b"]).close()
    return folder / "p.sieve"


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    door = Door(SingleUser(SECRET, "ann"), frozenset({"localhost", "127.0.0.1"}), COOKIE)
    with TestClient(build(root, door), base_url="http://localhost:1", follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize("path", ["", "/", "/status", "/no/such/path", "/tasks/main/labels"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
def test_nobody_learns_what_there_is(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, f"/api/v1{path}")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["hint"]


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "bearer", f"Basic {SECRET}", "Bearer \u00e9"])
def test_a_wrong_token_opens_nothing(client: TestClient, header: str) -> None:
    assert client.get("/api/v1/status", headers={"Authorization": header.encode()}).status_code == 401


def test_a_token_opens_the_api(client: TestClient) -> None:
    assert client.get("/api/v1/me", headers=BEARER).json()["name"] == "ann"
    assert client.get("/api/v1/nope", headers=BEARER).status_code == 404


def signed_in(client: TestClient) -> str:
    """The CSRF token of a session that the token in the URL has opened."""
    answer = client.get(f"/grid?view=3&token={SECRET}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/grid?view=3")
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in answer.headers["set-cookie"].split(";")}
    assert SECRET not in answer.headers["set-cookie"]
    return str(client.get("/api/v1/me").json()["csrf"])


def test_the_token_in_the_url_opens_a_session(client: TestClient) -> None:
    signed_in(client)
    assert client.get("/api/v1/status").status_code == 200


@pytest.mark.parametrize("path", ["//evil.test/", "/\\evil.test/", "///evil.test"])
def test_the_way_on_stays_here(client: TestClient, path: str) -> None:
    answer = client.get(f"http://localhost:1{path}?token={SECRET}")  # a path alone would be read as an address
    assert answer.status_code == 303
    assert answer.headers["location"] in ("/evil.test", "/evil.test/", "/%5Cevil.test/")


def test_changes_by_a_browser_need_the_csrf_token(client: TestClient) -> None:
    csrf = signed_in(client)
    body = {"items": []}
    assert client.post("/api/v1/tasks/main/release", json=body).status_code == 403
    assert client.post("/api/v1/tasks/main/release", json=body, headers={"X-CSRF-Token": "x"}).status_code == 403
    right = {"X-CSRF-Token": csrf}
    assert client.post("/api/v1/tasks/main/release", json=body, headers=right).status_code == 204
    for origin in ("http://evil.test", "http://localhost:2", "null"):
        answer = client.post("/api/v1/tasks/main/release", json=body, headers=right | {"Origin": origin})
        assert answer.status_code == 403, origin
    mine = right | {"Origin": "http://localhost:1"}
    assert client.post("/api/v1/tasks/main/release", json=body, headers=mine).status_code == 204


@pytest.mark.parametrize(
    "host", ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "", "[::1", "a@localhost:1x"]
)
def test_other_host_names_are_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/api/v1/status", "/openapi.json"):
        answer = client.get(path, headers=BEARER | {"Host": host})
        assert answer.status_code == 421, host


def guessed(root: Path, token: str, clock: list[float]) -> TestClient:
    """A client of a server with that token, at whose address all guesses are spent."""
    door = Door(SingleUser(token, "ann"), frozenset({"localhost"}), COOKIE, guesses=Guesses(lambda: clock[0]))
    client = TestClient(build(root, door), base_url="http://localhost:1", follow_redirects=False)
    for k in range(TOKEN.free):
        assert client.get("/api/v1/me", headers={"Authorization": f"Bearer no {k}"}).status_code == 401
    late = client.get("/api/v1/me", headers={"Authorization": "Bearer another"})
    assert (late.status_code, late.headers["retry-after"]) == (429, "3")
    assert client.get("/?token=no").status_code == 429
    return client


def test_wrong_tokens_of_others_never_keep_the_right_one_out(root: Path) -> None:
    with guessed(root, SECRET, [0.0]) as client:
        assert client.get("/api/v1/me", headers=BEARER).status_code == 200
        assert client.get(f"/?token={SECRET}").status_code == 303
        client.headers.pop("Authorization", None)
        assert client.get("/api/v1/me").status_code == 200  # by the session that this opened
        assert client.get("/api/v1/me", headers={"Authorization": "Bearer another"}).status_code == 429


def test_a_token_that_can_be_guessed_has_to_wait_and_its_session_does_not(root: Path) -> None:
    clock = [0.0]
    with guessed(root, "short", clock) as client:
        assert client.get("/api/v1/me", headers={"Authorization": "Bearer short"}).status_code == 429
        assert client.get("/?token=short").status_code == 429
        clock[0] = 61.0
        assert client.get("/?token=short").status_code == 303
        for k in range(TOKEN.free + 1):
            client.get("/api/v1/me", headers={"Authorization": f"Bearer {k}"})
        assert client.get("/api/v1/me").status_code == 200


def test_a_program_that_sends_an_old_token_again_and_again_shuts_nobody_out(root: Path) -> None:
    door = Door(SingleUser("short", "ann"), frozenset({"localhost"}), COOKIE, guesses=Guesses(lambda: 0.0))
    with TestClient(build(root, door), base_url="http://localhost:1") as client:
        for _ in range(5 * TOKEN.free):
            assert client.get("/api/v1/me", headers={"Authorization": "Bearer of-old"}).status_code == 401
        assert client.get("/api/v1/me", headers={"Authorization": "Bearer short"}).status_code == 200


def test_the_cookie_of_a_short_token_cannot_be_computed_from_it(root: Path) -> None:
    one, other = SingleUser("short", "ann"), SingleUser("short", "ann")
    assert one.cookie != other.cookie and len(one.cookie) == 64
    kept, again = (identity_for(root, "127.0.0.1", "short", "ann") for _ in range(2))
    assert isinstance(kept, SingleUser) and isinstance(again, SingleUser)
    assert kept.cookie == again.cookie  # a restart ends no session


def test_every_answer_is_hardened(client: TestClient) -> None:
    for path in ("/", "/api/v1/status", "/nope.js"):
        headers = client.get(path, headers=BEARER).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/../pyproject.toml", "/..%2f..%2fpyproject.toml", "/%2e%2e/labels.sqlite", "/assets/../../x.py"]
)
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["detail"].startswith("there is no page")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/tasks/nope/queue", None, 404),
        ("GET", "/tasks/main/queue?n=0", None, 422),
        ("GET", "/tasks/main/queue?purpose=drop", None, 422),
        ("GET", "/items/999999", None, 404),
        ("GET", "/items/99999999999999999999", None, 422),
        ("GET", "/items/1/image", None, 404),
        ("POST", "/tasks/main/labels", {"labels": [{"id": "no uuid", "item": 1, "value": None}]}, 422),
        ("POST", "/tasks/main/labels", {"labels": "many"}, 422),
        ("POST", "/jobs", {"kind": "rm -rf"}, 404),
        ("POST", "/jobs/77/cancel", None, 404),
        ("PUT", "/tasks/main/guide", [{"name": "a", "key": "x"}, {"name": "b", "key": "X"}], 422),
    ],
)
def test_what_does_not_fit_is_said(client: TestClient, method: str, path: str, body: object, status: int) -> None:
    answer = client.request(method, f"/api/v1{path}", json=body, headers=BEARER)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_the_guide_comes_back_with_the_tasks(client: TestClient) -> None:
    entry = {"name": "a", "key": "q", "text": "<b>round</b>", "shown": [1, 2]}
    assert client.put("/api/v1/tasks/main/guide", json=[entry], headers=BEARER).status_code == 200
    (task,) = client.get("/api/v1/tasks", headers=BEARER).json()
    assert task["classes"][0] == entry | {"code": 0}


@pytest.mark.parametrize("path", ["/%E2%98%83", "/%C3%BC", "/%0d%0aX-Own:%201", "/a%20b"])
def test_the_way_on_is_a_header_whatever_the_path(client: TestClient, path: str) -> None:
    answer = client.get(f"{path}?token={SECRET}")
    assert answer.status_code == 303
    assert answer.headers["location"].isascii()
    assert "x-own" not in answer.headers


@pytest.mark.parametrize("said", [True, False])
def test_a_body_without_an_end_is_not_gathered(client: TestClient, monkeypatch: pytest.MonkeyPatch, said: bool) -> None:
    monkeypatch.setattr(bodies, "LARGEST", 1 << 20)
    many = b'{"labels": [' + b" " * (1 << 20) + b"]}"
    parts = many if said else iter([many[: 1 << 19], many[1 << 19 :]])
    headers = BEARER | {"Content-Type": "application/json"}
    answer = client.post("/api/v1/tasks/main/labels", content=parts, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "the request is larger than 1 MB."
    assert answer.json()["hint"]
    assert client.post("/api/v1/tasks/main/import?name=x.csv", content=many, headers=headers).status_code != 413


@pytest.mark.parametrize("item", [2**53, 2**63, 2**70, -(2**63) - 1])
def test_ids_that_no_ledger_keeps_are_refused(client: TestClient, item: int) -> None:
    assert client.put(f"/api/v1/tasks/main/flags/{item}", json={"note": ""}, headers=BEARER).status_code == 422
    assert client.delete(f"/api/v1/tasks/main/flags/{item}", headers=BEARER).status_code == 422


@pytest.mark.parametrize(("number", "hint"), [(errno.ENOSPC, "free some disk"), (errno.ENOENT, "moved"), (5, "log")])
def test_a_disk_in_trouble_is_said(client: TestClient, monkeypatch: pytest.MonkeyPatch, number: int, hint: str) -> None:
    def broken(*_: object) -> None:
        raise OSError(number, os.strerror(number), "/secret/place")

    monkeypatch.setattr("labelsieve.project.formats.uploads.prepare", broken)
    answer = client.post("/api/v1/tasks/main/import?name=x.csv", content=b"key", headers=BEARER)
    assert answer.status_code == 503
    assert os.strerror(number) in answer.json()["detail"]
    assert hint in answer.json()["hint"]
    assert "secret" not in answer.text


def test_a_class_can_be_answered_however_long_its_name(client: TestClient) -> None:
    name = "x" * 5000
    made = client.post("/api/v1/tasks", json={"name": "long", "classes": [name, "y"]}, headers=BEARER)
    assert made.status_code == 201
    value = {"tag": "class", "names": [name]}
    body = {"labels": [{"id": "00000000-0000-4000-8000-000000000001", "item": 1, "value": value}]}
    assert client.post("/api/v1/tasks/long/labels", json=body, headers=BEARER).json()["written"] == 1


@pytest.mark.parametrize("path", ["/", "/label", "/openapi.json", "/api/v1/status", "/api/v1/tasks/main/export"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    got, head = client.get(path, headers=BEARER), client.head(path, headers=BEARER)
    assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]
    assert head.headers.get("content-length") == got.headers.get("content-length")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/tasks", "GET, HEAD, POST"),
        ("/api/v1/tasks/main/flags/1", "DELETE, PUT"),
        ("/api/v1/status", "GET, HEAD"),
        ("/label", "GET, HEAD"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client: TestClient, path: str, methods: str) -> None:
    answer = client.request("OPTIONS", path, headers=BEARER)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_head_of_what_has_no_end_ends(client: TestClient) -> None:
    assert client.head("/api/v1/events", headers=BEARER).headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    ("method", "path", "status", "fact"),
    [
        ("GET", "/api/v1/logout", 405, "'/api/v1/logout' takes no GET."),
        ("PUT", "/api/v1/status", 405, "'/api/v1/status' takes no PUT."),
        ("GET", "/api/v1/nope", 404, "there is no '/api/v1/nope'."),
        ("GET", "/api/v1/status/", 404, "there is no '/api/v1/status/'."),
        ("GET", "/api/v1/jobs/4442/log", 404, "there is no job 4442."),
        ("DELETE", "/api/v1/tokens/4442", 404, "there is no open token 4442."),
        ("GET", "/api/v1/items/1/image", 404, "is no picture."),
        ("POST", "/api/v1/tasks", 409, "there is a task 'main' already."),
    ],
)
def test_what_is_not_there_or_not_now_is_said(
    client: TestClient, method: str, path: str, status: int, fact: str
) -> None:
    body = {"name": "main"} if method == "POST" else None
    answer = client.request(method, path, json=body, headers=BEARER)
    assert (answer.status_code, bool(answer.json()["hint"])) == (status, True)
    assert fact in answer.json()["detail"]


def test_a_token_of_any_letters_opens(root: Path) -> None:
    token = "a+b&c=d#ü ?"
    door = Door(SingleUser(token, "ann"), frozenset({"localhost"}), COOKIE)
    with TestClient(build(root, door), base_url="http://localhost:1", follow_redirects=False) as client:
        for spelt in (token.encode(), token.encode("latin-1")):
            assert client.get("/api/v1/me", headers={"Authorization": b"Bearer " + spelt}).status_code == 200
        assert client.get("/", params={"token": token}).status_code == 303


def test_the_description_names_every_refusal_as_a_problem(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    assert found["openapi"] == "3.1.0"
    operations = [one for path in found["paths"].values() for one in path.values()]
    assert len(operations) > 40
    for operation in operations:
        for code in ("401", "404", "422", "4XX", "5XX"):
            assert list(operation["responses"][code]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in str(found)
    assert found["components"]["schemas"]["GivenLabel"]["properties"]["id"]["format"] == "uuid"


def test_a_label_that_cannot_be_taken_is_a_problem_and_stops_no_other(client: TestClient) -> None:
    def label(item: int, name: str) -> dict[str, object]:
        return {"id": str(uuid.uuid4()), "item": item, "value": {"tag": "class", "names": [name]}}

    def sent(*labels: dict[str, object]) -> tuple[int, dict[str, Any]]:
        answer = client.post("/api/v1/tasks/main/labels", json={"labels": labels}, headers=BEARER)
        return answer.status_code, answer.json()

    gone, good, again = label(10**6, "a"), label(1, "a"), label(2, "a")
    status, said = sent(gone)
    assert (status, said["detail"]) == (404, "no item of this project is named '1000000'.")
    assert said["hint"] and [one["id"] for one in said["refused"]] == [gone["id"]]
    assert sent(gone, good)[1]["written"] == 1
    assert sent(gone, good)[:1] == (200,)  # known: it is on the disk
    assert sent(again)[0] == 200
    assert sent(again | {"item": 3})[0] == 422  # another answer under the same UUID
    assert sent() == (200, {"written": 0, "known": 0, "refused": []})

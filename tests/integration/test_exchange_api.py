"""Files up and down through the server: who may, how large, what is refused, what the trail says, what stays behind."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import labelsieve as ls
from labelsieve.api.application import build
from labelsieve.api.guarding import Door, Known
from labelsieve.project import folding
from labelsieve.project.database import connect
from labelsieve.project.formats import uploads
from labelsieve.project.jobs import table, worker
from labelsieve.project.people import trail
from labelsieve.project.people.roles import Person

API = "/api/v1/tasks/main"


class Everybody:
    """Tells people by a token that names their role."""

    mode = "users"
    guessable = False

    def by_token(self, token: str) -> Known | None:
        return Known(Person(f"the {token}", token))  # type: ignore[arg-type]

    def by_cookie(self, value: str) -> Known | None:
        return None


def as_(role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {role}"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    lines = [json.dumps({"text": f"text {i}", "id": f"t{i}"}) for i in range(8)]
    (tmp_path / "t.jsonl").write_text("\n".join(lines), encoding="utf-8")
    ls.create(tmp_path / "p.sieve", tmp_path / "t.jsonl", text="text", key="id").close()
    return tmp_path / "p.sieve"


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    door = Door(Everybody(), frozenset({"localhost"}), "c")
    with TestClient(build(root, door), base_url="http://localhost:1") as client:
        yield client


def send(client: TestClient, body: bytes, role: str = "reviewer", **query: Any) -> Any:
    return client.post(f"{API}/import", params=query, content=body, headers=as_(role))


def work(root: Path) -> table.Job:
    """Does the job that waits, as the worker does."""
    with ls.open(root) as watching:
        job = table.claim(watching.context.conn, "long")
        assert job is not None
        worker.do(root, watching, job)
        return table.get(watching.context.conn, job.id)


def known(root: Path) -> dict[int, tuple[str, ...]]:
    with ls.open(root) as project:
        return folding.agreed(project.context.conn, "main")


def left_behind(root: Path) -> list[Path]:
    return [path for path in (root / "cache" / "uploads").rglob("*") if path.is_file()]


def test_a_small_table_is_imported_at_once(client: TestClient, root: Path) -> None:
    answer = send(client, b"key,label\nt0,=1+1\nt1,dog\n", name="l.csv")
    assert answer.status_code == 200 and answer.json()["added"] == 2 and answer.json()["job"] is None
    assert send(client, b"key,label\nt0,=1+1\nt1,dog\n", name="l.csv").json()["known"] == 2
    assert known(root) == {1: ("=1+1",), 2: ("dog",)} and left_behind(root) == []
    down = client.get(f"{API}/export", headers=as_("reviewer"))
    assert down.text.splitlines()[1].startswith("t0,'=1+1,the reviewer,")  # no formula
    assert "main-labels.csv" in down.headers["content-disposition"]
    lines = client.get(f"{API}/export?format=jsonl", headers=as_("reviewer")).text.splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["=1+1", "dog"]
    with connect(root / "labels.sqlite") as conn:
        found = [(one.who, one.what, one.detail.get("added")) for one in trail.entries(conn)]
    assert found[:2] == [("the reviewer", "labels.import", 2), ("the reviewer", "labels.import", 0)]
    assert {what for _, what, _ in found[2:]} == {"labels.export"}


def test_one_misfit_stops_all_unless_the_loss_is_allowed(client: TestClient, root: Path) -> None:
    body = b"key,label\nt0,cat\nnope,dog\n"
    refused = send(client, body, name="l.csv")
    assert refused.status_code == 422 and "unknown key, 1 (the first: nope)" in refused.json()["detail"]
    assert known(root) == {} and left_behind(root) == []
    allowed = send(client, body, name="l.csv", allow_loss=True).json()
    assert (allowed["added"], allowed["lost"], allowed["set_aside"]) == (1, 1, {"unknown key": ["nope"]})


@pytest.mark.parametrize("role", ["viewer", "annotator"])
def test_only_reviewers_exchange_labels(client: TestClient, root: Path, role: str) -> None:
    assert send(client, b"key,label\nt0,cat\n", role, name="l.csv").status_code == 403
    assert client.get(f"{API}/export", headers=as_(role)).status_code == 403
    assert client.post(f"{API}/export?format=hf", headers=as_(role)).status_code == 403
    assert client.post("/api/v1/jobs", json={"kind": "import"}, headers=as_(role)).status_code == 403
    assert known(root) == {}


def test_what_is_too_large_is_refused_and_gone(client: TestClient, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LIMIT", 1000)
    parts = (b"x" * 400 for _ in range(5))  # without a length
    for body in (b"x" * 1001, parts):
        answer = client.post(f"{API}/import?name=l.csv", content=body, headers=as_("reviewer"))
        assert answer.status_code == 413 and answer.json()["hint"]
    assert left_behind(root) == []


def outside(root: Path) -> set[Path]:
    return {path for path in root.parent.rglob("*") if "cache" not in path.parts and "sqlite" not in path.name}


@pytest.mark.parametrize("name", ["../../l.csv", "/etc/l.csv", "..\\l.csv", "", "a" * 300, "\x00.csv", "<b>.csv"])
def test_names_of_files_lead_nowhere(client: TestClient, root: Path, name: str) -> None:
    before = outside(root)
    answer = send(client, b"key,label\nt0,cat\n", name=name)
    assert answer.status_code in (200, 422, 202)
    assert outside(root) == before


@pytest.mark.parametrize(
    ("name", "body"),
    [("l.csv", b""), ("l.csv", b"\xff\xfe\x00"), ("l.json", b"[{"), ("l.json", b"{}"), ("l.xlsx", b"PK")],
)
def test_damaged_files_are_told_as_problems(client: TestClient, root: Path, name: str, body: bytes) -> None:
    answer = send(client, body, name=name)
    if answer.status_code == 202:
        assert work(root).state == "failed"
    else:
        assert answer.status_code == 422 and answer.json()["hint"]
    assert known(root) == {} and left_behind(root) == []


def test_unknown_names_are_404(client: TestClient) -> None:
    assert client.post("/api/v1/tasks/no/import?name=l.csv", content=b"x", headers=as_("admin")).status_code == 404
    assert client.post(f"{API}/export?format=pdf", headers=as_("admin")).status_code == 404
    assert client.get(f"{API}/export?format=hf", headers=as_("admin")).status_code == 422
    assert send(client, b"key,label\n", name="l.csv", format="pdf").status_code == 422


def test_a_folder_goes_down_and_up_as_an_archive(client: TestClient, root: Path) -> None:
    send(client, b"key,label\nt0,a/b\nt1,dog\n", name="l.csv")
    started = client.post(f"{API}/export?format=hf", headers=as_("reviewer"))
    assert started.status_code == 202
    job = work(root)
    assert job.state == "done" and job.result["files"] == ["exports/main-hf.zip"] and job.result["answers"] == 2
    archive = client.get(f"/api/v1/jobs/{job.id}/files/0", headers=as_("reviewer")).content
    assert "main-hf/README.md" in zipfile.ZipFile(io.BytesIO(archive)).namelist()
    with ls.open(root) as project:
        project.undo("the reviewer", 2)
    assert known(root) == {}
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert sum("parquet" in name for name in opened.namelist()) == 1
    with ls.open(root) as project:
        project.label(["t0"], ["other"], by="the reviewer")
    taken = send(client, archive, name="main-hf.zip")
    assert taken.status_code == 202
    job = work(root)
    assert job.state == "done", job.result
    assert job.result["lost"] == 0 and job.result["added"] == 2 and left_behind(root) == []
    assert known(root) == {1: ("a/b",), 2: ("dog",)}


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return file.getvalue()


def test_archives_do_not_leave_their_folder(client: TestClient, root: Path) -> None:
    link = zipfile.ZipInfo("cat")
    link.external_attr = 0o120777 << 16
    for name in ("../up.png", "/etc/x.png", "a/../../x.png", "C:\\x.png", link):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, b"x")
        assert send(client, file.getvalue(), name="a.zip").status_code == 202
        job = work(root)
        assert job.state == "failed" and "leads out" in job.result["error"], name
    send(client, b"PK\x03\x04 nothing", name="a.zip")
    assert "no archive" in work(root).result["error"]
    assert left_behind(root) == []


@pytest.mark.parametrize(("files", "said"), [({}, "a.zip holds no file."), ({"cat/x.txt": b"x"}, "holds no pictures")])
def test_an_archive_without_a_picture_says_so(
    client: TestClient, root: Path, files: dict[str, bytes], said: str
) -> None:
    send(client, zipped(**files), name="a.zip", format="folders")
    error = work(root).result["error"]
    assert said in error and str(root) not in error and "cache" not in error


def test_an_archive_that_swells_is_refused(client: TestClient, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UNPACKED", 1000)
    send(client, zipped(**{"l.csv": b"x" * 2000}), name="a.zip")
    assert "unpacks to more than" in work(root).result["error"]


def test_nobody_imports_in_another_name(client: TestClient, root: Path) -> None:
    for id_ in ("../x", "0" * 32, "", "/etc"):
        job = client.post("/api/v1/jobs", json={"kind": "import", "args": {"upload": id_}}, headers=as_("reviewer"))
        assert job.status_code == 201
        done = work(root)
        assert done.state == "failed" and "not there any more" in done.result["error"]
    body = {"kind": "import", "args": {"upload": "x", "by": "ann"}}
    assert client.post("/api/v1/jobs", json=body, headers=as_("admin")).status_code == 422


def test_an_export_that_loses_says_so(client: TestClient, root: Path) -> None:
    send(client, json.dumps({"key": "t0", "label": "", "answer": "skip"}).encode(), name="l.jsonl")
    client.post(f"{API}/export?format=folders", headers=as_("reviewer"))
    job = work(root)
    assert job.state == "failed" and "skip: 1 (t0)" in job.result["error"] and "--allow-loss" in job.result["hint"]
    client.post(f"{API}/export?format=folders&allow_loss=true", headers=as_("reviewer"))
    assert work(root).result["lost"] == {"skip": {"count": 1, "first": "t0"}}
    found = client.get(f"{API}/formats", headers=as_("reviewer")).json()
    assert [one["name"] for one in found if not one["fits"]] == ["folders"]


def test_the_consensus_is_a_file_of_its_own(client: TestClient, root: Path) -> None:
    for who in ("admin", "reviewer"):
        sent = send(client, b"key,label\nt0,cat\nt1,dog\nt2,cat\n", who, name="l.csv")
        assert sent.json()["added"] == 3
    assert client.post(f"{API}/export?format=consensus", headers=as_("annotator")).status_code == 403
    job = client.post(f"{API}/export?format=consensus", headers=as_("reviewer")).json()
    done = work(root)
    assert (done.state, done.result["items"]) == ("done", 3)
    assert client.get(f"/api/v1/jobs/{job['id']}/files/0", headers=as_("annotator")).status_code == 403
    lines = client.get(f"/api/v1/jobs/{job['id']}/files/0", headers=as_("reviewer")).text.splitlines()
    assert lines[0] == "key,label,answers,probability,basis"
    assert [line.split(",")[:3] for line in lines[1:]] == [["t0", "cat", "2"], ["t1", "dog", "2"], ["t2", "cat", "2"]]


def test_files_of_an_export_are_for_those_who_may_start_one(client: TestClient, root: Path) -> None:
    send(client, b"key,label\nt0,cat\n", name="l.csv")
    client.post(f"{API}/export?format=parquet", headers=as_("reviewer"))
    job = work(root)
    for role, status in (("annotator", 403), ("viewer", 403), ("reviewer", 200)):
        assert client.get(f"/api/v1/jobs/{job.id}/files/0", headers=as_(role)).status_code == status

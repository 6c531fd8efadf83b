"""Jobs as a server does them: seen, cancelled, taken up again; killed workers and servers lose nothing."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import Server, serving, until

import labelsieve as ls
from labelsieve.store.shards import Shards

TEXTS = 16_000
AT_ONCE = 15.0  # seconds, on a busy machine too; what is cut short would go on for longer
WORDS = np.array([f"word{i}" for i in range(500)])


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of texts long enough that embedding them takes seconds."""
    rng = np.random.default_rng(0)
    rows = (" ".join(WORDS[rng.integers(0, 500, 40)]) for _ in range(TEXTS))
    path = tmp_path_factory.mktemp("texts") / "texts.csv"
    path.write_text("key,text\n" + "\n".join(f"k{i},{row}" for i, row in enumerate(rows)), encoding="utf-8")
    return path


@pytest.fixture
def server(tmp_path: Path, texts: Path) -> Iterator[Server]:
    ls.create(tmp_path / "p.sieve", texts, classes=["a", "b"], text="text", key="key").close()
    with serving(tmp_path / "p.sieve") as running:
        yield running


def job(server: Server, id_: int) -> dict[str, Any]:
    return next(one for one in server.ask("/jobs") if one["id"] == id_)


def ended(server: Server, id_: int, seconds: float = 240) -> dict[str, Any]:
    found: dict[str, Any] = until(lambda: (one := job(server, id_))["ended"] and one, seconds)
    return found


def going(server: Server, id_: int, done: int = 1) -> dict[str, Any]:
    """The job, once it has done so much."""
    found: dict[str, Any] = until(lambda: (one := job(server, id_))["ended"] or one["done"] >= done, 240) and job(
        server, id_
    )
    assert found["ended"] is None, found
    return found


def worker(server: Server, lane: str = "long") -> int:
    return next(one["pid"] for one in server.ask("/jobs/workers") if one["lane"] == lane)


def test_what_is_not_embedded_says_what_to_do_and_the_job_is_cancelled_resumed_and_survives(server: Server) -> None:
    """One long run, since embedding takes a while: every way in which it can be cut short."""
    found = until(lambda: (q := server.ask("/tasks/main/queue"))["state"] != "preparing" and q)
    assert (found["state"], found["remedy"]) == ("failed", "embed")
    assert "no embeddings yet" in found["note"]

    id_ = server.ask("/jobs", {"kind": "embed"})["id"]
    assert server.ask("/jobs", {"kind": "round"})["kind"] == "round"  # another lane goes on
    until(lambda: job(server, id_)["state"] == "running")
    began = time.monotonic()  # the engine learns from the pool now, and says nothing on its way
    server.ask(f"/jobs/{id_}/cancel", {})
    assert ended(server, id_)["state"] == "cancelled"
    assert time.monotonic() - began < AT_ONCE

    server.ask(f"/jobs/{id_}/resume", {})
    seen = going(server, id_, 2500)
    began = time.monotonic()
    server.ask(f"/jobs/{id_}/cancel", {})
    assert ended(server, id_)["state"] == "cancelled"
    assert time.monotonic() - began < AT_ONCE
    folder = next((server.root / "cache" / "embeddings").iterdir())
    kept = len(Shards(folder).ids)
    assert kept >= 2048

    server.ask(f"/jobs/{id_}/resume", {})
    seen = going(server, id_)
    assert seen["total"] <= TEXTS - kept  # only the rest
    os.kill(worker(server), signal.SIGKILL)
    until(lambda: job(server, id_)["result"].get("lost") == 1)
    going(server, id_)

    server.kill()
    server.start()
    assert ended(server, id_)["state"] == "done"
    assert len(Shards(folder).ids) == TEXTS
    ready = until(lambda: (q := server.ask("/tasks/main/queue"))["items"] and q)  # a round has begun by itself
    assert ready["remedy"] == ""


def small_project(home: Path) -> Path:
    np.save(home / "x.npy", np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32))
    ls.create(home / "p.sieve", home / "x.npy", classes=["a", "b"]).close()
    return home / "p.sieve"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For all tests that leave its workers alone."""
    with serving(small_project(tmp_path_factory.mktemp("small"))) as running:
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Server]:
    """For a test that kills a worker: who dies again and again waits longer and longer."""
    with serving(small_project(tmp_path)) as running:
        yield running


def test_files_that_a_job_wrote_can_be_fetched(small: Server) -> None:
    done = ended(small, small.ask("/jobs", {"kind": "export"})["id"])
    assert done["result"]["files"] == ["exports/main-labels.csv"]
    with small.raw(f"/jobs/{done['id']}/files/0") as answer:
        assert answer.read().startswith(b"key,label,")
    assert small.refused(f"/jobs/{done['id']}/files/1")[0] == 404
    with sqlite3.connect(small.root / "labels.sqlite") as conn:  # a path that leads elsewhere is never sent
        conn.execute('UPDATE jobs SET result = \'{"files": ["labels.sqlite"]}\' WHERE id = ?', (done["id"],))
    assert small.refused(f"/jobs/{done['id']}/files/0")[0] == 404


def test_a_job_that_fails_says_why(small: Server) -> None:
    failed = ended(small, small.ask("/jobs", {"kind": "fit"})["id"])
    assert failed["state"] == "failed"
    assert failed["result"]["error"]
    assert failed["result"]["hint"]
    assert small.refused(f"/jobs/{failed['id']}/cancel", {})[0] == 409
    assert small.refused("/jobs/99999/resume", {})[0] == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "no such kind"}, 404),
        ({"kind": "embed", "args": {"shell": "rm"}}, 422),
        ({"kind": "embed", "args": {"engine": 5}}, 422),
        ({"kind": "embed", "args": {"engine": "x" * 5000}}, 422),
        ({"kind": "embed", "task": "nowhere"}, 404),
    ],
)
def test_jobs_that_cannot_be_started_are_refused(small: Server, body: dict[str, Any], status: int) -> None:
    code, said = small.refused("/jobs", body)
    assert code == status
    assert said["detail"]


def test_two_servers_have_one_worker_a_lane(fresh: Server) -> None:
    with serving(fresh.root) as other:
        until(lambda: all(one["alive"] for one in other.ask("/jobs/workers")))
        ids = [server.ask("/jobs", {"kind": "export"})["id"] for server in (fresh, other)]
        assert [ended(fresh, id_)["state"] for id_ in ids] == ["done"] * len(ids)
        os.kill(worker(fresh), signal.SIGKILL)  # then the other's takes over, or its successor does
        assert ended(other, other.ask("/jobs", {"kind": "report"})["id"])["state"] == "done"


def test_a_worker_that_does_not_start_is_told(fresh: Server) -> None:
    lock = fresh.root / "cache" / "worker-long.lock"
    until(lock.exists)
    lock.unlink()
    lock.mkdir()
    os.kill(worker(fresh), signal.SIGKILL)
    said = until(lambda: next((o["trouble"] for o in fresh.ask("/jobs/workers") if "Error" in o["trouble"]), ""))
    assert "worker-long.lock" in said
    lock.rmdir()
    assert ended(fresh, fresh.ask("/jobs", {"kind": "export"})["id"])["state"] == "done"

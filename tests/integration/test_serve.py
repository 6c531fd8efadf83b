"""labelsieve serve as a user runs it: a process that is killed, started again, and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import Server, serving, until

import labelsieve as ls
from labelsieve.api.lanes import Workers
from labelsieve.core.errors import ProjectError
from labelsieve.project import events
from labelsieve.testing import toy_classes

TOY = toy_classes(600, 8, 3)


def queue(server: Server, n: int = 20) -> list[dict[str, Any]]:
    """Items to label, as soon as there are any."""

    def found() -> Any:
        answer = server.ask(f"/tasks/main/queue?n={n}")
        return answer if answer["items"] or answer["state"] != "preparing" else None

    return list(until(found)["items"])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    np.save(tmp_path / "x.npy", TOY.x)
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=list(TOY.classes)).close()
    with serving(tmp_path / "p.sieve") as running:
        yield running


def answer_to(item: dict[str, Any]) -> dict[str, Any]:
    value = {"tag": "class", "names": [TOY.classes[TOY.y[int(item["key"])]]]}
    return {"id": str(uuid.uuid4()), "item": item["item"], "value": value, "query": item["query"], "seconds": 0.5}


def test_one_line_when_it_is_ready_and_status_like_the_command(server: Server) -> None:
    assert server.line.startswith("labelsieve serves ")
    assert "?token=T" in server.line
    queue(server, 1)  # the first query is chosen by now
    command = [sys.executable, "-m", "labelsieve.cli.main", "status", str(server.root), "--json"]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    served = server.ask("/status")
    assert {**served, "project": ""} == {**printed, "project": ""}
    assert server.stop() == 0


def test_killed_again_and_again_it_loses_and_doubles_nothing(server: Server) -> None:
    sent: dict[str, dict[str, Any]] = {}
    unsure: list[dict[str, Any]] = []  # sent to a server that was killed meanwhile: the client sends them first
    for _ in range(4):
        if unsure:
            server.ask("/tasks/main/labels", {"labels": unsure})
        for item in queue(server, 12):
            one = answer_to(item)
            sent[one["id"]] = one
            server.ask("/tasks/main/labels", {"labels": [one]})
        last = answer_to(queue(server, 1)[0])
        sent[last["id"]] = last
        server.process.send_signal(signal.SIGKILL)  # and is not waited for: the answer is on its way meanwhile
        with suppress(OSError, urllib.error.URLError):
            server.ask("/tasks/main/labels", {"labels": [last]})
        unsure = [last]
        server.process.wait()
        server.start()
    server.ask("/tasks/main/labels", {"labels": unsure})
    with ls.open(server.root) as p:
        history = list(events.history(p.context.conn, "main"))
    assert {label.id for label in history} == set(sent)
    assert len(history) == len(sent)
    assert len({label.item for label in history}) == len(sent)


def test_the_head_learns_by_itself(server: Server) -> None:
    for _ in range(4):
        labels = [answer_to(item) for item in queue(server, 20)]
        server.ask("/tasks/main/labels", {"labels": labels})
    until(lambda: server.ask("/status")["fit"] and any(card["guess"] for card in queue(server, 5)))
    guesses = [card["guess"] for card in queue(server, 5) if card["purpose"] == "search"]
    assert guesses
    assert all(guess["name"] in TOY.classes and 0 <= guess["p"] <= 1 for guess in guesses)


def test_the_workers_end_with_the_server(server: Server) -> None:
    queue(server, 1)
    workers = [int(pid) for pid in children(server.process.pid)]
    assert len(workers) == 2
    server.kill()
    until(lambda: not any(alive(pid) for pid in workers), 20)


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_it_ends_at_once_and_quietly_while_somebody_follows(server: Server) -> None:
    with server.raw("/events") as news:
        assert news.readline().startswith(b"data: ")
        assert server.stop() == 0
    assert not {"ERROR:", "Traceback", "Cancel"} & set(server.errors().split())


def test_a_taken_port_is_said(server: Server) -> None:
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "labelsieve.cli.main", "serve", str(server.root), "--no-browser", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port 0" in done.stderr


def test_a_project_that_cannot_be_written_is_not_served(tmp_path: Path) -> None:
    jobs = tmp_path / "cache" / "jobs"
    jobs.parent.mkdir()
    jobs.write_text("no folder")
    with pytest.raises(ProjectError, match="serve a project whose folder can be written"), Workers(tmp_path):
        pass

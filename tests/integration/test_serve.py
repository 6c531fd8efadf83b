"""labelsieve serve as a user runs it: a process that is killed, started again, and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.project import events
from labelsieve.testing import toy_classes

TOY = toy_classes(600, 8, 3)


class Server:
    """A server process, and requests to it."""

    def __init__(self, root: Path, *options: str) -> None:
        self.root, self.options = root, options
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "labelsieve.cli.main", "serve", str(self.root), "--no-browser", *self.options]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--token", "T"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()
        self.url = self.line.split(" at ")[-1].partition("/?")[0]

    def ask(self, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": "Bearer T", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=30) as answer:
            return json.loads(answer.read() or b"null")

    def queue(self, n: int = 20) -> list[dict[str, Any]]:
        """Items to label, as soon as there are any."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self.ask(f"/api/v1/tasks/main/queue?n={n}")
            if found["items"] or found["state"] not in ("preparing",):
                return list(found["items"])
            time.sleep(0.05)
        raise AssertionError("nothing was chosen in 60 s")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    np.save(tmp_path / "x.npy", TOY.x)
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=list(TOY.classes)).close()
    running = Server(tmp_path / "p.sieve")
    yield running
    if running.process.poll() is None:
        running.kill()


def answer_to(item: dict[str, Any]) -> dict[str, Any]:
    value = {"tag": "class", "names": [TOY.classes[TOY.y[int(item["key"])]]]}
    return {"id": str(uuid.uuid4()), "item": item["item"], "value": value, "query": item["query"], "seconds": 0.5}


def test_one_line_when_it_is_ready_and_status_like_the_command(server: Server) -> None:
    assert server.line.startswith("labelsieve serves ")
    assert "?token=T" in server.line
    server.queue(1)  # the first query is chosen by now
    command = [sys.executable, "-m", "labelsieve.cli.main", "status", str(server.root), "--json"]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    served = server.ask("/api/v1/status")
    assert {**served, "project": ""} == {**printed, "project": ""}
    assert server.stop() == 0


def test_killed_again_and_again_it_loses_and_doubles_nothing(server: Server) -> None:
    sent: dict[str, dict[str, Any]] = {}
    unsure: list[dict[str, Any]] = []  # sent to a server that was killed meanwhile: the client sends them first
    for _ in range(4):
        if unsure:
            server.ask("/api/v1/tasks/main/labels", {"labels": unsure})
        for item in server.queue(12):
            one = answer_to(item)
            sent[one["id"]] = one
            server.ask("/api/v1/tasks/main/labels", {"labels": [one]})
        last = answer_to(server.queue(1)[0])
        sent[last["id"]] = last
        server.process.send_signal(signal.SIGKILL)
        with suppress(OSError, urllib.error.URLError):
            server.ask("/api/v1/tasks/main/labels", {"labels": [last]})
        unsure = [last]
        server.process.wait()
        server.start()
    server.ask("/api/v1/tasks/main/labels", {"labels": unsure})
    with ls.open(server.root) as p:
        history = list(events.history(p.context.conn, "main"))
    assert {label.id for label in history} == set(sent)
    assert len(history) == len(sent)
    assert len({label.item for label in history}) == len(sent)


def test_the_head_learns_by_itself(server: Server) -> None:
    for _ in range(4):
        labels = [answer_to(item) for item in server.queue(20)]
        server.ask("/api/v1/tasks/main/labels", {"labels": labels})
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cards = server.queue(5)
        if server.ask("/api/v1/status")["fit"] and any(card["guess"] for card in cards):
            break
        time.sleep(0.1)
    guesses = [card["guess"] for card in server.queue(5) if card["purpose"] == "search"]
    assert guesses
    assert all(guess["name"] in TOY.classes and 0 <= guess["p"] <= 1 for guess in guesses)


def test_the_workers_end_with_the_server(server: Server) -> None:
    server.queue(1)
    workers = [int(pid) for pid in children(server.process.pid)]
    assert len(workers) == 2
    server.kill()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(alive(pid) for pid in workers)


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_taken_port_is_said(server: Server) -> None:
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "labelsieve.cli.main", "serve", str(server.root), "--no-browser", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "--port 0" in done.stderr

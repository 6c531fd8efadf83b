"""The server: one process for requests, and a worker process for each lane of jobs that it starts and restarts.

serve(root, Listening(...), said)      until it is stopped
"""

import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import uvicorn

from labelsieve.api.application import build
from labelsieve.api.guarding import Door, SingleUser
from labelsieve.core.errors import InputError
from labelsieve.project.desk.refilling import refill
from labelsieve.project.facade import open as open_project
from labelsieve.project.jobs.table import Lane

LOOPBACK = ("127.0.0.1", "localhost", "::1")
RESTART = 2.0  # seconds before a worker that died is started again


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server listens, and for whom. Port 0 takes a free one; no token makes one."""

    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""
    user: str = "me"
    names: tuple[str, ...] = ()  # further host names under which the server is reached


def serve(root: Path, listening: Listening, ready: Callable[[str], None]) -> None:
    """Serves a project until SIGINT or SIGTERM. `ready` gets the URL to open once requests are answered.

    InputError where the port is taken, ProjectError where the folder is no project.
    """
    with open_project(root) as project:
        refill(project.context)  # the first query is chosen while the browser starts
    listener = _bound(listening)
    port = listener.getsockname()[1]
    token = listening.token or secrets.token_urlsafe(24)
    hosts = frozenset({*LOOPBACK, listening.host.strip("[]"), *listening.names})
    door = Door(SingleUser(token, listening.user), hosts, f"labelsieve_session_{port}")
    shown = f"[{listening.host}]" if ":" in listening.host else listening.host
    config = uvicorn.Config(
        build(root, door), log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False
    )
    server = _Server(config, lambda: ready(f"http://{shown}:{port}/?token={token}"))
    with Workers(root):
        server.run([listener])


def _bound(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((listening.host.strip("[]"), listening.port))
    except OSError as error:
        listener.close()
        fact = f"port {listening.port} of {listening.host} cannot be listened on: {error.strerror}."
        raise InputError(fact, "--port 0 takes a free one.") from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn, telling when requests are answered."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


class Workers:
    """A worker process a lane, started again where it dies. They end by themselves when this process does."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stopping = threading.Event()
        self._running: dict[Lane, subprocess.Popen[bytes]] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Workers":
        for lane in get_args(Lane):
            self._start(lane)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, lane: Lane) -> None:
        command = [sys.executable, "-m", "labelsieve.project.jobs.worker", str(self._root), lane]
        self._running[lane] = subprocess.Popen(command, stdin=subprocess.DEVNULL)

    def _watch(self) -> None:
        while not self._stopping.wait(RESTART):
            for lane, process in list(self._running.items()):
                if process.poll() is not None and not self._stopping.is_set():
                    self._start(lane)

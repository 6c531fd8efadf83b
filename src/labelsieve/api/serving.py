"""The server: one process for requests, and a worker process for each lane of jobs that it starts and restarts.

serve(root, Listening(...), said)      until it is stopped
"""

import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from labelsieve.api.application import build
from labelsieve.api.guarding import Door, SingleUser
from labelsieve.api.lanes import Workers
from labelsieve.core.errors import InputError
from labelsieve.project.desk.refilling import refill
from labelsieve.project.facade import open as open_project

LOOPBACK = ("127.0.0.1", "localhost", "::1")


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
    app = build(root, door)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False
    )
    server = _Server(config, lambda: ready(f"http://{shown}:{port}/?token={token}"))
    with Workers(root) as workers:
        app.state.workers = workers
        with suppress(KeyboardInterrupt):  # Ctrl-C is how a server ends
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

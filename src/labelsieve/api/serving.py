"""The server: one process for requests, and a worker process for each lane of jobs that it starts and restarts.

serve(root, Listening(...), said)      until it is stopped
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import uvicorn

from labelsieve.api.application import build
from labelsieve.api.guarding import Door, SingleUser
from labelsieve.api.lanes import Workers
from labelsieve.api.signing import LOOPBACK, identity_for
from labelsieve.core.errors import InputError
from labelsieve.project.desk.refilling import refill
from labelsieve.project.facade import open as open_project


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server listens, and for whom. Port 0 takes a free one; no token makes one."""

    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""
    user: str = "me"
    names: tuple[str, ...] = ()  # further host names under which the server is reached
    tls: tuple[str, str] | None = None  # files of the certificate chain and of its key


def serve(root: Path, listening: Listening, ready: Callable[[str], None]) -> None:
    """Serves a project until SIGINT or SIGTERM. `ready` gets the URL to open once requests are answered.

    InputError where the port is taken, or others could reach a project that has no people with passwords;
    ProjectError where the folder is no project.
    """
    _check_tls(listening)
    with open_project(root) as project:
        identity = identity_for(root, listening.host, listening.token, listening.user)
        refill(project.context)  # the first query is chosen while the browser starts
    listener = _bound(listening)
    port = listener.getsockname()[1]
    hosts = frozenset({*LOOPBACK, listening.host.strip("[]"), *listening.names, *_own_name(listening)})
    door = Door(identity, hosts, f"labelsieve_session_{port}", secure=listening.tls is not None)
    app = build(root, door)
    chain, key = listening.tls or (None, None)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=2, server_header=False,
        ssl_certfile=chain, ssl_keyfile=key,
    )  # fmt: skip
    token = f"?token={quote(identity.token, safe='')}" if isinstance(identity, SingleUser) else ""
    server = _Server(config, lambda: ready(f"{_address(listening, port)}/{token}"))
    with Workers(root) as workers:
        app.state.workers, app.state.ending = workers, lambda: server.should_exit
        with suppress(KeyboardInterrupt):  # Ctrl-C is how a server ends
            server.run([listener])


def _own_name(listening: Listening) -> tuple[str, ...]:
    """This machine's name, where others may come in by it."""
    return () if listening.host.strip("[]") in LOOPBACK else (socket.gethostname().lower(),)


def _address(listening: Listening, port: int) -> str:
    """The address to open; where the server listens everywhere, by the first name under which it is reached."""
    host = listening.host.strip("[]")
    if host in ("0.0.0.0", "::"):
        host = (*listening.names, socket.gethostname())[0]
    return f"{'https' if listening.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _check_tls(listening: Listening) -> None:
    """InputError where the files for TLS cannot be used."""
    if listening.tls is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*listening.tls)
    except OSError as error:  # ssl.SSLError is one
        fact = f"{' and '.join(listening.tls)} cannot be used for TLS: {error.strerror or error}."
        raise InputError(fact, "give PEM files: --tls-cert the chain, --tls-key the key without a password.") from error


def _bound(listening: Listening) -> socket.socket:
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, so that asyncio sends at once
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

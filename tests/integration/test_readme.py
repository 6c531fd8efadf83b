"""The blocks of the README run, as they are written, in the order that they stand in."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from labelsieve.testing import toy_odd, write_digits

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("readme")
    write_digits(folder / "signs", count=300)
    words = {"lost": "my card is lost or stolen", "fee": "why was I charged a fee"}
    rows = [(i, name, f"{words[name]} number {i}") for i in range(60) for name in words]
    lines = [f"{2 * i + (name == 'fee')},{text}" for i, name, text in rows]
    (folder / "tickets.csv").write_text("number,text\n" + "\n".join(lines) + "\n")
    labels = [f"{2 * i + (name == 'fee')},{name}" for i, name, _ in rows[:60]]
    (folder / "labels.csv").write_text("key,label\n" + "\n".join(labels) + "\n")
    write_digits(folder / "scans", count=60)
    scans = [path.relative_to(folder / "scans").as_posix() for path in sorted((folder / "scans").rglob("*.png"))]
    pairs = [f"{name},p{at // 3}" for at, name in enumerate(scans)]
    (folder / "scans" / "metadata.csv").write_text("file,patientid\n" + "\n".join(pairs) + "\n")
    toy = toy_odd(400, odd=20)
    np.save(folder / "embeddings.npy", toy.x)
    np.savez(folder / "donors.npz", X=toy.x, y=toy.y)
    return folder


def _fill(place: Path) -> None:
    """Play the person who fills in query.csv: the folder of a picture is its label."""
    path = place / "query.csv"
    header, *rows = path.read_text().splitlines()
    assert header.startswith("key,label,")
    filled = [f"{row.partition(',')[0]},{row.partition('/')[0]},{row.split(',', 2)[2]}" for row in rows]
    path.write_text("\n".join([header, *filled]) + "\n")


def _answer(place: Path) -> None:
    """Play the curator who fills in next.csv."""
    path = place / "next.csv"
    header, *rows = path.read_text().splitlines()
    assert header.startswith("key,label,")
    classes = ("plain", "odd")
    filled = [f"{key},{classes[at % 2]},{rest}" for at, (key, _, rest) in enumerate(row.split(",", 2) for row in rows)]
    path.write_text("\n".join([header, *filled]) + "\n")


def test_shell_blocks_run(place: Path) -> None:
    blocks = _blocks("sh")
    assert len(blocks) == 6
    for block in blocks:
        for line in block.splitlines():
            done = subprocess.run(f"{BIN}/{line}", shell=True, cwd=place, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            if "--out query.csv" in line:
                _fill(place)
            if "--out next.csv" in line:
                _answer(place)
    for name in ("kept.csv", "more.csv", "report.html", "out.csv", "predictions.csv", "head/head.onnx", "out.json"):
        assert (place / name).stat().st_size > 0


def test_python_blocks_run(place: Path) -> None:
    code = "\n".join(_blocks("python"))
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "10" in done.stdout


@pytest.mark.parametrize("page", ["tutorials/python.md", "how-to/write-a-plugin.md"])
def test_python_blocks_of_the_pages_run(place: Path, page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
    (tmp_path / "tickets.csv").write_bytes((place / "tickets.csv").read_bytes())
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_short_names_in_the_pages_are_those_of_the_code() -> None:
    from labelsieve.engines.short_names import SHORT_NAMES

    page = (ROOT / "docs" / "how-to" / "choose-an-engine.md").read_text(encoding="utf-8")
    assert [name for name, short in SHORT_NAMES.items() if name not in page or short.hub_id not in page] == []


def test_the_commands_named_in_the_pages_exist() -> None:
    import typer

    from labelsieve.cli.main import app

    verbs = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"(?:^|`)labelsieve ([a-z]+(?:-[a-z]+)*)\b(?!-)(?! [a-z]+ [a-z]+ )", text, re.M)
        assert set(named) <= verbs, f"{page.name}: {set(named) - verbs}"

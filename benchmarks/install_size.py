"""Bytes of a base install without bytecode, pip and setuptools (to reach: 620 MB). -> results/install_size.json"""

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = Path(__file__).parent / "results" / "install_size.json"
LEFT_OUT = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        command = [python, "-m", "pip", "install", "-q", "--no-compile", "-c", ROOT / "constraints.txt", ROOT]
        subprocess.run(command, check=True)
        (site,) = (Path(folder) / "lib").glob("python*/site-packages")
        sizes = {entry.name: _size(entry) for entry in site.iterdir() if entry.name.partition("-")[0] not in LEFT_OUT}
    total = sum(sizes.values())
    largest = dict(sorted(sizes.items(), key=lambda pair: -pair[1])[:15])
    found = {"python": sys.version.split()[0], "bytes": total, "megabytes": round(total / 1e6, 1), "largest": largest}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def _size(entry: Path) -> int:
    files = entry.rglob("*") if entry.is_dir() else [entry]
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


if __name__ == "__main__":
    main()

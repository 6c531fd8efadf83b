"""`import labelsieve` is light; its public names are frozen; the floors hold."""

import subprocess
import sys
import tomllib
from pathlib import Path
from pkgutil import walk_packages

import numpy as np
import pytest

import labelsieve

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "sklearn", "scipy", "PIL", "pyarrow", "pandas", "onnxruntime", "onnx", "tokenizers")
PUBLIC = {
    "Cost",
    "EngineError",
    "Goal",
    "Guarantee",
    "InputError",
    "Interval",
    "Item",
    "Label",
    "Labels",
    "LabelsieveError",
    "Mining",
    "MissingExtra",
    "NotEnoughLabels",
    "PoolExhausted",
    "Project",
    "ProjectError",
    "Query",
    "Round",
    "ShapeError",
    "Stratum",
    "Task",
    "UnknownName",
    "Value",
    "__version__",
    "audit_plan",
    "badge",
    "coreset",
    "create",
    "disagreements",
    "entropy",
    "facility_location",
    "hard_negatives",
    "kcenter",
    "least_confident",
    "looks",
    "margin",
    "near_duplicates",
    "open",
    "restore",
    "query",
    "recall_bound",
    "rest_bound",
    "reviewed_recall_bound",
    "reviewer_bound",
    "sensitivity_bound",
    "spiked_bound",
    "typiclust",
    "verify_claim",
}


def _names_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint()\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def _loaded_after(code: str) -> set[str]:
    return {name.partition(".")[0] for name in _names_after(code)}


@pytest.mark.parametrize("code", ["import labelsieve", "import labelsieve.cli.main"])
def test_import_loads_nothing_heavy(code: str) -> None:
    assert _loaded_after(code) & set(HEAVY) == set()


def test_no_module_of_a_project_or_of_a_door_loads_a_runtime_of_models() -> None:
    rooms = ("project", "api", "cli")
    found = [
        module.name
        for room in rooms
        for module in walk_packages([str(ROOT / "src" / "labelsieve" / room)], f"labelsieve.{room}.")
    ]
    assert len(found) > 200
    loaded = _loaded_after(f"import {', '.join(found)}")
    assert loaded & {"torch", "transformers", "onnxruntime", "onnx", "sklearn", "scipy", "pandas"} == set()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 40 embeddings, of which 4 are labelled."""
    home = tmp_path_factory.mktemp("start")
    np.save(home / "items.npy", np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32))
    with labelsieve.create(home / "p.sieve", home / "items.npy") as made:
        made.label([1, 2, 3, 4], ["a", "b", "a", "b"], by="me")
    return home / "p.sieve"


PARTS_OF_OTHERS = {"PIL", "faiss", "fastapi", "pyarrow", "tokenizers", "scipy", "sklearn", "onnxruntime", "http", "ssl"}
NOTHING_YET = PARTS_OF_OTHERS | {"numpy", "pydantic", "rich", "sqlite3", "tomlkit"}


@pytest.mark.parametrize(
    ("words", "own", "never"),
    [
        ("--version", 6, NOTHING_YET),
        ("backup", 60, PARTS_OF_OTHERS),
        ("budget", 100, PARTS_OF_OTHERS),
        ("status", 125, PARTS_OF_OTHERS),
        ("fit --json", 145, PARTS_OF_OTHERS - {"scipy"}),
    ],
)
def test_a_command_loads_what_it_uses(project: Path, words: str, own: int, never: set[str]) -> None:
    """At most `own` modules of ours, of 430, and nothing of `never`: everybody waits for what a command loads."""
    command = words.split() if words == "--version" else [*words.split(), str(project)]
    run = f"try:\n    main({command})\nexcept SystemExit as end:\n    assert not end.code"
    names = _names_after(f"from labelsieve.cli.main import main\n{run}")
    assert {name.partition(".")[0] for name in names} & never == set()
    assert len([name for name in names if name.startswith("labelsieve.")]) <= own


def test_a_worker_that_waits_for_jobs_loads_no_job() -> None:
    names = _names_after("import labelsieve.project.jobs.worker")
    assert {name.partition(".")[0] for name in names} & (PARTS_OF_OTHERS | {"pydantic", "rich", "typer"}) == set()
    assert len([name for name in names if name.startswith("labelsieve.")]) <= 60


def test_arrays_need_no_project() -> None:
    assert (
        _loaded_after("import labelsieve as ls; ls.margin, ls.Label") & {"torch", "PIL", "pyarrow", "sqlite3"} == set()
    )


def test_public_names_are_frozen() -> None:
    assert set(labelsieve.__all__) == PUBLIC


def test_every_public_name_is_there() -> None:
    assert [name for name in labelsieve.__all__ if getattr(labelsieve, name, None) is None] == []


def test_version_is_stated_once_more_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == labelsieve.__version__


def test_floors_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout

"""`import labelsieve` is light; its public names are frozen; the floors hold."""

import subprocess
import sys
import tomllib
from pathlib import Path

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


def _loaded_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize("code", ["import labelsieve", "import labelsieve.cli.main"])
def test_import_loads_nothing_heavy(code: str) -> None:
    assert _loaded_after(code) & set(HEAVY) == set()


def test_a_command_that_opens_no_model_loads_no_runtime_of_models() -> None:
    loaded = _loaded_after("import labelsieve.project.facade, labelsieve.api.application")
    assert loaded & {"torch", "transformers", "onnxruntime", "onnx", "sklearn", "scipy", "pandas"} == set()


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

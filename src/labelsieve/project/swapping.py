"""The precious files of a project give way to others, so that a kill at any point leaves the old ones whole or the new.

    decide(stage, root)       from here on the files of `stage` are those of the project
    finish(root) -> dict      puts them in their places; after a kill it goes on where it was
    require_settled(root)     ProjectError between the two: nobody opens half of each
    asides(root)              where what stood there is kept

What a project needs lies complete in one folder before that folder gets the name RESTORING, by one rename. From then
on nothing is decided any more: files are moved, each by one rename, and the ones that were moved are not moved again.
"""

import json
from pathlib import Path
from typing import Any

from labelsieve.core.errors import ProjectError
from labelsieve.project.trimming import Known, trim
from labelsieve.store.placing import settle_names

LEDGER, SETTINGS = "labels.sqlite", "labelsieve.toml"
BESIDE = tuple(f"{LEDGER}-{end}" for end in ("wal", "shm", "journal"))  # what SQLite keeps beside a database
RESTORING = ".restoring"  # stands in a project while its files are swapped
PLAN = "restored.json"
ASIDE = "replaced"


def asides(root: Path) -> Path:
    """The folder that keeps what was replaced."""
    return root / ASIDE


def require_settled(root: Path) -> None:
    """ProjectError where a restore is under way, or was cut short; it says how to go on."""
    if not (root / RESTORING).exists():
        return
    backup = read_plan(root).get("backup", "BACKUP")
    raise ProjectError(
        f"{root} is being restored, or that was cut short.",
        f"nothing is lost: labelsieve restore {backup} {root} finishes it.",
    )


def read_plan(root: Path) -> dict[str, Any]:
    """What was decided; empty where nothing was, or where it cannot be read."""
    try:
        return dict(json.loads((root / RESTORING / PLAN).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def decide(stage: Path, root: Path) -> None:
    """One rename: before it the old files are those of the project, after it the ones in `stage`."""
    settle_names(stage)
    stage.rename(root / RESTORING)
    settle_names(root)


def finish(root: Path) -> dict[str, Any]:
    """What was decided, done. ProjectError where the disk refuses; the same again goes on."""
    stage, plan = root / RESTORING, read_plan(root)
    if "aside" not in plan:
        raise ProjectError(
            f"{stage} holds no {PLAN} that can be read.", f"see what is in it, then move it out of {root}."
        )
    aside = asides(root) / str(plan["aside"])
    try:
        aside.mkdir(parents=True, exist_ok=True)
        for name in BESIDE:  # nobody has opened the new ledger yet: they are the old one's
            _move(root / name, aside / name)
        for name in (LEDGER, SETTINGS):
            if (stage / name).exists():
                _move(root / name, aside / name)
                (stage / name).rename(root / name)
        trim(root / "cache", aside / "cache", Known(**plan["known"]), bool(plan["same_items"]))
        for folder in (stage, aside, root):
            settle_names(folder)
        stage.rename(aside / "restored")
        settle_names(root)
    except OSError as error:
        fact = f"{root} cannot be restored: {error.strerror or error}."
        raise ProjectError(fact, "check permissions and free space, then the same again: it goes on.") from error
    return plan


def _move(path: Path, target: Path) -> None:
    if path.exists():
        path.rename(target)

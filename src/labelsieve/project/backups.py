"""Backups of the two precious files.

    backup(root) -> Path                      backups/<time>/ with labels.sqlite and labelsieve.toml
    listed(root) -> list[Path]                oldest first, those before migrations among them

One is put back by project/restoring.py.
"""

import shutil
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from labelsieve.core.errors import ProjectError
from labelsieve.project.database import backed_up, connect
from labelsieve.project.swapping import LEDGER, SETTINGS
from labelsieve.store.placing import settle, settle_names, temporary

FOLDER = "backups"
STAMP = "%Y%m%dT%H%M%S.%f"  # the name of a backup: when it was made


def backup(root: Path) -> Path:
    """The new folder with a copy of both files, whole also while others write. It has its name only when complete.

    ProjectError where the disk is full or may not be written; then nothing of it is left behind.
    """
    stamp = datetime.now(UTC).strftime(STAMP)
    target = root / FOLDER / stamp
    partial = temporary(target.parent, "backup")
    try:
        partial.mkdir(parents=True)
        with closing(connect(root / LEDGER)) as conn:
            backed_up(conn, partial / LEDGER)
        if (root / SETTINGS).is_file():
            shutil.copyfile(root / SETTINGS, partial / SETTINGS)
            settle(partial / SETTINGS)
        settle_names(partial)
        partial.rename(target)
        settle_names(target.parent)
    except OSError as error:
        fact = f"{target} cannot be written: {error.strerror}."
        raise ProjectError(fact, "check the permissions of the folder and the free disk space.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def listed(root: Path) -> list[Path]:
    """Backups there are, oldest first: folders, and single databases made before a migration."""
    folder = root / FOLDER
    found = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

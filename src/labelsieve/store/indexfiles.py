"""The files of an index: whole or not there, and never read when their bytes are not those that were written.

    index.json                    what the index is: engine, view, recall, parts; with a checksum of its own
    rows-5f2c...e1.faiss          rows or their codes; the name holds a digest of all bytes
    ids-...npy, trained-...faiss, gone-...npy
    checked.json                  which files were hashed (store/stamps.py)

A file is written under a temporary name, synced, and renamed; index.json is replaced last. A file is hashed again
whenever its size, its times or its inode have changed since it was hashed (docs/decisions/0006-index.md).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from labelsieve.core.errors import InputError, ProjectError
from labelsieve.store.placing import placed, settle, settle_names, sweep
from labelsieve.store.stamps import STAMPS, Stamps

MANIFEST = "index.json"
REBUILD = "labelsieve index PROJECT --rebuild makes it again (labels are not affected)."
CHUNK = 1 << 22

Metric = Literal["cosine", "l2"]


class DamagedIndex(ProjectError):
    """The bytes of an index are not those that were written, or some are missing."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"the index {folder} is damaged: {why}.", REBUILD)


@dataclass(frozen=True, slots=True)
class About:
    """What the rows of an index are: which engine gave them, in which view they are, and how likeness is told."""

    engine: str
    view: str = "unit"
    metric: Metric = "cosine"
    notes: Mapping[str, Any] = field(default_factory=dict)  # plain data that is kept beside


@dataclass(frozen=True, slots=True)
class PartFiles:
    """One part of an index: its rows and their ids, as file names, and how many there are."""

    rows: str
    ids: str
    n: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that index.json says. `recall` was measured on `held_out` rows when the index was built."""

    engine: str
    view: str
    metric: Metric
    dim: int
    cells: int = 0  # inverted lists; 0 where every row is compared
    visits: int = 0  # of them read for one query
    recall: float = 1.0  # share of the true `recall_k` nearest that a search finds
    recall_k: int = 0
    held_out: int = 0
    pool: str = ""  # digest of the ids
    built: int = 0  # rows when it was built; those since then were added
    seconds: float = 0.0
    trained: str = ""
    gone: str = ""
    parts: tuple[PartFiles, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def items(self) -> int:
        """Rows of all parts, removed ones too until parts are merged."""
        return sum(part.n for part in self.parts)

    @property
    def files(self) -> list[str]:
        """The names of all files that belong to it."""
        names = [name for part in self.parts for name in (part.rows, part.ids)]
        return [*names, *(name for name in (self.trained, self.gone) if name)]

    @property
    def mark(self) -> str:
        """32 hex digits over all of it: another index, or another state of this one, has another."""
        return _mark(json.loads(json.dumps(asdict(self))))

    def require(self, about: About) -> None:
        """InputError where this index was made of other rows."""
        for what in ("engine", "view", "metric"):
            mine, other = getattr(self, what), getattr(about, what)
            if mine != other:
                raise InputError(f"the index was made with {what} {mine!r}; these rows have {what} {other!r}.", REBUILD)


def read_facts(folder: Path) -> Facts:
    """What the index of that folder is. ProjectError where there is none, DamagedIndex where it cannot be trusted."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ProjectError(f"there is no index in {folder}.", "labelsieve index PROJECT makes one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedIndex(folder, f"{MANIFEST} cannot be read ({error})") from error
    try:
        values = json.loads(text)
        checksum = values.pop("checksum")
        if checksum != _mark(values):
            raise ValueError("its checksum does not match")
        parts = tuple(PartFiles(**part) for part in values.pop("parts"))
        return Facts(**values, parts=parts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedIndex(folder, f"{MANIFEST} is not as it was written ({error})") from error


def commit(folder: Path, facts: Facts, *before: Facts) -> Facts:
    """Makes `facts` what the index is, then removes the files of `before` that are not needed any more.

    ProjectError, and nothing is changed, where another process has removed files that `facts` needs.
    """
    for name in facts.files:
        if not (folder / name).exists():
            raise ProjectError(
                f"another process has changed the index {folder} meanwhile: {name} is gone.", "once more."
            )
    values = json.loads(json.dumps(asdict(facts)))
    values["checksum"] = _mark(values)

    def write(path: Path) -> None:
        path.write_text(json.dumps(values, indent=1), encoding="utf-8")

    _placed(folder, write, lambda _: MANIFEST)
    for name in {name for one in before for name in one.files} - set(facts.files):
        (folder / name).unlink(missing_ok=True)
    sweep(folder, lambda _: True, {*facts.files, MANIFEST, STAMPS})
    return facts


def kept(folder: Path, stem: str, suffix: str, write: Callable[[Path], None]) -> str:
    """The name stem-digest.suffix of a new file that `write` fills. ProjectError where the disk does not take it."""
    return _placed(folder, write, lambda path: f"{stem}-{digest_of(path)}{suffix}")


def _placed(folder: Path, write: Callable[[Path], None], name: Callable[[Path], str]) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with placed(folder) as path:
            write(path)
            settle(path)
            final = name(path)
            path.replace(folder / final)
            settle_names(folder)
    except (OSError, RuntimeError) as error:  # faiss says RuntimeError
        reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[-1]
        raise ProjectError(
            f"the index cannot be written to {folder}: {reason}.", "check free space and permissions; then once more."
        ) from error
    return final


def check_files(folder: Path, facts: Facts, thorough: bool = False) -> None:
    """DamagedIndex where a file is missing or is not as it was written.

    Hashes what has changed on disk since it was last hashed; all of it where `thorough`. Cost: one read of that.
    """
    stamps = Stamps(folder)
    for name in facts.files:

        def right(name: str = name) -> bool:
            return digest_of(folder / name) == name.rpartition("-")[2].partition(".")[0]

        try:
            if not stamps.whole(stamps.of([name]), right, thorough):
                raise DamagedIndex(folder, f"{name} is not as it was written")
        except OSError as error:
            raise DamagedIndex(folder, f"{name} cannot be read ({error.strerror})") from error
    stamps.save()


def digest_of(path: Path) -> str:
    """32 hex digits over all bytes of a file."""
    mark = hashlib.blake2b(digest_size=16)
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            mark.update(chunk)
    return mark.hexdigest()


def _mark(values: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).hexdigest()

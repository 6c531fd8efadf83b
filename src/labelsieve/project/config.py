"""labelsieve.toml: sources, tasks, engine and seed. Edited by hand or by us; comments survive our edits."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

import tomlkit

from labelsieve.core.errors import InputError, ProjectError, UnknownName
from labelsieve.core.types import Kind
from labelsieve.project import fields
from labelsieve.project.wholefiles import write_whole
from labelsieve.sources.options import ARRAYS, SourceOptions

NAME = "labelsieve.toml"
HEADER = "labelsieve project. Two files here are precious: this one and labels.sqlite. The rest comes back."


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One source: a path (relative to the project folder where it can be) and how to read it."""

    path: str
    options: SourceOptions = field(default_factory=SourceOptions)

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    def read_options(self, root: Path) -> SourceOptions:
        """The options with whole paths, for whoever opens the source of the project `root`."""
        options = self.options
        if options.root is not None:
            options = replace(options, root=str(resolve(options.root, root)))
        if (beside := options.array_file()) is not None and not self.path.lower().endswith(ARRAYS):
            options = replace(options, embeddings=str(resolve(beside, root)))
        return options


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """What a task asks, and how. `budget` caps labels, minutes and money together: the first one reached ends it."""

    kind: Kind = "classes"
    classes: tuple[str, ...] = ()  # closed when not empty
    dull: str = "dull"
    strategy: str = "auto"
    candidates: str = "auto"  # what a strategy sees at all
    wanted: str = ""  # the class that is searched for
    price: str = ""  # the column that says what a label of an item costs, for the strategy `cost`
    template: str = ""  # the column that names the defect-free picture of an item: a key, or a path beside the table
    head: str = "auto"
    score: Literal["auto", "head", "patches", "both"] = "auto"  # screen: what scores images that have feature maps
    size: int = 0  # items a query; 0 = the number of classes, 10 to 250
    budget_labels: int = 0  # 0 = no limit
    budget_minutes: float = 0.0
    budget_money: float = 0.0
    care: float = 0.01  # the least gain in accuracy that is worth more labels
    twice: float = 0.0  # share of the items that two people label, neither seeing the other's answer
    together: float = 1.0  # screen: near-duplicates from this similarity on are answered together; 0 = never


@dataclass(frozen=True, slots=True)
class Settings:
    """All of labelsieve.toml."""

    seed: int = 0
    engine: str = ""
    revision: str = ""
    embeddings: str = ""  # the folder below cache/embeddings that the engine writes
    maps: str = ""  # the image model whose feature maps are kept beside the embeddings
    map_size: int = 0  # pixels a side that pictures are squeezed to for them; 0 = 448
    map_revision: str = ""
    map_embeddings: str = ""  # the folder of the maps, below cache/embeddings too
    sources: tuple[SourceSpec, ...] = ()
    tasks: Mapping[str, TaskSettings] = field(default_factory=dict)
    cost: float = 0.0  # money a label, for every annotator not named in costs
    costs: Mapping[str, float] = field(default_factory=dict)
    currency: str = ""


def relative(path: Path, root: Path) -> str:
    """`path` as it is written down: relative to the project folder, with forward slashes."""
    try:
        return Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()
    except ValueError:  # another drive
        return path.resolve().as_posix()


def resolve(text: str, root: Path) -> Path:
    """The path that `relative` wrote down."""
    path = Path(text)
    return path if path.is_absolute() else Path(os.path.normpath(root / path))


def source_gone(spec: SourceSpec, path: Path) -> ProjectError:
    """The error for a source that is not where labelsieve.toml says."""
    return ProjectError(
        f"the source {spec.path!r} of {NAME} is not there: {path} does not exist.",
        f"put it back, or write its new path in {NAME} and run labelsieve sync: items keep their labels.",
    )


def read(root: Path) -> Settings:
    """Settings of the project folder `root`. ProjectError where the file is absent or cannot be read."""
    path = root / NAME
    if not path.is_file():
        raise ProjectError(
            f"{root} is not a labelsieve project: it has no {NAME}.", f"labelsieve init {root} SOURCE makes one."
        )
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(
            f"{path} cannot be read: {error}.", "mend that line, or restore it from backups/."
        ) from error
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror}.", "check its permissions.") from error
    return parse(raw)


def parse(raw: Mapping[str, Any]) -> Settings:
    """Settings from plain data. InputError names an unknown key, or a value of a wrong type."""
    sources = tuple(_source(entry) for entry in fields.mappings_of(raw.get("sources", []), f"sources in {NAME}"))
    named = fields.mapping_of(raw.get("tasks", {}), f"tasks in {NAME}").items()
    tasks = {str(name): task_settings(fields.mapping_of(entry, f"[tasks] {name}")) for name, entry in named}
    settings = fields.built(Settings, {**raw, "sources": sources, "tasks": tasks}, NAME)
    for key in ("embeddings", "map_embeddings"):
        name = getattr(settings, key)
        if name != PurePosixPath(name).name or "\\" in name:
            raise InputError(
                f"{key} in {NAME} is {name!r}; expected the name of one folder below cache/embeddings.",
                "take the line out: labelsieve embed PROJECT writes it again.",
            )
    return settings


def task_settings(entry: Mapping[str, Any]) -> TaskSettings:
    """Settings of one task from plain data."""
    kinds = get_args(Kind)
    if entry.get("kind", "classes") not in kinds:
        raise UnknownName("kind of task", str(entry["kind"]), kinds)
    settings = fields.built(TaskSettings, entry, "[tasks]")
    if settings.twice > 1:
        raise InputError(f"twice in [tasks] is {settings.twice}; expected a share from 0 to 1.", "0.1 is one in ten.")
    return settings


def _source(entry: Mapping[str, Any]) -> SourceSpec:
    options = {key: value for key, value in entry.items() if key != "path"}
    if not isinstance(entry.get("path"), str) or not entry["path"]:
        raise InputError(f"a [[sources]] entry of {NAME} has no path.", 'write path = "FOLDER or FILE".')
    return SourceSpec(entry["path"], fields.built(SourceOptions, options, "[[sources]]"))


def write(root: Path, settings: Settings) -> None:
    """Save `settings`, keeping the user's comments, whole or not at all. ProjectError where the disk refuses."""
    path = root / NAME
    if path.is_file():
        document = tomlkit.parse(path.read_text(encoding="utf-8"))
    else:
        document = tomlkit.document()
        document.add(tomlkit.comment(HEADER))
    for key, value in plain(settings).items():
        if document.get(key) != value:
            document[key] = value
    write_whole(path, tomlkit.dumps(document))


def plain(settings: Settings) -> dict[str, Any]:
    """Settings as plain data, what equals its default left out."""
    out: dict[str, Any] = {"seed": settings.seed}
    maps = ("maps", "map_size", "map_revision", "map_embeddings")
    for key in ("engine", "revision", "embeddings", *maps, "cost", "currency"):
        if getattr(settings, key):
            out[key] = getattr(settings, key)
    if settings.costs:
        out["costs"] = dict(settings.costs)
    out["tasks"] = {name: _task_plain(task) for name, task in settings.tasks.items()}
    out["sources"] = [{"path": spec.path, **_changed(spec.options, SourceOptions())} for spec in settings.sources]
    return out


def _task_plain(task: TaskSettings) -> dict[str, Any]:
    return {"kind": task.kind, **_changed(task, TaskSettings(kind=task.kind))}


def _changed(value: Any, default: Any) -> dict[str, Any]:
    before = asdict(default)
    after = asdict(value).items()
    return {key: list(new) if isinstance(new, tuple) else new for key, new in after if new != before[key]}

"""What a worker can do: every kind of job is a function of an open project.

A kind is named once here, with its lane, the role that may start it and the arguments that it takes. `tell(done, total,
said)` writes progress and raises Cancelled where somebody wants the job to stop; what is done by then stays, and the
job can be resumed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from labelsieve.core.errors import InputError, UnknownName
from labelsieve.project.facade import Project
from labelsieve.project.jobs import table
from labelsieve.project.jobs.table import Lane
from labelsieve.project.people.roles import Role

if TYPE_CHECKING:
    from labelsieve.project.embedding import EmbedProgress

Tell: TypeAlias = Callable[[int, int, str], None]
Run: TypeAlias = Callable[[Project, Mapping[str, Any], Tell], dict[str, Any]]
WAIT = 0.5  # seconds between looks at a pool that is being embedded
LONGEST = 1000  # characters of an argument


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job: what it does, where it runs, who may start it, its arguments by type."""

    run: Run
    lane: Lane = "long"
    role: Role = "admin"
    takes: Mapping[str, type] = field(default_factory=dict)

    def checked(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, without those that are empty. InputError for one that the kind does not take."""
        for name, value in args.items():
            if name not in self.takes:
                raise InputError(f"{name!r} is no argument of this job.", f"it takes: {', '.join(self.takes) or '-'}.")
            if type(value) is not self.takes[name] or len(str(value)) > LONGEST:
                said = f"{name} is {str(value)[:80]!r}; expected {self.takes[name].__name__}."
                raise InputError(said, "leave it out for the usual.")
        return {name: value for name, value in args.items() if value != self.takes[name]()}


def _round(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.desk.refilling import choose_more, refill

    while _being_embedded(project):  # by the other worker: not twice
        tell(0, 0, "waiting for the embeddings of new items")
        time.sleep(WAIT)
    tell(0, 1, "fitting and choosing")
    said = choose_more(project.context, args.get("purpose"), _embedding(tell))
    refill(project.context, args.get("purpose"), since=said["seen"])  # answers that came meanwhile
    return said


def _agreement(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.people.agreeing import agreement_now

    tell(0, 0, "measuring how people agree")
    found = agreement_now(project.context, wait=True)
    return {"items": found.data["items"], "open": len(found.open)}


def _being_embedded(project: Project) -> bool:
    from labelsieve.project.pooling import lacks_rows

    running = [job for job in table.open_jobs(project.context.conn) if job.kind == "embed" and job.state == "running"]
    return bool(running) and lacks_rows(project.context)


def _fit(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.views import foreseen

    tell(0, 2, "fitting")
    fitted = project.fit()
    tell(1, 2, "predicting the pool")
    foreseen.write(project.context, fitted)
    return {"head": fitted.kind, "labels": len(fitted.stand.train), "seconds": round(fitted.seconds, 3)}


def _similar(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.views import similar

    tell(0, 0, "looking for what is alike")
    return {"items": len(similar.find_near(project.context, int(args["item"])))}


def _words(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.desk import speaking

    given = str(args.get("items", ""))
    if not all(part.lstrip("-").isdecimal() and len(part) < 20 for part in given.split(",")):
        raise InputError(f"items are {given[:80]!r}; ids with commas between them were expected.", "such as 12,15.")
    return {"items": speaking.look_into(project.context, [int(part) for part in given.split(",")], tell)}


def _embed(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.desk.refilling import refill

    tell(0, 0, "opening the engine; one that learns reads the pool first")
    relearn, download, maps = (args.get(name) or None for name in ("relearn", "download", "maps"))
    report = project.embed(args.get("engine"), bool(relearn), bool(download), _embedding(tell), maps)
    for task in project.context.settings.tasks:
        refill(project.on_task(task).context, again=True)
    return asdict(report) | {"set_aside": len(report.set_aside)}


def _embedding(tell: Tell) -> "Callable[[EmbedProgress], None]":
    return lambda at: tell(at.done, at.total, f"fetching {at.what}" if at.what else "embedding")


def _index(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    tell(0, 0, "reading the pool")
    report = project.index(bool(args.get("rebuild")), lambda done, total: tell(done, total, "indexing"))
    return asdict(report)


def _sync(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    tell(0, 0, "reading the sources")
    report = project.sync()
    return {name: value if isinstance(value, int | float | str) else len(value) for name, value in _facts(report)}


def _facts(report: object) -> list[tuple[str, Any]]:
    return [(name, getattr(report, name)) for name in getattr(report, "__dataclass_fields__", {})]


def _measure(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.progress.measuring import measure

    return measure(project.context, tell)


def _map(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.projection.projecting import project_pool

    return project_pool(project.context, tell)


def _export(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.formats import exchanging

    if not args.get("format"):
        tell(0, 0, "writing labels, predictions, the model and its card")
        return {"files": _relative(project, project.export())}
    tell(0, 0, f"writing all labels as {args['format']}")
    made = exchanging.export_file(project.context, str(args["format"]), bool(args.get("allow_loss")))
    return asdict(made) | {"path": made.path.name, "files": _relative(project, exchanging.files_of(made))}


def _import(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    from labelsieve.project.formats import uploads

    tell(0, 0, "reading the file")
    return uploads.told(uploads.import_upload(project.context, str(args.get("upload", ""))))


def _report(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    tell(0, 0, "fitting the curve, gathering, writing")
    return {"files": _relative(project, [project.report()])}


def _relative(project: Project, paths: list[Path]) -> list[str]:
    return [path.resolve().relative_to(project.path.resolve()).as_posix() for path in paths]


KINDS: dict[str, JobKind] = {
    "round": JobKind(_round, "rounds", "annotator", {"purpose": str}),
    "similar": JobKind(_similar, "rounds", "viewer", {"item": int}),
    "words": JobKind(_words, "rounds", "annotator", {"items": str}),
    "agreement": JobKind(_agreement, "rounds", "reviewer"),
    "fit": JobKind(_fit, "rounds", "annotator"),
    "embed": JobKind(_embed, takes={"engine": str, "maps": str, "relearn": bool, "download": bool}),
    "index": JobKind(_index, takes={"rebuild": bool}),
    "sync": JobKind(_sync),
    "measure": JobKind(_measure, role="viewer"),
    "map": JobKind(_map, role="annotator"),
    "export": JobKind(_export, role="reviewer", takes={"format": str, "allow_loss": bool}),
    "import": JobKind(_import, role="reviewer", takes={"upload": str}),
    "report": JobKind(_report, role="reviewer"),
}


def kind_called(name: str) -> JobKind:
    """The kind of that name. UnknownName where there is none."""
    if name not in KINDS:
        raise UnknownName("kind of job", name, KINDS)
    return KINDS[name]

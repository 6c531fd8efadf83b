"""What a worker can do: every kind of job is a function of an open project.

A kind is named once here, with its lane and the role that may start it. `tell(done, total, said)` writes progress and
raises Cancelled where somebody wants the job to stop; what is done by then stays, and the job can be resumed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from labelsieve.core.errors import UnknownName
from labelsieve.project.desk.refilling import choose_more
from labelsieve.project.facade import Project
from labelsieve.project.jobs.table import Lane
from labelsieve.project.people.roles import Role

Tell: TypeAlias = Callable[[int, int, str], None]
Run: TypeAlias = Callable[[Project, Mapping[str, Any], Tell], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of job: who may start it, where it runs, what it does."""

    run: Run
    lane: Lane = "long"
    role: Role = "admin"


def _round(project: Project, args: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    tell(0, 1, "fitting and choosing")
    return choose_more(project.context, args.get("purpose"))


KINDS: dict[str, JobKind] = {
    "round": JobKind(_round, "rounds", "annotator"),
}


def kind_called(name: str) -> JobKind:
    """The kind of that name. UnknownName where there is none."""
    if name not in KINDS:
        raise UnknownName("kind of job", name, KINDS)
    return KINDS[name]

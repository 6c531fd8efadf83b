"""A pool of 400 items, and what people say of them."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np

import labelsieve as ls
from labelsieve.core.types import Kind, Label, Value
from labelsieve.project import events
from labelsieve.project.database import now
from labelsieve.project.facade import Project


def made(folder: Path, kind: Kind = "classes", classes: list[str] | None = None) -> Project:
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(400, 4)).astype(np.float32))
    return ls.create(folder / "p.sieve", folder / "x.npy", task=kind, classes=classes)


def say(project: Project, by: str, said: dict[int, Any], **more: Any) -> None:
    """Answers of one person: item -> class, several classes, or a Value. The key of item i is i - 1."""
    labels = []
    for item, what in said.items():
        tag = "class" if isinstance(what, str) else "classes"
        value = what if isinstance(what, Value) else Value(tag, (what,) if isinstance(what, str) else tuple(what))
        labels.append(Label(str(uuid.uuid4()), "main", item, value, by, now(), **more))
    events.write(project.context.conn, labels)

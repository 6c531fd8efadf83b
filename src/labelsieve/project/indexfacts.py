"""What the files of the index say, without opening it: where it lies, what stands in it, whether it is damaged."""

from pathlib import Path
from typing import Any

from labelsieve.core.errors import ProjectError
from labelsieve.project.context import Context
from labelsieve.store.indexfiles import DamagedIndex, check_files, read_facts


def folder_of(context: Context) -> Path:
    """Where the index of the active engine lies."""
    return context.cache / "index" / (context.settings.embeddings or "given")


def index_state(context: Context) -> dict[str, Any] | None:
    """What `status` says of the index: plain data, None where there is none. Reads one small file."""
    try:
        facts = read_facts(folder_of(context))
    except DamagedIndex as error:
        return {"damaged": error.fact}
    except ProjectError:
        return None
    return {
        "items": facts.items,
        "added": facts.items - facts.built,
        "engine": facts.engine,
        "cells": facts.cells,
        "visits": facts.visits,
        "recall": facts.recall,
        "recall_k": facts.recall_k,
        "held_out": facts.held_out,
    }


def index_damage(context: Context) -> tuple[str, str] | None:
    """(folder, damage), the latter empty where every byte of the index is as it was written. None: no index.

    Cost: one read of it.
    """
    folder = folder_of(context)
    try:
        facts = read_facts(folder)
        check_files(folder, facts, thorough=True)
    except DamagedIndex as error:
        return folder.name, error.fact
    except ProjectError:
        return None
    return folder.name, ""

"""labelsieve: from a pile of items to a head that can be trusted, with few labels.

    import labelsieve as ls

Names are imported when they are first used, so `import labelsieve` loads numpy at most.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Item": "labelsieve.core.types",
    "Label": "labelsieve.core.types",
    "Labels": "labelsieve.core.types",
    "Query": "labelsieve.core.types",
    "Task": "labelsieve.core.types",
    "Value": "labelsieve.core.types",
    "Interval": "labelsieve.core.types",
    "Cost": "labelsieve.core.types",
    "Guarantee": "labelsieve.core.types",
    "Round": "labelsieve.core.rounds",
    "LabelsieveError": "labelsieve.core.errors",
    "InputError": "labelsieve.core.errors",
    "ShapeError": "labelsieve.core.errors",
    "UnknownName": "labelsieve.core.errors",
    "PoolExhausted": "labelsieve.core.errors",
    "NotEnoughLabels": "labelsieve.core.errors",
    "MissingExtra": "labelsieve.core.errors",
    "ProjectError": "labelsieve.core.errors",
    "EngineError": "labelsieve.core.errors",
    "entropy": "labelsieve.selection.acquisition",
    "margin": "labelsieve.selection.acquisition",
    "least_confident": "labelsieve.selection.acquisition",
    "facility_location": "labelsieve.selection.coverage",
    "typiclust": "labelsieve.selection.clusters",
    "coreset": "labelsieve.selection.coresets",
    "near_duplicates": "labelsieve.selection.duplicates",
    "disagreements": "labelsieve.selection.hard",
    "hard_negatives": "labelsieve.selection.pairs",
    "Mining": "labelsieve.selection.pairs",
    "badge": "labelsieve.selection.gradients",
    "kcenter": "labelsieve.selection.centres",
    "query": "labelsieve.selection.oneshot",
    "recall_bound": "labelsieve.screening.bounds",
    "rest_bound": "labelsieve.screening.bounds",
    "looks": "labelsieve.screening.bounds",
    "reviewer_bound": "labelsieve.screening.reviewers",
    "reviewed_recall_bound": "labelsieve.screening.reviewers",
    "sensitivity_bound": "labelsieve.screening.thresholds",
    "Stratum": "labelsieve.screening.thresholds",
    "spiked_bound": "labelsieve.screening.thresholds",
    "audit_plan": "labelsieve.screening.planning",
    "Goal": "labelsieve.screening.planning",
    "verify_claim": "labelsieve.project.claims.verifying",
    "Project": "labelsieve.project.facade",
    "create": "labelsieve.project.facade",
    "open": "labelsieve.project.facade",
    "restore": "labelsieve.project.facade",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'labelsieve' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

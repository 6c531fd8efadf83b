"""What a screening of new items is asked for."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from labelsieve.core.errors import InputError
from labelsieve.screening.draws import between, whole

Tell = Callable[[int, int], None]


class ScreenKeywords(TypedDict, total=False):
    """The fields of `Wanted` as keywords of `Project.screen`."""

    alarms: float
    fdr: float | None
    top: int | None
    recall: float | None
    confidence: float
    everything: bool
    anyway: bool
    explain: str | Path | None
    progress: Tell | None
    spiked: Sequence[str | os.PathLike[str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a screening is asked for: at most the share `alarms` of dull items is escalated, or, with `fdr`, at most
    that share of what is escalated is dull; at most `top` items; `recall` to be shown with `confidence`.

    `everything` writes what is not escalated too; `anyway` writes even where the items look like another domain;
    `explain` is a folder for pictures that show why. `spiked`: files of known odd items that are put in to see how many
    the threshold catches.
    """

    alarms: float = 0.01
    fdr: float | None = None
    top: int | None = None
    recall: float | None = None
    confidence: float = 0.95
    everything: bool = False
    anyway: bool = False
    explain: str | Path | None = None
    progress: Tell | None = None
    spiked: Sequence[str | os.PathLike[str]] = ()

    def __post_init__(self) -> None:
        between("the rate of false alarms", self.alarms)
        between("confidence", self.confidence)
        for name, value in (("fdr", self.fdr), ("recall", self.recall)):
            if value is not None:
                between(name, value)
        if self.top is not None:
            whole("top", self.top, least=1)
        wanted = "--recall" if self.recall is not None else "--spiked" if self.spiked else ""
        if wanted and (self.top is not None or self.fdr is not None):
            raise InputError(
                "recall can be shown for a fixed threshold alone, and --top and --fdr move it with each batch.",
                f"leave them out, or {wanted}.",
            )

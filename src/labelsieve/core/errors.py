"""The errors that a caller may meet, all under one root.

    LabelsieveError
    ├── InputError (ValueError)      what was given does not fit
    │   ├── ShapeError               an array has the wrong shape
    │   ├── NotThere                 something that is meant is not there
    │   ├── NotNow                   it would fit, but not as things are
    │   └── UnknownName              a name is not among those that there are
    ├── PoolExhausted                more items were asked for than there are
    ├── NotEnoughLabels              nothing can be fitted or claimed from so few labels
    ├── MissingExtra (ImportError)   an optional dependency is not installed
    ├── ProjectError                 the project folder is not as it should be
    └── EngineError                  an engine cannot be opened, fetched or run

Every message states the fact with its value and what was expected; `hint` is one thing to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches

MOST_NAMES = 80  # that a message lists


class LabelsieveError(Exception):
    """Root of all known errors. `str(error)` is the fact, then the hint on a line of its own."""

    def __init__(self, fact: str, hint: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.fact}\nHint: {self.hint}" if self.hint else self.fact


class InputError(LabelsieveError, ValueError):
    """What was given does not fit."""


class ShapeError(InputError):
    """An array has the wrong shape."""


class NotThere(InputError):
    """Something that is meant, by a number say, is not there."""


class NotNow(InputError):
    """It would fit, but not as things are: it has ended, or there is one already."""


class UnknownName(InputError):
    """A name is not among those that there are; the message lists them, unless `known` is None: too many to list."""

    def __init__(self, what: str, name: str, known: Iterable[str] | None, hint: str = "") -> None:
        names = sorted(known or ())
        close = get_close_matches(name, names, n=1)
        listed = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
        guess = f" Did you mean {close[0]!r}?" if close else ""
        there = "" if known is None else f" There are: {listed or 'none'}."
        super().__init__(f"no {what} is named {name!r}.{guess}{there}", hint)


class PoolExhausted(LabelsieveError):
    """More items were asked for than there are."""


class NotEnoughLabels(LabelsieveError):
    """Nothing can be fitted or claimed from so few labels."""


class MissingExtra(LabelsieveError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed.", f"pip install 'labelsieve[{extra}]'")


class ProjectError(LabelsieveError):
    """The project folder is not as it should be."""


class EngineError(LabelsieveError):
    """An engine cannot be opened, fetched or run."""

"""Who an engine is: what stands in the key of the cache, and in labelsieve.toml."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """`name` for people, `revision` a commit or a digest, `space` shared by two towers that may be compared."""

    name: str
    revision: str
    space: str

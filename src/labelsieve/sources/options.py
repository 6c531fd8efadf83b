"""How a source is read: which column is what. The same names are options of the command line."""

from dataclasses import dataclass
from typing import TypedDict

SEPARATOR = ";"
ARRAYS = (".npy", ".npz")


class SourceKeywords(TypedDict, total=False):
    """The fields of SourceOptions as keywords of `create` and `sync`."""

    text: str | None
    image: str | None
    embeddings: str | None
    columns: tuple[str, ...] | None
    root: str | None
    key: str | None
    group: str | None
    time: str | None
    labels: str | None
    separator: str


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Names of columns (of arrays, in an .npz). At most one of text, image, embeddings and columns is given, but for
    ready embeddings with the text or the image that people see of them.

    `embeddings` may also be the path of an .npy or .npz file, whose row i belongs to row i of the table. `root` is the
    folder that paths of images start at, by default that of the table. `labels` and `group` may also be "@folder": the
    first folder below the source.
    """

    text: str | None = None
    image: str | None = None
    embeddings: str | None = None
    columns: tuple[str, ...] | None = None
    root: str | None = None
    key: str | None = None
    group: str | None = None
    time: str | None = None
    labels: str | None = None
    separator: str = SEPARATOR

    def data(self) -> dict[str, str]:
        """Those of text, image and embeddings that are given, by option name."""
        given = {"text": self.text, "image": self.image, "embeddings": self.embeddings}
        return {option: name for option, name in given.items() if name is not None}

    def array_file(self) -> str | None:
        """The array file beside a table that holds its embeddings, where `embeddings` names one and no column."""
        return self.embeddings if self.embeddings and self.embeddings.lower().endswith(ARRAYS) else None

    def named(self) -> dict[str, str]:
        """Every single column that an option names, by option name."""
        rest = {"key": self.key, "group": self.group, "time": self.time, "labels": self.labels}
        data = {option: name for option, name in self.data().items() if name != self.array_file()}
        return {**data, **{option: name for option, name in rest.items() if name is not None}}

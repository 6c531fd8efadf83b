"""What each format can hold, in a table: for the page and the manual."""

from dataclasses import dataclass

from labelsieve.project.context import Context
from labelsieve.project.seeing import kind_seen

ALL = ("one class", "several classes", "weights", "unsure", "skip", "annotators", "times", "data")


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """One format: what it is, what of ALL it holds, whether it is a folder, and whether it fits the pool's items."""

    name: str
    title: str
    said: str
    holds: tuple[str, ...]
    folder: bool = False
    fits: bool = True


_LABELS = tuple(name for name in ALL if name != "data")
FACTS = (
    FormatFacts("csv", "CSV", "a table of answers, safe in a spreadsheet", _LABELS),
    FormatFacts("jsonl", "JSONL", "a JSON object an answer", _LABELS),
    FormatFacts("parquet", "Parquet", "a typed table of answers", _LABELS),
    FormatFacts(
        "label-studio",
        "Label Studio",
        "JSON tasks and the labelling config",
        tuple(name for name in _LABELS if name != "weights"),
    ),
    FormatFacts("hf", "Hugging Face", "a folder that datasets.load_dataset reads", ALL, folder=True),
    FormatFacts(
        "folders", "Folders by class", "a folder a class, with its pictures", ("one class", "data"), folder=True
    ),
    FormatFacts("croissant", "Croissant", "the same data set, described for MLCommons Croissant", ALL, folder=True),
)


def formats_here(context: Context) -> list[FormatFacts]:
    """The formats; those that cannot hold this pool's items do not fit."""
    pictures = any(kind_seen(context, row) == "image" for row in context.rows)
    return [
        one if pictures or one.name != "folders" else FormatFacts(one.name, one.title, one.said, one.holds, True, False)
        for one in FACTS
    ]

"""What people see of an item whose embeddings are ready: the picture or the text that a column names."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from labelsieve.core.errors import InputError
from labelsieve.core.types import Modality
from labelsieve.sources.options import SourceOptions
from labelsieve.sources.paths import LEAVES, RowPaths


def shown_kind(options: SourceOptions) -> Modality | None:
    """What the columns show beside ready embeddings; None where they show nothing."""
    if options.image is not None:
        return "image"
    return None if options.text is None else "text"


def root_of(options: SourceOptions, path: Path) -> Path:
    """The folder that paths of images start at."""
    return path.parent if options.root is None else Path(options.root).absolute()


def require_root(options: SourceOptions, path: Path) -> None:
    """InputError where `root` is given and is no folder, or no column holds paths."""
    if options.root is None:
        return
    if options.image is None:
        raise InputError(f"--root was given, and no column of {path.name} holds paths.", "name it: --image COLUMN.")
    if not root_of(options, path).is_dir():
        raise InputError(f"the folder {options.root} is not there.", "correct --root: paths of images start there.")


def seen_pictures(texts: Sequence[str | None], root: Path) -> Iterator[Path | InputError]:
    """The file of each path below `root`, or an InputError that says why there is none. Cost: a look at each file."""
    paths = RowPaths(root)
    for text in texts:
        yield _picture(text, paths)


def _picture(text: str | None, paths: RowPaths) -> Path | InputError:
    if text is None or not text.strip():
        return InputError("the path of its picture is empty.", "labels can be given all the same.")
    ref = paths.relative(text)
    try:
        if ref is None:
            raise InputError(f"{text}: {LEAVES}")
        path = paths.checked(ref)
        if path.is_file():
            return path
    except InputError as error:
        return InputError(f"the picture {error.fact.rstrip('.')}.", f"put it below {paths.folder}.")
    except OSError as error:
        return InputError(f"the picture {text} cannot be read: {error.strerror}.", "check its permissions.")
    return InputError(f"the picture {text} is missing.", f"put it below {paths.folder}.")


def seen_texts(texts: Sequence[str | None]) -> Iterator[str | InputError]:
    """Each text, or an InputError where it is empty."""
    for text in texts:
        yield InputError("its text is empty.", "labels can be given all the same.") if text is None else text

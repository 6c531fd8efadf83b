"""The items of one new file or folder, opened as the project's own sources are: the same columns mean the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from labelsieve.core.errors import InputError, ShapeError, UnknownName
from labelsieve.core.types import Ids, Modality
from labelsieve.project import config
from labelsieve.project.context import Context
from labelsieve.project.syncing import is_range
from labelsieve.sources import Source, SourceOptions, open_source
from labelsieve.sources.base import Ref
from labelsieve.sources.imagefiles import hash_image, is_image_name
from labelsieve.sources.opening import BUILT_IN

Read = Callable[[Sequence[Ref]], Iterator[Any]]


@dataclass
class Part:
    """The items of one file or folder, in its order. `array` (n, d) holds ready embeddings, else `read` gives data."""

    name: str
    modality: Modality
    count: int
    refs: Sequence[Ref] = ()
    keys: Sequence[str] | None = None  # None: the row numbers
    digests: Sequence[str] = ()  # of the contents; empty for rows of an array
    array: Any = None
    read: Read | None = None
    source: Source | None = None  # kept open: working copies go with it


def rows_given(x: NDArray[Any]) -> Part:
    """The rows (n, d) of an array. ShapeError or InputError for what is none of numbers."""
    if x.ndim != 2:
        raise ShapeError(f"the new rows have the shape {x.shape}; expected (items, columns).")
    if x.dtype.kind not in "fiub":
        raise InputError(f"the new rows have the type {x.dtype}; expected numbers.", "x.astype('float32'), say.")
    return Part("array", "embedding", len(x), array=x)


def opened_part(context: Context, path: Path, bad: list[tuple[str, str]]) -> Part:
    """What a file or folder holds; what cannot be read goes to `bad`. Cost: one scan."""
    if path.is_file() and is_image_name(path.name):
        return image_part(path.parent, [path.name], bad)
    source = open_as_the_pool(context, path)
    if is_range(source):
        array = source.array()  # type: ignore[attr-defined]
        return Part(path.name, "embedding", len(array), array=array, source=source)
    refs: list[Ref] = []
    keys: list[str] = []
    digests: list[str] = []
    for found in source.scan():
        refs += found.refs
        keys += [key or str(ref) for key, ref in zip(found.keys or [None] * len(found), found.refs, strict=True)]
        digests += found.digests
    bad += [(str(ref), why) for ref, why in source.bad]
    return Part(path.name, source.modality, len(refs), refs, keys, digests, read=source.read, source=source)


def image_part(folder: Path, refs: Sequence[str], bad: list[tuple[str, str]]) -> Part:
    """Image files below a folder; those that are none go to `bad`."""
    good: list[str] = []
    marks: list[str] = []
    for ref in refs:
        try:
            marks.append(hash_image(folder / ref))
            good.append(ref)
        except InputError as error:
            bad.append((ref, error.fact))
        except OSError as error:
            bad.append((ref, f"the file cannot be read: {error.strerror}"))
    return Part(folder.name, "image", len(good), good, good, marks, read=lambda some: (folder / str(r) for r in some))


def open_as_the_pool(context: Context, path: Path) -> Source:
    """The source at `path`, read as the first source of the project of its sort is: the same columns mean the same.

    Its column of labels is not looked at. InputError names the columns that it lacks.
    """
    if not path.exists():
        raise InputError(f"{path} is not there.", "check the path; it is relative to the folder you are in.")
    like = next((row for row in context.rows.values() if _sort(Path(row.name)) == _sort(path)), None)
    if like is None:
        return open_source(path, SourceOptions())
    spec = next((spec for spec in context.settings.sources if spec.path == like.name), None)
    known = spec.options if spec else SourceOptions()
    options = replace(known, labels=None, group=None, time=None, root=None)
    if like.modality == "embedding":  # nobody looks at them here
        options = replace(options, text=None, image=None)
        if options.array_file() is not None:  # it holds the pool's rows, none of these
            options = replace(options, embeddings=None)
    if path.suffix.lower() == ".npy":
        options = replace(options, embeddings=None, key=None)
    columns: tuple[str, ...] = ()
    if like.modality == "row":
        columns = tuple(context.source(like.id).engine_columns())
        options = replace(options, columns=columns)
    try:
        return open_source(path, options)
    except UnknownName as error:
        plain = open_source(path, SourceOptions())
        there = list(dict.fromkeys([*(plain.engine_columns() if like.modality == "embedding" else ()), *plain.names()]))
        wanted = [*columns, *replace(options, columns=None).named().values()]
        lacks = ", ".join(repr(name) for name in dict.fromkeys(wanted) if name not in there)
        raise InputError(
            f"{path.name} lacks the columns {lacks}; it has {', '.join(there) or 'none'}.",
            f"give it the columns of {config.resolve(like.name, context.root).name}, under the same names.",
        ) from error


def _sort(path: Path) -> str:
    endings = (name for name, known in BUILT_IN.items() if path.name.lower().endswith(known))
    return next(endings, "folder")


def require_kind(context: Context, part: Part) -> None:
    """InputError where the project holds no items of this kind."""
    has = sorted({row.modality for row in context.rows.values()})
    if part.modality not in has:
        raise InputError(
            f"{part.name} holds items of kind {part.modality}; this project holds {', '.join(has)}.",
            "screen what the project was made of; of a table, the columns have to be the same.",
        )


def things_of(part: Part, at: Ids) -> Iterator[Any]:
    """The data of some items in order, an InputError in the place of what cannot be read."""
    read = part.read or iter
    refs = [part.refs[i] for i in at.tolist()]
    try:
        yield from list(read(refs))
    except InputError:
        for ref in refs:
            try:
                yield next(iter(read([ref])))
            except InputError as error:
                yield error

"""A name, a folder or a hub id -> an engine."""

import re
from pathlib import Path
from typing import Any

from labelsieve.core import plugins
from labelsieve.core.errors import EngineError, UnknownName
from labelsieve.core.sockets import Engine
from labelsieve.core.types import Modality
from labelsieve.engines.folders import Found, find_model
from labelsieve.engines.hub import Progress, fetch, listing, on_disk, patterns_of
from labelsieve.engines.identity import Identity
from labelsieve.engines.short_names import SHORT_NAMES, ShortName

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def open_engine(
    spec: str | Path,
    *,
    root: Path | None = None,
    download: bool = False,
    revision: str | None = None,
    progress: Progress | None = None,
) -> Engine:
    """The engine that `spec` names: a built-in, a local folder (here or below `root`), a short name, or a hub id.

    A folder or hub id that holds two towers takes "#image" or "#text" at its end. `revision` is what a
    project pinned: a commit of the hub, or the digest of a folder's files. Nothing is fetched unless
    `download`; `progress` is told (what, bytes so far, bytes in all).

    Raises UnknownName, EngineError (absent, damaged, changed, offline) or MissingExtra (torch).
    """
    text, tower = _split(str(spec))
    if text in plugins.names("engines"):
        built_in: Engine = plugins.load("engines", text)()
        return built_in
    folder = _local(text, root)
    if folder is not None:
        return _from_folder(folder, tower, revision)
    if text in SHORT_NAMES:
        return _from_short_name(text, SHORT_NAMES[text], download, revision, progress)
    if _HUB_ID.fullmatch(text):
        return _from_hub(text, tower, download, revision, progress)
    if "/" in text or "\\" in text or text.startswith("."):
        raise EngineError(f"there is no folder {text}.", "labelsieve engines list shows what needs no folder.")
    raise UnknownName("engine", text, known_names(), "a folder with model.onnx, or a hub id owner/name, works too.")


def known_names() -> list[str]:
    """Built-in engines and short names, in order."""
    return sorted({*plugins.names("engines"), *SHORT_NAMES})


def known_engines() -> list[dict[str, str]]:
    """Rows for people: name, what it takes, where it comes from, and a few words."""
    rows = [{"name": n, "takes": "", "from": "built in", "about": _about(n)} for n in plugins.names("engines")]
    for row in rows:
        row["takes"] = ", ".join(sorted(getattr(_class_of(row["name"]), "accepts", ())))
    return rows + [
        {"name": n, "takes": s.modality, "from": f"hub: {s.hub_id}", "about": s.about} for n, s in SHORT_NAMES.items()
    ]


BUILT_IN = {
    "patches": "learns strokes and textures from your own images",
    "table": "numbers scaled, categories and dates spread out, learnt from your own rows",
    "words": "learns words, parts of words and what goes together from your own texts",
}


def _about(name: str) -> str:
    return BUILT_IN.get(name) or ((_class_of(name).__doc__ or "").strip().splitlines() or [""])[0].rstrip(".")


def _class_of(name: str) -> Any:
    return plugins.load("engines", name)


def _split(spec: str) -> tuple[str, Modality | None]:
    if spec.endswith("#image"):
        return spec.removesuffix("#image"), "image"
    if spec.endswith("#text"):
        return spec.removesuffix("#text"), "text"
    return spec, None


def _local(text: str, root: Path | None) -> Path | None:
    for place in (Path(text).expanduser(), *([root / text] if root is not None else [])):
        if place.is_dir():
            return place.resolve()
    return None


def _from_folder(folder: Path, tower: Modality | None, revision: str | None) -> Engine:
    from labelsieve.engines.sessions import digest_of

    files = _files(folder)
    found = find_model(files, folder.name, tower)
    weights = (found.file,) if found.runs_in == "onnxruntime" else ("model",)
    digest = digest_of([folder / name for name in files if name.startswith(weights)])
    if revision and revision != digest:
        raise EngineError(
            f"the model in {folder} has the digest {digest}; this project was made with {revision}.",
            "bring the old files back, or embed again with --engine to take the new ones.",
        )
    tag = f"-{found.modality}" if tower else ""
    return _build(folder, found, Identity(folder.name + tag, digest, folder.name))


def _from_short_name(
    name: str, short: ShortName, download: bool, revision: str | None, progress: Progress | None
) -> Engine:
    found = Found(short.file, short.modality, "onnxruntime")
    if download:
        folder, commit = fetch(short.hub_id, revision, patterns_of(found), progress)
    else:
        hint = (
            f"labelsieve embed --engine {name} --download (in the app: the tick under Embed) fetches {short.hub_id}; "
            "a folder with its files will do too."
        )
        folder, commit = on_disk(short.hub_id, revision, hint)
    if not (folder / short.file).is_file():
        raise EngineError(f"{short.hub_id} has no {short.file} at {commit[:12]}.", "fetch it with --download.")
    return _build(folder, found, Identity(name, commit, short.space or name))


def _from_hub(
    hub_id: str, tower: Modality | None, download: bool, revision: str | None, progress: Progress | None
) -> Engine:
    if download:
        found = find_model(listing(hub_id, revision), hub_id, tower)
        folder, commit = fetch(hub_id, revision, patterns_of(found), progress)
    else:
        hint = (
            f"labelsieve embed --engine {hub_id} --download (in the app: the tick under Embed) fetches it; "
            "there is no folder of that name either."
        )
        folder, commit = on_disk(hub_id, revision, hint)
        found = find_model(_files(folder), hub_id, tower)
    tag = f"-{tower}" if tower else ""
    return _build(folder, found, Identity(hub_id + tag, commit, hub_id))


def _files(folder: Path) -> list[str]:
    """Names relative to the folder, two levels deep: no model has its files deeper."""
    found = [*folder.glob("*"), *folder.glob("*/*")]
    return sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())


def _build(folder: Path, found: Found, identity: Identity) -> Engine:
    if found.runs_in == "transformers":
        from labelsieve.engines.torch_models import TorchImage, TorchText

        return TorchImage(folder, identity) if found.modality == "image" else TorchText(folder, identity)
    if found.modality == "image":
        from labelsieve.engines.onnx_image import OnnxImage

        return OnnxImage(folder, folder / found.file, identity)
    from labelsieve.engines.onnx_text import OnnxText

    return OnnxText(folder, folder / found.file, identity)

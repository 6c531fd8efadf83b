"""Engines of the Hugging Face hub: fetched only when asked for, and pinned to the commit that was fetched."""

import os
from collections.abc import Callable, Iterable
from io import StringIO
from pathlib import Path
from typing import Any

from labelsieve.core.errors import EngineError
from labelsieve.engines.folders import Found

Progress = Callable[[str, int, int], None]  # (what, bytes so far, bytes in all)


def on_disk(hub_id: str, revision: str | None, hint: str) -> tuple[Path, str]:
    """Folder and commit of what was fetched before. EngineError, with `hint`, where it was not."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(hub_id, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, OSError) as error:
        part = getattr(error, "snapshot_path", None)  # not all of the repository is there: an engine needs little of it
        if part is None:
            which = f"{hub_id}@{revision[:12]}" if revision else hub_id
            fact = f"{which} is not on this machine, and downloads happen only when asked for."
            raise EngineError(fact, hint) from error
        folder = Path(part)
    return folder, folder.name  # a snapshot's folder is named after its commit


def listing(hub_id: str, revision: str | None) -> list[str]:
    """Names of the files at `revision`, else on the main branch now."""
    from huggingface_hub import HfApi

    with _Told(hub_id, revision):
        info = HfApi(endpoint=_endpoint()).model_info(hub_id, revision=revision)
    return [file.rfilename for file in info.siblings or []]


def fetch(
    hub_id: str, revision: str | None, patterns: Iterable[str], progress: Progress | None = None
) -> tuple[Path, str]:
    """Folder with the files that fit `patterns`, and the commit that `revision` (else the main branch) is now.

    An interrupted download goes on where it stopped; what is there already is not fetched again.
    """
    from huggingface_hub import snapshot_download

    with _Told(hub_id, revision):
        folder = snapshot_download(
            hub_id,
            revision=revision,
            allow_patterns=list(patterns),
            endpoint=_endpoint(),
            max_workers=2,
            tqdm_class=_bars(progress or _unseen),
        )
    return Path(folder), Path(folder).name


def patterns_of(found: Found) -> list[str]:
    """What an engine needs of its repository: one model and the small files beside it, never a pickle."""
    small = ["*.json", "*.txt", "tokenizer.model", "*/config.json"]
    if found.runs_in == "onnxruntime":
        return [found.file, f"{found.file}_data*", f"{found.file}.data*", *small]
    return ["*.safetensors", *small]


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


class _Told:
    """Turns what the hub's client raises into an EngineError that says what to do."""

    def __init__(self, hub_id: str, revision: str | None) -> None:
        self._which = f"{hub_id}@{revision[:12]}" if revision else hub_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        from huggingface_hub import constants, errors

        offline = "connect to the network, or copy the model's folder here and name that folder."
        if isinstance(error, errors.GatedRepoError):
            hint = "accept its licence on the hub, and log in with the hub's own tool (hf auth login)."
            raise EngineError(f"{self._which} is open only to those who accepted its licence.", hint) from error
        if isinstance(error, errors.RevisionNotFoundError):
            hint = "remove `revision` from labelsieve.toml."
            raise EngineError(f"the hub has no revision {self._which}.", hint) from error
        if isinstance(error, errors.RepositoryNotFoundError):
            hint = "labelsieve engines list shows the names."
            raise EngineError(f"the hub has no model {self._which}.", hint) from error
        if constants.HF_HUB_OFFLINE and isinstance(error, OSError):
            raise EngineError(f"{self._which} cannot be fetched: HF_HUB_OFFLINE is set.", offline) from error
        if isinstance(error, errors.HFValidationError):
            raise EngineError(f"{self._which} is no hub id: {error}", "a hub id is `owner/name`.") from error
        if isinstance(error, OSError | EOFError) or _is_network(error):
            line = _line(error.__cause__ or error)
            raise EngineError(f"{self._which} cannot be fetched: {line}.", offline) from error


def _is_network(error: BaseException) -> bool:
    """Whether the hub's client raised it: which of requests, httpx and httpx2 it uses depends on its version."""
    return type(error).__module__.split(".")[0].startswith(("httpx", "httpcore", "requests", "huggingface_hub"))


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")[:300]


def _unseen(what: str, done: int, total: int) -> None:
    """Where nobody is looking."""


def _bars(progress: Progress) -> type:
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Bar(tqdm):  # type: ignore[misc]
        """Draws nothing: it hands each step to the caller, who shows it in a way of his own."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "file": StringIO(), "disable": False})

        def display(self, *_: Any, **__: Any) -> None:
            if self.unit == "B":
                progress(str(self.desc or "").rstrip(": "), int(self.n), int(self.total or 0))

        def clear(self, *_: Any, **__: Any) -> None:
            """Nothing was drawn."""

    return Bar

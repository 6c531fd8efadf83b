"""Temporary folders of sources: they go with their owner, and Ctrl-C is not lost meanwhile."""

import gc
import time
from pathlib import Path

import pytest

from labelsieve.sources import caching


class Owner:
    pass


def test_a_folder_goes_with_its_owner() -> None:
    owner = Owner()
    folder = caching.working_folder(None, owner)
    (folder / "a.npy").write_bytes(b"1")
    del owner
    gc.collect()
    assert not folder.exists()


def test_ctrl_c_while_a_folder_goes_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = [Owner()]
    folder = caching.working_folder(None, owners[0])
    remove = caching.rmtree

    def interrupted(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise KeyboardInterrupt
        remove(path)

    def leave() -> None:
        owners.clear()  # the folder goes here, by reference count; what is raised in a callback of gc would be dropped
        for _ in range(100):
            time.sleep(0.05)

    monkeypatch.setattr(caching, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt):
        leave()
    assert not folder.exists()

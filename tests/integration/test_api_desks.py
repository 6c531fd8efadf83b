"""Open projects of a server whose folder somebody moves, deletes or replaces meanwhile: no label goes astray."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

import labelsieve as ls
from labelsieve.api.application import build
from labelsieve.api.guarding import Door, SingleUser
from labelsieve.testing import toy_classes

FILES = ("labels.sqlite", "labels.sqlite-wal", "labels.sqlite-shm")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", toy_classes(50, 4, 2).x)
    ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", classes=["a", "b"]).close()
    return tmp_path / "p.sieve"


@pytest.fixture
def client(root: Path) -> Iterator[TestClient]:
    door = Door(SingleUser("T", "ann"), frozenset({"localhost"}), "labelsieve_session_1")
    with TestClient(build(root, door), base_url="http://localhost", headers={"Authorization": "Bearer T"}) as client:
        yield client


def label(client: TestClient, item: int) -> Any:
    one = {"id": str(uuid.uuid4()), "item": item, "value": {"tag": "class", "names": ["a"]}}
    return client.post("/api/v1/tasks/main/labels", json={"labels": [one]})


def labels(root: Path) -> int:
    with ls.open(root) as project:
        return int(project.status()["labels"])


def test_a_ledger_that_is_put_in_place_is_the_one_that_is_written(client: TestClient, root: Path) -> None:
    shutil.copy(root / FILES[0], root.parent / "kept")
    assert label(client, 1).json()["written"] == 1
    for name in FILES:
        (root / name).unlink(missing_ok=True)
    (root.parent / "kept").rename(root / FILES[0])  # a copy from before is put back
    assert label(client, 2).json()["written"] == 1
    assert labels(root) == 1


def test_without_a_ledger_no_label_is_taken(client: TestClient, root: Path) -> None:
    assert label(client, 1).json()["written"] == 1
    for name in FILES:
        (root / name).unlink(missing_ok=True)
    for _ in range(2):
        answer = label(client, 2)
        assert answer.status_code == 503
        assert "moved" in answer.json()["hint"]
    assert not (root / FILES[0]).exists()


def test_a_folder_that_comes_back_goes_on(client: TestClient, root: Path) -> None:
    assert label(client, 1).json()["written"] == 1
    elsewhere = root.rename(root.parent / "elsewhere")
    assert {label(client, 2).status_code for _ in range(2)} <= {409, 503}
    assert not root.exists()
    elsewhere.rename(root)
    assert label(client, 3).json()["written"] == 1
    assert labels(root) == 2

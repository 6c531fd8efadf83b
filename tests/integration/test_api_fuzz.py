"""Every route of the OpenAPI with values that a fuzzer makes up: known answers, never a fault of the server."""

import warnings
from typing import Any

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import labelsieve as ls
from labelsieve.api.application import build
from labelsieve.api.guarding import Door, SingleUser
from labelsieve.project.desk.refilling import choose_more
from labelsieve.testing import toy_classes

BEARER = {"Authorization": "Bearer T", "Host": "localhost"}
ENDLESS = ("/api/v1/events",)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> schemathesis.BaseSchema:
    folder = tmp_path_factory.mktemp("fuzzed")
    toy = toy_classes(40, 4, 2)
    np.save(folder / "x.npy", toy.x)
    with ls.create(folder / "p.sieve", folder / "x.npy", classes=["a", "b"]) as p:
        p.label(["1", "2", "3"], ["a", "b", "a"], by="ann")
        choose_more(p.context)
    door = Door(SingleUser("T", "ann"), frozenset({"localhost"}), "labelsieve_session_1")
    app = build(folder / "p.sieve", door)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = schemathesis.openapi.from_asgi("/openapi.json", app, headers=BEARER)
    return found.exclude(path=list(ENDLESS))


@pytest.mark.slow
def test_no_value_makes_the_server_fail(api: schemathesis.BaseSchema) -> None:
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) > 20
    faults: list[str] = []
    for operation in operations:
        try:
            _try(operation)
        except Exception as error:  # noqa: BLE001  one route that fails stops no other
            faults.append(f"{operation.method.upper()} {operation.path}: {str(error)[:600]}")
    assert not faults, "\n\n".join(faults)


def _try(operation: Any) -> None:
    @given(case=operation.as_strategy(), known=st.booleans())
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: schemathesis.Case, known: bool) -> None:
        if known:
            _name_what_there_is(case)
        answer = case.call(headers=BEARER)
        said = f"{case.as_curl_command()[:300]} -> {answer.status_code} {answer.text[:200]}"
        assert answer.status_code < 500 or answer.status_code == 501, said  # an extra that is not installed
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0].startswith("application/problem+json"), said

    attempt()


def _name_what_there_is(case: schemathesis.Case) -> None:
    """Made-up names end at the first look-up; what lies behind it is reached by names that exist."""
    if case.query:
        case.query.pop("task", None)
    if "task" in case.path_parameters:
        case.path_parameters["task"] = "main"
    if "item" in case.path_parameters:
        case.path_parameters["item"] = 1 + len(str(case.path_parameters["item"])) % 40

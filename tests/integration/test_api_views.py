"""Views, their pages, bulk labels and contact sheets through HTTP."""

import sqlite3
import threading
import urllib.error
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_server import Server, serving, until

import labelsieve as ls
from labelsieve.testing import toy_odd

N = 3000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home, rng = tmp_path_factory.mktemp("views"), np.random.default_rng(0)
    colours = rng.choice(["red", "blue", "<b>green</b>"], N)
    lines = [f"k{at:04d},{colours[at]},{rng.normal():.3f},{rng.normal():.3f}" for at in range(N)]
    (home / "rows.csv").write_text("\n".join(["id,colour,x,y", *lines]), encoding="utf-8")
    with ls.create(home / "p.sieve", home / "rows.csv", key="id", classes=["a", "b"]) as project:
        project.embed()
        project.add_task("screen", "screen", ["dull", "odd"])
    with serving(home / "p.sieve") as running:
        yield running


def view(server: Server, task: str = "main", **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.ask(f"/tasks/{task}/views", body)
    return found


def page(server: Server, made: dict[str, Any], start: int = 0, stop: int = 500) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = server.ask(f"/views/{made['view']}?start={start}&stop={stop}")["items"]
    return items


def bulk(server: Server, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.ask("/tasks/main/labels", {"bulk": {"id": str(uuid.uuid4()), **body}})
    return found


def count(server: Server, sql: str) -> int:
    with closing(sqlite3.connect(server.root / "labels.sqlite")) as ledger:
        return int(ledger.execute(sql).fetchone()[0])


def value(name: str) -> dict[str, Any]:
    return {"tag": "class", "names": [name]}


def test_a_page_is_a_slice_of_the_view(server: Server) -> None:
    made = view(server, sort={"by": "key", "descending": True})
    assert (made["state"], made["total"]) == ("ready", N)
    assert [tile["key"] for tile in page(server, made, 10, 13)] == ["k2989", "k2988", "k2987"]
    assert len(page(server, made, 0, 10_000)) == 500  # no more than 500 at once
    assert len(page(server, made, N - 2, N + 50)) == 2
    assert page(server, made, N + 5, N + 50) == []
    tile = page(server, made, 0, 1)[0]
    assert set(tile["row"]) == {"colour", "x", "y"}
    assert (tile["label"], tile["guess"], tile["flagged"]) == (None, None, False)


def test_a_page_that_has_not_changed_is_not_sent_again(server: Server) -> None:
    made = view(server, filter={"what": "key", "text": "k00"})
    path = f"/views/{made['view']}?start=0&stop=5"
    with server.raw(path) as answer:
        tag = answer.headers["ETag"]
    for known in ("*", f'"other", W/{tag}', tag):
        request = urllib.request.Request(
            f"{server.url}/api/v1{path}", headers={"Authorization": "Bearer T", "If-None-Match": known}
        )
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=10)
        assert error.value.code == 304
    item = page(server, made, 0, 1)[0]["item"]
    server.ask("/tasks/main/labels", {"labels": [{"id": str(uuid.uuid4()), "item": item, "value": value("a")}]})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["ETag"] != tag


@pytest.mark.parametrize(
    "body",
    [
        {"filter": {"what": "nonsense"}},
        {"filter": {"what": "column", "name": "'; DROP TABLE events; --", "texts": ["x"]}},
        {"filter": {"what": "column", "name": "colour", "relation": "is; DROP TABLE events"}},
        {"sort": {"by": "id; DROP TABLE events"}},
        {"filter": {"what": "guess", "low": "NaN"}},
        {"filter": {"what": "all", "of": [{"what": "flagged"}] * 300}},
        {"sort": {"by": "column", "name": "x' OR '1'='1"}},
        {"sort": {"by": "column"}},
        {"near": 10**12},
        {"near": "1 OR 1=1"},
        {"ids": ["1"] * 3 + [None]},
    ],
)
def test_what_is_no_filter_is_refused(server: Server, body: dict[str, Any]) -> None:
    code, said = server.refused("/tasks/main/views", body)
    assert code in (404, 422)
    assert said["detail"]
    assert count(server, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'events'") == 1


def test_texts_are_compared_and_never_executed(server: Server) -> None:
    for text in ("' OR '1'='1", "%", "_", "\\", "'); DELETE FROM labels; --", "\0"):
        assert view(server, filter={"what": "key", "text": text})["total"] == 0
    found = view(server, filter={"what": "column", "name": "colour", "texts": ["<b>green</b>"]})
    assert 0 < found["total"] < N
    assert {tile["row"]["colour"] for tile in page(server, found)} == {"<b>green</b>"}


def test_a_column_gives_the_order_numbers_as_numbers(server: Server) -> None:
    for descending in (False, True):
        made = view(server, sort={"by": "column", "name": "x", "descending": descending})
        numbers = [float(tile["row"]["x"]) for tile in page(server, made)]
        assert numbers == sorted(numbers, reverse=descending)
    colours = [tile["row"]["colour"] for tile in page(server, view(server, sort={"by": "column", "name": "colour"}))]
    assert set(colours) == {"<b>green</b>"}  # the first of three in the order of texts, on the first page


@pytest.mark.parametrize("name", ["1-" + "0" * 32, "..%2F..%2Flabels.sqlite", "x", "%00", "1-" + "z" * 32])
def test_views_that_there_are_not(server: Server, name: str) -> None:
    code, said = server.refused(f"/views/{name}")
    assert code == 404
    assert said["title"] == "Not found"


def test_a_bulk_is_one_act_and_its_undo_too(server: Server) -> None:
    made = view(server, filter={"what": "key", "text": "k1"})
    assert made["total"] == 1000
    act, undo = str(uuid.uuid4()), str(uuid.uuid4())
    one = {"id": act, "value": value("b"), "view": made["view"], "ranges": [[0, 10], [500, 700]]}
    assert server.ask("/tasks/main/labels", {"bulk": one})["written"] == 210
    assert server.ask("/tasks/main/labels", {"bulk": one}) == {"written": 0, "known": 210, "refused": []}
    labelled = view(
        server, filter={"what": "all", "of": [{"what": "label", "classes": ["b"]}, {"what": "key", "text": "k1"}]}
    )
    assert labelled["total"] == 210
    back = {"id": undo, "undo": act, "view": made["view"], "ranges": [[0, 1000]]}
    assert server.ask("/tasks/main/labels", {"bulk": back})["written"] == 210
    assert server.ask("/tasks/main/labels", {"bulk": back}) == {"written": 0, "known": 210, "refused": []}
    assert view(server, filter={"what": "label", "classes": ["b"]})["total"] == 0
    assert count(server, "SELECT COUNT(*) FROM trail WHERE what = 'labels.bulk'") == 2


def test_a_bulk_replaces_and_its_undo_brings_back(server: Server) -> None:
    item = page(server, view(server), 2000, 2001)[0]["item"]
    server.ask("/tasks/main/labels", {"labels": [{"id": str(uuid.uuid4()), "item": item, "value": value("a")}]})
    act = str(uuid.uuid4())
    server.ask("/tasks/main/labels", {"bulk": {"id": act, "value": value("b"), "items": [item]}})
    assert page(server, view(server), 2000, 2001)[0]["label"]["names"] == ["b"]
    bulk(server, undo=act, items=[item])
    assert page(server, view(server), 2000, 2001)[0]["label"]["names"] == ["a"]


def test_a_bulk_that_does_not_fit_writes_nothing(server: Server) -> None:
    before = count(server, "SELECT COUNT(*) FROM events")
    made = view(server)
    wrong = (
        {"value": value("no such class"), "items": [1, 2]},
        {"value": value("a"), "items": [10**9]},
        {"value": value("a")},
        {"value": value("a"), "items": [1], "view": made["view"]},
        {"items": [1]},
        {"value": value("a"), "undo": str(uuid.uuid4()), "items": [1]},
        {"value": value("a"), "view": made["view"], "ranges": [[0, N + 1]]},
        {"value": value("a"), "view": made["view"], "ranges": [[-1, 2]]},
        {"value": value("a"), "view": view(server, "screen")["view"]},
    )
    for at, one in enumerate(wrong):
        code, said = server.refused("/tasks/main/labels", {"bulk": {"id": str(uuid.uuid4()), **one}})
        assert code == (404 if at < 2 else 422), one
        assert said["detail"]
    assert count(server, "SELECT COUNT(*) FROM events") == before


def test_others_label_while_a_bulk_is_written(server: Server) -> None:
    made = view(server)
    mine = [tile["item"] for tile in page(server, made, 0, 20)]
    thread = threading.Thread(
        target=bulk, args=(server,), kwargs={"value": value("a"), "view": made["view"], "ranges": [[20, N]]}
    )
    thread.start()
    between = 0
    for item in mine:
        server.ask("/tasks/main/labels", {"labels": [{"id": str(uuid.uuid4()), "item": item, "value": value("b")}]})
        between += thread.is_alive()
    thread.join()
    assert between > 2
    assert view(server, filter={"what": "label", "classes": ["a"]})["total"] == N - 20


def test_what_is_alike_is_looked_for_by_the_worker_where_the_pool_is_large(server: Server) -> None:
    item = page(server, view(server), 7, 8)[0]["item"]
    made = until(lambda: (found := view(server, near=item))["state"] == "ready" and found)
    assert page(server, made)[0]["item"] == item
    assert 1 < made["total"] <= 1000


def test_what_can_be_filtered_by(server: Server) -> None:
    bulk(server, value=value("a"), items=[1])
    found = server.ask("/tasks/main/choices")
    assert found["columns"] == ["id", "colour", "x", "y"]
    assert found["annotators"] == [server.ask("/me")["name"]]


def test_a_sheet_is_leased_and_answered_at_once(server: Server) -> None:
    sheet = until(lambda: (found := server.ask("/tasks/screen/sheet?n=16"))["items"] and found)
    again = server.ask("/tasks/screen/sheet?n=32")["items"]
    assert [card["item"] for card in again[:16]] == [card["item"] for card in sheet["items"]]
    assert {"row", "query", "purpose"} <= set(sheet["items"][0])
    labels = [
        {
            "id": str(uuid.uuid4()),
            "item": card["item"],
            "query": card["query"],
            "value": value("odd" if at == 3 else "dull"),
        }
        for at, card in enumerate(sheet["items"])
    ]
    assert server.ask("/tasks/screen/labels", {"labels": labels})["written"] == 16
    rest = server.ask("/tasks/screen/sheet?n=16")["items"]
    assert not {card["item"] for card in rest} & {card["item"] for card in sheet["items"]}


def test_without_an_audit_there_is_no_sheet_of_one(server: Server) -> None:
    code, said = server.refused("/tasks/screen/sheet?n=16&purpose=certify")
    assert code == 422
    assert "certify" in said["hint"]


def test_the_hidden_items_of_an_audit_look_like_all_others(tmp_path: Path) -> None:
    toy = toy_odd(300, 20)
    np.save(tmp_path / "x.npy", toy.x)
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy", task="screen") as project:
        rows = np.r_[np.flatnonzero(toy.y)[:8], np.flatnonzero(toy.y == 0)[:40]]
        project.label([str(row) for row in rows], ["odd" if toy.y[row] else "dull" for row in rows], by="ann")
        project.draw_audit(60, hidden=4)
    with serving(tmp_path / "p.sieve") as server:
        cards: list[dict[str, Any]] = []
        while len(cards) < 60:
            sheet = server.ask("/tasks/main/sheet?n=16&purpose=certify")
            cards += sheet["items"]
            labels = [
                {"id": str(uuid.uuid4()), "item": one["item"], "query": one["query"], "value": value("dull")}
                for one in sheet["items"]
            ]
            assert server.ask("/tasks/main/labels", {"labels": labels})["written"] == len(labels)
            if not sheet["left"]:
                break
        known = {int(row) + 1 for row in rows}
        hidden = [card for card in cards if card["item"] in known]
        assert len(hidden) == 4
        assert len({(card["purpose"], card["why"], str(card["mine"]), str(card["guess"])) for card in cards}) == 1
        assert len({tuple(sorted(card)) for card in cards}) == 1
        assert server.refused("/tasks/main/sheet?n=16&purpose=certify")[0] == 409  # all of it is answered
        made = server.ask("/tasks/main/views", {"filter": {"what": "purpose", "purposes": ["repeat"]}})
        assert made["total"] == 0
        made = server.ask("/tasks/main/views", {"filter": {"what": "purpose", "purposes": ["certify"]}})
        assert made["total"] == len({card["item"] for card in cards})
        with closing(sqlite3.connect(server.root / "labels.sqlite")) as ledger:
            truth = {card["item"] for card in hidden}
            tiles = [tile for tile in page(server, made) if tile["item"] in truth]
            assert all(tile["label"]["names"] == ["odd"] for tile in tiles)  # the answer measures the reviewer alone
            assert ledger.execute("SELECT COUNT(*) FROM events WHERE query IS NOT NULL").fetchone()[0] == len(cards)

"""The table of jobs: what waits, what is taken up again, what is given up, what is forgotten; and the pace of one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import labelsieve as ls
from labelsieve.core.errors import InputError
from labelsieve.project.database import Ledger
from labelsieve.project.jobs import joblogs, table
from labelsieve.project.jobs.kinds import kind_called
from labelsieve.project.jobs.pulse import Pace
from labelsieve.project.jobs.table import Cancelled


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Ledger]:
    np.save(tmp_path / "x.npy", np.zeros((4, 2), np.float32))
    with ls.create(tmp_path / "p.sieve", tmp_path / "x.npy") as project:
        yield project.context.conn


def test_the_same_job_waits_once(conn: Ledger) -> None:
    first = table.add(conn, "embed", "long", "main", {"engine": "x"})
    assert table.add(conn, "embed", "long", "main", {"engine": "x"}).id == first.id
    assert table.add(conn, "embed", "long", "main", {"engine": "y"}).id != first.id
    claimed = table.claim(conn, "long")
    assert claimed is not None
    assert claimed.id == first.id
    assert table.add(conn, "embed", "long", "main", {"engine": "x"}).id != first.id  # that one runs already
    assert table.claim(conn, "rounds") is None


def test_a_running_job_stops_where_it_next_says_something(conn: Ledger) -> None:
    id_ = table.add(conn, "embed", "long", "main", {}).id
    table.claim(conn, "long")
    table.tell(conn, id_, 5, 10, "embedding", {"rate": 2.0, "left": 2.5})
    assert table.get(conn, id_).result == {"rate": 2.0, "left": 2.5}
    assert not table.beat(conn, id_)
    table.cancel(conn, id_)
    assert table.beat(conn, id_)
    with pytest.raises(Cancelled):
        table.tell(conn, id_, 6, 10)
    table.finish(conn, id_, "cancelled", {})
    table.finish(conn, id_, "done", {"late": 1})  # what has ended stays as it is
    assert (table.get(conn, id_).state, table.get(conn, id_).result) == ("cancelled", {})
    assert table.resume(conn, id_).state == "waiting"
    with pytest.raises(InputError, match="is waiting"):
        table.resume(conn, id_)


def test_a_job_that_takes_its_workers_with_it_is_given_up(conn: Ledger) -> None:
    id_ = table.add(conn, "embed", "long", "main", {}).id
    for died in range(1, table.TRIES + 1):
        table.claim(conn, "long")
        table.recover(conn, "long")  # a server that was stopped: nobody's fault
        table.claim(conn, "long")
        table.tell(conn, id_, 1, 10, "", {"rate": 1.0})
        table.recover(conn, "long", died=True)
        expected = "waiting" if died < table.TRIES else "failed"
        assert table.get(conn, id_).state == expected
    assert "workers ended" in table.get(conn, id_).result["error"]
    table.resume(conn, id_)
    table.claim(conn, "long")
    assert table.recover(conn, "long", died=True) == 1  # a new chance


def test_what_was_cancelled_while_no_worker_ran_is_cancelled(conn: Ledger) -> None:
    id_ = table.add(conn, "embed", "long", "main", {}).id
    table.claim(conn, "long")
    table.cancel(conn, id_)
    table.recover(conn, "long", died=True)
    assert table.get(conn, id_).state == "cancelled"


def test_old_jobs_are_forgotten_but_the_last_of_each_kind(conn: Ledger) -> None:
    def done(kind: str, lane: table.Lane) -> int:
        id_ = table.add(conn, kind, lane, "main", {}).id
        table.claim(conn, lane)
        table.finish(conn, id_, "done", {})
        return id_

    first = done("index", "long")
    rounds = [done("round", "rounds") for _ in range(10)]
    others = [done("embed", "long") for _ in range(4)]
    gone = table.sweep(conn, keep=3)
    assert sorted(gone) == [*rounds[:7], *others[:1]]
    left = {job.id for job in table.listed(conn, limit=100)}
    assert left == {first, *rounds[7:], *others[1:]}
    assert [job.id for job in table.listed(conn, lane="rounds")] == rounds[:6:-1]


def test_arguments_are_checked() -> None:
    kind = kind_called("embed")
    assert kind.checked({"engine": "patches", "relearn": False, "maps": ""}) == {"engine": "patches"}
    for wrong in ({"enginee": "x"}, {"engine": 1}, {"relearn": 1}, {"engine": "x" * 2000}):
        with pytest.raises(InputError):
            kind.checked(wrong)


def test_the_pace_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    assert pace.at(0, 100, "reading", 0.0) == {}
    assert pace.at(0, 1000, "embedding", 10.0) == {}
    assert pace.at(20, 1000, "embedding", 12.0) == {"rate": 10.0, "left": 98.0}
    for second in range(13, 60):
        found = pace.at(20 + (second - 12) * 5, 1000, "embedding", float(second))
    assert found == {"rate": 5.0, "left": 149.0}
    assert pace.at(0, 1000, "embedding", 61.0) == {}  # it has begun anew


def test_the_log_of_a_job_is_kept_where_it_wrote_something(tmp_path: Path) -> None:
    import os

    with joblogs.kept(tmp_path, 1):
        pass
    assert joblogs.tail(tmp_path, 1) == ""
    assert not (tmp_path / "cache" / "jobs" / "1.log").exists()
    with joblogs.kept(tmp_path, 2):
        os.write(2, b"said by C code\n")
    assert joblogs.tail(tmp_path, 2) == "said by C code\n"
    (tmp_path / "long").write_text("a\n" * 100, encoding="utf-8")
    assert joblogs.tail_of(tmp_path / "long", 11) == "a\n" * 5
    joblogs.forget(tmp_path, [1, 2])
    assert joblogs.tail(tmp_path, 2) == ""

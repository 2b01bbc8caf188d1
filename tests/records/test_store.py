"""The file: nothing twice, nothing for ever, nothing without bound; and what it does when it cannot be written."""

from __future__ import annotations

import resource
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from controller.records.reading import NotKeptError, Reader, Wanted
from controller.records.rows import Batch, CallRow, call_row, failover_row
from controller.records.store import FILE, Store
from tests.records.made import attempt, call, record, time, wire


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / FILE)) as made:
        yield made


def reader(store: Store) -> Reader:
    return Reader(store.path.parent)


def test_what_is_told_again_is_kept_once(store: Store) -> None:
    batch = Batch([call(1), call(2)], [], [time(3)])
    store.write(batch)
    store.write(batch)
    assert [row["id"] for row in reader(store).calls(Wanted())] == [2, 1]
    assert len(reader(store).times()) == 1
    assert oct(store.path.stat().st_mode & 0o777) == "0o600"


def test_what_is_old_is_forgotten_each_by_its_own_age(store: Store) -> None:
    store.write(
        Batch([call(n, n) for n in range(10)], [wire(n, n) for n in range(10)], [time(n, n) for n in range(10)])
    )
    assert store.forget(10.0, calls=5.0, wire=2.0) == 5 + 8 + 5
    assert [row["at"] for row in reader(store).calls(Wanted())] == [9.0, 8.0, 7.0, 6.0, 5.0]
    assert [_messages(store, number) for number in (7, 8, 9)] == [0, 1, 1]
    store.write(Batch([call(20, 20.0)], [], []))
    assert reader(store).calls(Wanted())[0]["id"] > 10  # a number never comes again


def _messages(store: Store, number: int) -> int:
    found = reader(store).call(f"call-{number}@host")
    assert found is not None
    return len(found["messages"])


def test_it_never_holds_more_than_it_may_and_calls_stay_longest(store: Store) -> None:
    big = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: x@host\r\n\r\n" + b"x" * 1000
    store.write(
        Batch(
            [call(n, n) for n in range(500)], [wire(n, n, big) for n in range(5000)], [time(n, n) for n in range(500)]
        )
    )
    assert store.size() > 4_000_000
    store.forget(0.0, calls=1e9, wire=1e9, most=2_500_000)
    assert store.size() <= 2_500_000
    assert len(reader(store).calls(Wanted(limit=1000))) == 500
    store.forget(0.0, calls=1e9, wire=1e9, most=200_000)
    assert store.size() <= 200_000


def test_a_file_that_somebody_has_locked_is_written_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.records.store._BUSY", 0.01)
    store.write(Batch([call(1)], [], []))
    store.close()
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.write(Batch([call(2)], [], []))
        assert len(reader(store).calls(Wanted())) == 1  # whoever looks need not wait
        other.execute("ROLLBACK")
    store.write(Batch([call(2)], [], []))
    assert len(reader(store).calls(Wanted())) == 2


def test_a_file_that_could_not_be_made_is_made_later(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was half opened must not be taken for ready."""
    monkeypatch.setattr("controller.records.store._BUSY", 0.01)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            store.write(Batch([call(1)], [], []))
        other.execute("ROLLBACK")
    store.write(Batch([call(1)], [], []))
    assert len(reader(store).calls(Wanted())) == 1


def test_a_file_that_was_taken_away_is_begun_anew(store: Store) -> None:
    store.write(Batch([call(1)], [], []))
    for path in store.path.parent.iterdir():
        path.unlink()
    store.write(Batch([call(2)], [], []))
    assert [row["call"] for row in reader(store).calls(Wanted())] == ["call-2@host"]


@contextmanager
def _full_disk(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_is_full_costs_nothing_that_was_kept(store: Store) -> None:
    store.write(Batch([call(1)], [], []))
    batch = Batch([call(n) for n in range(2, 600)], [], [])
    with _full_disk(150_000), pytest.raises(sqlite3.Error):
        store.write(batch)
    assert len(reader(store).calls(Wanted(limit=1000))) == 1
    store.write(batch)
    assert len(reader(store).calls(Wanted(limit=1000))) == 599


@pytest.mark.parametrize("what", [b"no database at all, but long enough to be looked at" * 100, b""])
def test_a_file_that_is_no_database_is_put_aside(store: Store, what: bytes) -> None:
    store.path.write_bytes(what)
    store.write(Batch([call(1)], [], []))
    assert len(reader(store).calls(Wanted())) == 1
    aside = store.path.with_name(f"{FILE}.unreadable")
    assert not what or aside.read_bytes() == what


@pytest.mark.parametrize("is_writing", [True, False])
def test_a_file_that_is_damaged_within_is_put_aside_when_that_is_seen(store: Store, is_writing: bool) -> None:
    store.write(Batch([call(n, n) for n in range(1000)], [wire(n, n) for n in range(1000)], []))
    store.close()
    data = bytearray(store.path.read_bytes())
    data[4096:-4096] = b"\xaa" * (len(data) - 8192)
    store.path.write_bytes(data)
    if is_writing:
        store.write(Batch([call(1001)], [], []))
        assert [row["call"] for row in reader(store).calls(Wanted())] == ["call-1001@host"]
    else:
        store.forget(2000.0, calls=10.0, wire=10.0)
    assert "malformed" in store.aside
    assert store.path.with_name(f"{FILE}.unreadable").read_bytes() == data


def test_what_another_version_made_is_put_aside_with_all_that_belongs_to_it(store: Store) -> None:
    store.write(Batch([call(1)], [], []))
    with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("PRAGMA user_version=7")
        store.close()
        store.write(Batch([call(2)], [], []))
    assert "made by another version (7" in store.aside
    with closing(sqlite3.connect(f"{store.path}.unreadable")) as other:
        assert other.execute("SELECT call FROM calls").fetchall() == [("call-1@host",)]
    store.forget(10_000.0, calls=100.0, wire=100.0)  # by the age of the file, which is of this century
    assert store.path.with_name(f"{FILE}.unreadable").exists()
    store.forget(1e11, calls=100.0, wire=100.0)
    assert not store.path.with_name(f"{FILE}.unreadable").exists()


def test_a_number_is_erased_however_it_is_written_and_wherever_it_stands(store: Store) -> None:
    """The other side of a call outward is a person too, and failovers tell whom it was for."""
    lost = [attempt("dialled via carrier-a", cause="503", ended=1.0), attempt("dialled via carrier-b")]
    told = record(1, did="4915112345678", attempts=lost, winner="dialled via carrier-b")
    failover = failover_row(told, "calls", "life", 1, 1000.0)
    assert failover is not None
    store.write(Batch([call_row(told, "life", 1), call(2)], [], [failover, time(3)]))
    assert store.erase("+4915112345678") == 1
    assert [row["did"] for row in reader(store).calls(Wanted())] == ["+15557000"]
    assert [row["kind"] for row in reader(store).times()] == ["trunk"]


def test_phones_that_rang_together_are_no_failover(store: Store) -> None:
    """Nor is a caller who hangs up while two of them ring; one that was silent while another rang in its place is."""
    winner = attempt("b via y", rang=0.1, milestone="answered")
    rows = {
        "together": [attempt("a via x", cause="COMPLETED_ELSEWHERE", ended=3.0, milestone="alerting"), winner],
        "busy": [attempt("a via x", cause="486", ended=3.0), winner],
        "silent": [attempt("a via x", cause="COMPLETED_ELSEWHERE", ended=3.0), winner | {"hedge": True}],
    }
    failovers = []
    for number, (name, attempts) in enumerate(rows.items(), 1):
        told = record(number, attempts=attempts, winner="b via y", did=name)
        store.write(Batch([call_row(told, "life", number)], [], []))
        failovers += [name] if failover_row(told, "calls", "life", number, 1.0) else []
    assert failovers == ["busy", "silent"]
    assert [row["did"] for row in reader(store).calls(Wanted(failed=True))] == ["silent", "busy"]
    gone = record(attempts=[attempt("a via x", cause="WITHDRAWN"), attempt("b via y", cause="WITHDRAWN")], winner=None)
    assert failover_row(gone, "calls", "life", 9, 1.0) is None


def test_a_number_is_erased_with_its_messages(store: Store) -> None:
    store.write(Batch([call(1), call(2, did="+1999", caller="+1888")], [wire(1), wire(2)], []))
    assert store.erase("+15550001") == 1
    assert [row["did"] for row in reader(store).calls(Wanted())] == ["+1999"]
    assert reader(store).call("call-1@host") is None
    assert _messages(store, 2) == 1
    kept = b"".join(path.read_bytes() for path in store.path.parent.iterdir())
    assert b"call-2@host" in kept
    assert b"call-1@host" not in kept


def test_calls_are_found_by_what_people_ask(store: Store) -> None:
    lost = [attempt("front-desk via hq-pbx", cause="503"), attempt("desk via carrier-a/192.0.2.9:5060/udp")]
    store.write(
        Batch(
            [
                call(1, 1.0),
                call(2, 2.0, attempts=lost, winner="desk via carrier-a/192.0.2.9:5060/udp"),
                call(3, 3.0, status=486, winner=None, cause="EXHAUSTED", from_trunk="carrier-b"),
            ]
        )
    )

    def ask(wanted: Wanted) -> list[int]:
        return [row["id"] for row in reader(store).calls(wanted)]

    assert ask(Wanted()) == [3, 2, 1]
    assert ask(Wanted(limit=2)) == [3, 2]
    assert ask(Wanted(before=2)) == [1]
    assert ask(Wanted(failed=True)) == [3, 2]
    assert ask(Wanted(status="486")) == [3]
    assert ask(Wanted(status="4xx")) == [3]
    assert ask(Wanted(trunk="carrier-a")) == [2]  # whichever address of it
    assert ask(Wanted(trunk="carrier")) == []
    assert ask(Wanted(trunk="carrier-b")) == [3]
    assert ask(Wanted(since=2.0)) == [3, 2]
    assert ask(Wanted(did="15557000")) == [3, 2, 1]
    assert ask(Wanted(did="' OR 1=1 --")) == []


def test_a_caller_who_tries_again_by_one_call_id_has_two_ladders(store: Store) -> None:
    one = record_of(1, 10.0)
    two = record_of(2, 15.0)
    rows = [wire(1, at) for at in (10.001, 10.2, 15.001, 15.3)]
    store.write(Batch([one, two], rows, []))
    for named, times in (("1", [10.001, 10.2]), ("2", [15.001, 15.3]), ("call-1@host", [15.001, 15.3])):
        found = reader(store).call(named)
        assert found is not None
        assert [row.at for row in found["messages"]] == times
    assert reader(store).call("call-1") is not None  # its beginning is enough
    assert reader(store).call("nobody") is None


def record_of(number: int, at: float) -> CallRow:
    return call(1, at)._replace(number=number)


def test_where_nothing_is_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotKeptError, match="nothing is kept there; write 'records' or 'console'"):
        Reader(tmp_path).calls(Wanted())
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(NotKeptError, match="cannot be read"):
        Reader(tmp_path).calls(Wanted())

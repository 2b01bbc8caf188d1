"""The spool: what was put in and not done is there in the next life, whenever this one ended and whatever the disk did."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import spool as module
from controller.keys import load_keys, rotate_keys
from controller.spool import Spool


class Desk:
    """A state folder, and what was complained of."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "some.spool"
        self.complaints: list[str] = []
        self.spool = self.next_life()

    def next_life(self) -> Spool:
        self.spool = Spool(self.path, self.complaints.append)
        return self.spool

    def write(self, *work: tuple[str, dict[str, str] | None]) -> None:
        """Hand over, and wait until the thread has had its say: `close` waits for it."""
        for key, data in work:
            if data is None:
                self.spool.done(key)
            else:
                self.spool.put(key, data)
        self.spool.close()


def test_what_is_not_done_is_there_in_the_next_life_sealed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.write(("a", {"to": "+4915112345678"}), ("b", {"to": "+15550100"}), ("a", None))
    text = desk.path.read_bytes()
    assert b"+15550100" not in text
    assert b'"to"' not in text
    assert desk.path.stat().st_mode & 0o777 == 0o600
    assert desk.next_life().read() == {"b": {"to": "+15550100"}}
    desk.write(("b", None))
    assert desk.path.read_bytes() == b""
    assert desk.next_life().read() == {}
    assert desk.complaints == []


def test_nothing_is_there_without_an_entry(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert desk.spool.read() == {}
    desk.spool.close()
    assert not list(tmp_path.iterdir())


def test_keys_may_be_rotated_meanwhile_and_strange_lines_are_passed_over(tmp_path: Path) -> None:
    load_keys(tmp_path)
    desk = Desk(tmp_path)
    desk.write(("a", {"n": "1"}))
    rotate_keys(tmp_path)
    line = desk.path.read_text().strip()
    forged = line.replace("+a ", "+b ")  # a seal holds for its key alone
    desk.path.write_text(f"{line}\n{forged}\n+c AAAA\n+d\n?\n\xff\n-nobody\n", encoding="latin-1")
    assert desk.next_life().read() == {"a": {"n": "1"}}
    desk.write(("e", {"n": "2"}))
    assert len(desk.path.read_text().splitlines()) == 2
    assert desk.next_life().read() == {"a": {"n": "1"}, "e": {"n": "2"}}


def test_the_file_is_written_anew_before_it_grows_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 20)
    desk = Desk(tmp_path)
    desk.spool._write([("first", {"n": "0"})])
    for number in range(100):  # as the thread does, batch by batch
        desk.spool._write([(str(number), {"n": "1"})])
        desk.spool._write([(str(number), None)])
        assert len(desk.path.read_text().splitlines()) <= 20
    assert desk.next_life().read() == {"first": {"n": "0"}}
    desk.spool._write([(str(number), {"n": "1"}) for number in range(30)])  # more are open than that
    assert len(desk.next_life().read()) == 31


def test_a_disk_that_takes_nothing_is_said_once_and_costs_nothing_once_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER", 0.01)
    load_keys(tmp_path)
    desk, wrote, tries = Desk(tmp_path), threading.Event(), []
    write_whole = module.write_whole

    def fail(path: Path, data: bytes, *, durable: bool = False) -> None:
        tries.append(path)
        if len(tries) < 5:
            raise OSError(28, "No space left on device")
        write_whole(path, data, durable=durable)
        wrote.set()

    monkeypatch.setattr(module, "write_whole", fail)
    desk.spool.put("a", {"n": "1"})
    assert wrote.wait(20.0)
    desk.spool.close()
    assert len(desk.complaints) == 1
    assert "No space left on device" in desk.complaints[0]
    assert desk.next_life().read() == {"a": {"n": "1"}}


def test_a_line_that_was_written_in_part_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER", 60.0)
    desk, said = Desk(tmp_path), threading.Event()
    desk.spool = Spool(desk.path, lambda _why: said.set())
    append = Spool._append

    def fail(spool: Spool, text: str) -> None:
        append(spool, text[: len(text) // 2])
        raise OSError(28, "No space left on device")

    desk.spool._write([("a", {"n": "1"})])
    monkeypatch.setattr(Spool, "_append", fail)
    desk.spool.put("b", {"n": "2"})
    assert said.wait(20.0)
    monkeypatch.setattr(Spool, "_append", append)
    desk.write(("c", {"n": "3"}))
    assert desk.next_life().read() == {"a": {"n": "1"}, "b": {"n": "2"}, "c": {"n": "3"}}


WORK = st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=12)


@settings(deadline=None)
@given(lives=st.lists(WORK, min_size=1, max_size=4), cut=st.integers(0, 400))
def test_a_crash_costs_at_most_what_was_being_written(lives: list[list[tuple[str, bool]]], cut: int) -> None:
    with TemporaryDirectory() as folder:
        load_keys(Path(folder))
        desk, expected = Desk(Path(folder)), dict[str, dict[str, str]]()
        for life, work in enumerate(lives):
            assert desk.next_life().read() == expected
            for number, (key, is_new) in enumerate(work):
                if is_new:
                    expected[key] = {"n": f"{life}.{number}"}
                else:
                    expected.pop(key, None)
            desk.write(*[(key, {"n": f"{life}.{number}"} if new else None) for number, (key, new) in enumerate(work)])
            if desk.path.exists():  # what a crash in the middle of the next line leaves
                with desk.path.open("ab") as out:
                    out.write(f"+z {'QUFB' * 100}"[:cut].encode())
        assert desk.next_life().read() == expected

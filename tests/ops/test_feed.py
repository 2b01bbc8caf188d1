"""What a daemon tells those who watch: in order, once, and without ever waiting for them."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from controller import feed, followers
from controller.feed import HELLO, KEPT, WAITING, Feed, Item, follow


def show(news: Any) -> tuple[str, dict[str, Any]]:
    return "news", {"what": news}


def run(folder: Path, act: Callable[[Feed], Awaitable[None]]) -> None:
    async def main() -> None:
        made = Feed(folder, show)
        made.start(asyncio.get_running_loop())
        try:
            await act(made)
        finally:
            made.close()
            made.close()

    asyncio.run(main())
    assert not (folder / feed.FILE).exists()


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until it holds."""
    for _ in range(100_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never did")


def is_behind(made: Feed) -> bool:
    return any(each.waiting for each in made._followers)


async def hear(folder: Path, heard: list[Item], wanted: int) -> None:
    """Follow until so many news were heard."""
    enough = asyncio.Event()

    def take(items: list[Item]) -> None:
        heard.extend(items)
        if sum(kind != HELLO for _, kind, _, _ in heard) >= wanted:
            enough.set()

    task = asyncio.get_running_loop().create_task(follow(folder, feed.FILE, take, lambda _: None))
    async with asyncio.timeout(30):
        await enough.wait()
    task.cancel()


def test_whoever_comes_later_hears_what_was_kept_and_then_what_comes(tmp_path: Path) -> None:
    async def act(made: Feed) -> None:
        for number in range(KEPT + 5):
            made.tell(number, 1.5)
        made.tell("passing", 2.0, keep=False)
        heard: list[Item] = []
        task = asyncio.get_running_loop().create_task(hear(tmp_path, heard, KEPT + 1))
        await until(lambda: made.is_followed)
        made.tell("last", 3.0)
        made.flush()
        await task
        first, *rest = heard
        assert (first[0], first[1]) == (0, HELLO)
        assert [number for number, *_ in rest] == [*range(6, KEPT + 6), KEPT + 7]
        assert rest[-1][1:] == ("news", 3.0, {"what": "last"})
        await until(lambda: not made.is_followed)  # it has gone, and that is noticed

    run(tmp_path, act)


def test_nobody_waits_for_a_follower_that_does_not_read(tmp_path: Path) -> None:
    async def act(made: Feed) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as deaf:
            deaf.connect(str(tmp_path / feed.FILE))
            await until(lambda: made.is_followed)
            for number in range(WAITING * 2):
                made.tell("x" * 1000 + str(number), 0.0)
                made.flush()
            assert made.lost > 0
            heard: list[Item] = []
            task = asyncio.get_running_loop().create_task(hear(tmp_path, heard, KEPT))
            await task  # others hear everything
            assert heard[-1][3]["what"].endswith(str(WAITING * 2 - 1))

    run(tmp_path, act)


def test_what_is_too_large_for_a_packet_goes_lost_alone(tmp_path: Path) -> None:
    async def act(made: Feed) -> None:
        made.tell("x" * feed.MOST_BYTES, 0.0)
        made.tell("small", 0.0)
        heard: list[Item] = []
        await hear(tmp_path, heard, 1)
        assert [item[0] for item in heard] == [0, 2]
        assert made.lost == 1

    run(tmp_path, act)


def test_what_is_large_goes_alone_and_what_is_too_large_without_its_longest_lists(tmp_path: Path) -> None:
    """A call whose chain had a thousand candidates is a call all the same."""

    async def act(made: Feed) -> None:
        made._show = lambda news: ("call", news)
        large = {"call": "one", "decisions": ["x" * 190_000], "attempts": [1, 2], "skipped": ["y"]}
        huge = {"call": "two", "decisions": ["x" * 300_000], "attempts": [1, 2], "skipped": ["y" * 200_000]}
        for news in ({"call": "zero"}, large, huge, {"call": "three"}):
            made.tell(news, 0.0)
        heard: list[Item] = []
        await hear(tmp_path, heard, 4)
        assert [item[3] for item in heard[1:]] == [
            {"call": "zero"},
            large,
            {**huge, "decisions": [], "skipped": [], "cut": ["decisions", "skipped"]},
            {"call": "three"},
        ]
        assert made.lost == 0

    run(tmp_path, act)


def test_every_kind_of_news_has_a_word() -> None:
    from typing import get_args

    from controller.news import KINDS, AnyNews

    assert set(KINDS) == set(get_args(AnyNews))
    assert len(set(KINDS.values())) == len(KINDS)


def test_whoever_wakes_up_gets_what_waits_a_packet_at_a_time(tmp_path: Path) -> None:
    """The process for calls does nothing else while it packs: one that was stopped must not cost it more than a packet."""

    async def act(made: Feed) -> None:
        shown: list[int] = []
        made._show = lambda news: (shown.append(1), show(news))[1]  # type: ignore[func-returns-value]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sleepy:
            sleepy.connect(str(tmp_path / feed.FILE))
            await until(lambda: made.is_followed)
            for number in range(5000):
                made.tell("x" * 100 + str(number), 0.0)
            heard, most = 1, 0  # hello
            made.flush()
            while is_behind(made):
                before = len(shown)
                await asyncio.sleep(0)
                most = max(most, len(shown) - before)
                while is_behind(made):  # it reads faster than we send
                    try:
                        heard += sleepy.recv(feed.PACKET_BYTES, socket.MSG_DONTWAIT).count(b'"news"')
                    except BlockingIOError:
                        break
            assert 0 < most <= 2 * feed.PACKET_ITEMS
            assert made.lost == 0
            while heard < 5001:
                heard += sleepy.recv(feed.PACKET_BYTES, socket.MSG_DONTWAIT).count(b'"news"')

    run(tmp_path, act)


def test_what_the_kernel_does_not_take_goes_lost_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MOST_BYTES", 8 << 20)  # more than any socket's buffer

    async def act(made: Feed) -> None:
        for size in (10, 4 << 20, 20):
            made.tell("x" * size, 0.0)
        heard: list[Item] = []
        await hear(tmp_path, heard, 2)
        assert [item[0] for item in heard] == [0, 1, 3]
        assert made.lost == 1

    run(tmp_path, act)


def test_where_no_file_is_left_nobody_is_let_in_and_the_loop_does_not_turn_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followers, "PAUSE", 0.01)

    async def act(made: Feed) -> None:
        tried = 0
        real = made._sock.accept

        class Full:
            """A listening socket, and no file for who comes."""

            def __getattr__(self, name: str) -> Any:
                return getattr(sock, name)

            def accept(self) -> Any:
                nonlocal tried
                tried += 1
                if tried < 3:
                    raise OSError(errno.EMFILE, "Too many open files")
                return real()

        sock, made._sock = made._sock, Full()  # type: ignore[assignment]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as one:
            one.connect(str(tmp_path / feed.FILE))
            for _ in range(50):
                await asyncio.sleep(0)
            assert tried == 1
            await until(lambda: made.is_followed)
        made._sock = sock

    run(tmp_path, act)

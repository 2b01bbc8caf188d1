"""What a broker retains is what holds, however often and however long it was away."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import pytest
from rich.console import Console

from controller.ops.consumer import Event
from controller.ops.mqtt import link
from controller.ops.mqtt.consumer import Mqtt, NotPublishedError
from controller.ops.mqtt.outbox import WAITING
from controller.status_table import print_status
from controller.types.ops import Mqtt as Settings
from tests.certificates import Workshop
from tests.ops.mqtt.broker import HOST, Broker, Seen, broker, password_file, retained, watch
from tests.ops.mqtt.sample import ALL_UP, PLAN, compiled, consumer, picture

STATUS, A = "callward/main/status", "callward/main/trunk/carrier-a"

Act = Callable[[Mqtt, Broker], Awaitable[None]]


def play(
    folder: Path, port: int, act: Act, *lines: str, settings: Settings | None = None, says: TextIO = sys.stderr
) -> None:
    """One broker, one consumer."""
    settings = settings or Settings(HOST, port)

    async def main() -> None:
        faults: list[BaseException] = []
        async with broker(folder, port, *(lines or ("allow_anonymous true",))) as one:
            async with consumer(folder, compiled(folder), settings, faults, says) as mqtt:
                mqtt.see(picture(ALL_UP))
                await act(mqtt, one)
            assert not faults, faults

    asyncio.run(main())


def printed(status: dict[str, Any]) -> str:
    """As `callward status` shows it."""
    text = StringIO()
    print_status(status, Console(file=text, width=200))
    return text.getvalue()


async def online(port: int) -> Seen:
    """What a broker retains once we say that we are there."""
    async with watch(port) as seen:
        await seen.until(lambda seen: seen.word(STATUS) == "online")
    return seen


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_the_picture_comes_before_we_are_online_and_we_say_that_we_go(
    tmp_path: Path, free_port: int, version: str
) -> None:
    async def act(mqtt: Mqtt, _: Broker) -> None:
        async with watch(free_port) as seen:
            await seen.until(lambda seen: seen.word(STATUS) == "online")
            topics = [topic for topic, _ in seen.history]
            assert topics.index(STATUS) > topics.index(A)
            assert seen.word(A) == "up"
            assert seen.data(f"{A}/state")["site"] == "hq"
            mqtt.see(picture({**ALL_UP, "carrier-a": "down"}, up=3))
            await seen.until(lambda seen: seen.word(A) == "down" and seen.word("callward/main/calls/up") == "3")
            assert seen.word("callward/main/site/hq") == "degraded"
            mqtt.see(picture(None))
            await seen.until(lambda seen: seen.word(A) == "unknown" and seen.word("callward/main/calls") == "offline")
            await seen.until(lambda seen: "callward/main/calls/up" not in seen.retained)
            assert seen.word("callward/main/site/hq") == "unknown"
            said = len(seen.history)
            mqtt.see(picture(None))
            mqtt.hear(Event("calls", "trunk", 1.0, {"trunk": "carrier-a", "at": 5.0, "why": "a call of +15557001234"}))
            mqtt.hear(Event("calls", "call", 1.0, {"caller": "+15557001234"}))
            mqtt.hear(Event("calls", "trunk", 1.0, {"trunk": "carrier-a"}, old=True))
            await mqtt.publish("alert/x", b"last")
            await seen.until(lambda seen: "callward/main/alert/x" in seen.retained)
            told = [each for each in seen.history[said:] if "/event/" in each[0] or "/alert/" in each[0]]
            assert [topic for topic, _ in told] == ["callward/main/event/trunk", "callward/main/alert/x"]
            event = told[0][1]
            assert b'"at":1.0' in event
            assert b"1234" not in event
            await mqtt.close()
            await seen.until(lambda seen: seen.word(STATUS) == "offline")

    play(tmp_path, free_port, act, settings=Settings(HOST, free_port, version=version))


def test_an_alert_is_retained_while_it_is_open_and_told_only_to_a_broker_that_is_there(
    tmp_path: Path, free_port: int
) -> None:
    retained_at, event = "callward/main/alert/i-1", "callward/main/event/alert"
    notice = {"id": "i-1", "title": "carrier a: both trunks are down"}

    async def act(mqtt: Mqtt, one: Broker) -> None:
        await online(free_port)
        async with watch(free_port) as seen:
            assert await mqtt.hand_over(notice, "trigger")
            await seen.until(lambda seen: retained_at in seen.retained and seen.data(retained_at) == notice)
            await seen.until(lambda seen: event in dict(seen.history))
            assert json.loads(dict(seen.history)[event])["what"] == "trigger"
        one.end()
        while mqtt._link.is_up:  # noqa: ASYNC110  # nothing else tells
            await asyncio.sleep(0.01)
        shown = (await mqtt.show({}))["status"]
        assert (shown["up"], shown["broker"]) == (False, f"localhost:{free_port}")
        assert shown["why"] in printed({"mqtt": shown})
        assert not await mqtt.hand_over({**notice, "id": "i-2"}, "trigger")  # it is for another way to tell that
        assert await mqtt.hand_over({**notice, "title": "all are down"}, "update")
        await one.start()
        seen = await online(free_port)
        assert seen.data(retained_at)["title"] == "all are down"
        assert "callward/main/alert/i-2" in seen.retained
        async with watch(free_port) as seen:
            assert await mqtt.hand_over(notice, "resolve")
            await seen.until(lambda seen: retained_at not in seen.retained and event in dict(seen.history))

    play(tmp_path, free_port, act)


def test_two_of_one_name_take_turns_ever_more_slowly(tmp_path: Path, free_port: int) -> None:
    async def act(mqtt: Mqtt, _: Broker) -> None:
        async with watch(free_port) as seen:
            await seen.until(lambda seen: seen.word(STATUS) == "online")
            faults: list[BaseException] = []
            async with consumer(tmp_path, compiled(tmp_path), Settings(HOST, free_port), faults) as other:
                other.see(picture(ALL_UP))
                while mqtt._link._pause < 1.0 and other._link._pause < 1.0:  # noqa: ASYNC110  # nothing else tells
                    await asyncio.sleep(0.01)
                assert sum(topic == STATUS for topic, _ in seen.history) < 20
            assert not faults, faults
            await seen.until(lambda seen: seen.word(STATUS) == "online")

    play(tmp_path, free_port, act)


@pytest.mark.parametrize("keeps", [False, True])
def test_a_broker_that_was_away_while_things_changed_is_right_at_once(
    tmp_path: Path, free_port: int, keeps: bool
) -> None:
    """With what it had kept on its disk, and with nothing."""

    async def act(mqtt: Mqtt, one: Broker) -> None:
        await online(free_port)
        one.end(signal.SIGTERM if keeps else signal.SIGKILL)
        mqtt.see(picture({**ALL_UP, "carrier-a": "down"}))
        await one.start()
        seen = await online(free_port)
        assert seen.word(A) == "down"
        assert seen.word("callward/main/trunk/hq-pbx") == "up"
        # whoever saw us online saw nothing stale: the last word about the trunk came before
        last = max(i for i, (topic, payload) in enumerate(seen.history) if (topic, payload) == (STATUS, b"online"))
        assert max(i for i, (topic, _) in enumerate(seen.history) if topic == A) < last or not keeps

    kept = ("persistence true", f"persistence_location {tmp_path}/") if keeps else ()
    play(tmp_path, free_port, act, "allow_anonymous true", *kept)


def test_what_no_longer_exists_is_cleared_also_where_it_went_while_we_were_away(tmp_path: Path, free_port: int) -> None:
    settings = Settings(HOST, free_port, discovery="homeassistant")
    gone = [f"callward/main/trunk/carrier.b{more}" for more in ("", "/state")]

    async def main() -> None:
        faults: list[BaseException] = []
        plan, smaller = compiled(tmp_path), compiled(tmp_path, _without_b(PLAN))
        async with broker(tmp_path, free_port, "allow_anonymous true"):
            async with consumer(tmp_path, plan, settings, faults) as mqtt:
                mqtt.see(picture(ALL_UP))
                before = await online(free_port)
            async with watch(free_port) as other:  # of another daemon, and of something else that Home Assistant has
                for topic in ("callward/other/trunk/x", "homeassistant/sensor/kitchen/t/config"):
                    await other.client.publish(topic, b"theirs", qos=1, retain=True)
                await other.command("callward/main/command/drain", {"trunk": "carrier-a"}, retain=True)
            async with consumer(tmp_path, smaller, settings, faults) as mqtt:
                mqtt.see(picture({"hq-pbx": "up", "carrier-a": "up"}))
                after = await online(free_port)
        cleared = set(before.retained) - set(after.retained)
        shown = {topic for topic in cleared if topic.startswith("homeassistant/")}
        assert cleared - shown == {*gone}
        assert len(shown) == 1
        assert "carrier_b" in shown.pop()
        assert after.word("callward/other/trunk/x") == after.word("homeassistant/sensor/kitchen/t/config") == "theirs"
        assert "callward/main/command/drain" not in after.retained
        assert not faults, faults

    asyncio.run(main())


def _without_b(text: str) -> str:
    lines = [line.replace(", carrier.b]", "]") for line in text.splitlines() if not line.startswith("  carrier.b")]
    return "\n".join(lines)


def test_a_broker_that_stands_still_costs_bounded_memory_and_gets_the_last_word(tmp_path: Path, free_port: int) -> None:
    async def act(mqtt: Mqtt, one: Broker) -> None:
        await online(free_port)
        one.send(signal.SIGSTOP)
        first = asyncio.create_task(mqtt.publish("alert/first", b"1"))  # noqa: TID251  # a test of what becomes of it
        await asyncio.sleep(0)
        for number in range(2 * WAITING):
            mqtt.hear(Event("calls", "trunk", float(number), {"trunk": "carrier-a", "number": number}))
            mqtt.see(picture({**ALL_UP, "carrier-a": "down" if number % 2 else "up"}))
        assert len(mqtt._outbox) <= WAITING + 50
        assert mqtt._outbox.lost >= WAITING - 50
        with pytest.raises(NotPublishedError):
            await first
        one.send(signal.SIGCONT)
        async with watch(free_port) as seen:
            await seen.until(lambda seen: seen.word(STATUS) == "online" and seen.word(A) == "down")
            await mqtt.publish("alert/last", b"1")
            await seen.until(lambda seen: "callward/main/alert/last" in seen.retained)

    play(tmp_path, free_port, act)


def test_who_may_not_read_what_is_retained_can_tell_all_the_same(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "READ_BACK", 0.2)
    rights = tmp_path / "rights"
    rights.write_text("topic write callward/main/#\nuser watcher\ntopic read #\n")
    said = StringIO()

    async def act(_: Mqtt, __: Broker) -> None:
        async with watch(free_port, "watcher") as seen:
            await seen.until(lambda seen: seen.word(STATUS) == "online" and seen.word(A) == "up")

    play(tmp_path, free_port, act, "allow_anonymous true", f"acl_file {rights}", says=said)
    assert "let this user read and write callward/main/#" in said.getvalue()


@pytest.mark.long
def test_a_broker_that_stands_still_until_it_is_given_up_and_then_goes_on(tmp_path: Path, free_port: int) -> None:
    """The connections that were tried meanwhile are let go of: none comes to life later."""

    async def act(mqtt: Mqtt, one: Broker) -> None:
        await online(free_port)
        one.send(signal.SIGSTOP)
        mqtt.see(picture({**ALL_UP, "carrier-a": "down"}))
        await asyncio.sleep(20.0)
        assert not mqtt._link.is_up
        one.send(signal.SIGCONT)
        async with watch(free_port) as seen:
            await seen.until(lambda seen: seen.word(STATUS) == "online" and seen.word(A) == "down")
            said = len(seen.history)
            await asyncio.sleep(15.0)
            assert seen.history[said:] == [] or seen.word(STATUS) == "online"

    play(tmp_path, free_port, act)


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")  # paho drops one whose handshake failed
def test_tls_with_users_and_what_they_may(tmp_path: Path, free_port: int) -> None:
    workshop = Workshop(tmp_path)
    pair, ca = workshop.make("broker", "DNS:localhost", common_name="localhost"), workshop.authority.certificate
    rights = tmp_path / "rights"
    rights.write_text("user callward\ntopic readwrite callward/main/#\nuser watcher\ntopic readwrite #\n")
    lines = (
        f"password_file {password_file(tmp_path, callward='very secret', watcher='w')}",
        f"acl_file {rights}",
        f"cafile {ca}",
        f"certfile {pair.certificate}",
        f"keyfile {pair.key}",
    )
    settings = Settings(HOST, free_port, tls=True, ca=str(ca), user="callward", password="very secret")
    context = ssl.create_default_context(cafile=str(ca))

    async def act(_: Mqtt, __: Broker) -> None:
        async with watch(free_port, "watcher", "w", context) as seen:
            await seen.until(lambda seen: seen.word(STATUS) == "online" and seen.word(A) == "up")

    play(tmp_path, free_port, act, *lines, settings=settings)

    async def refused() -> None:
        for wrong in (Settings(HOST, free_port, tls=True, user="callward", password="very secret"), _wrong(settings)):
            faults: list[BaseException] = []
            async with consumer(tmp_path, compiled(tmp_path), wrong, faults) as mqtt:
                mqtt.see(picture(ALL_UP))
                while not mqtt._link.why:  # noqa: ASYNC110  # nothing else tells
                    await asyncio.sleep(0.01)
                assert "certificate" in mqtt._link.why.lower() or "authori" in mqtt._link.why.lower()
            assert not faults, faults

    async def with_broker() -> None:
        async with broker(tmp_path, free_port, *lines):
            await refused()
            found = await retained(free_port, "watcher", "w", context)
            assert A not in found.retained

    asyncio.run(with_broker())


def _wrong(settings: Settings) -> Settings:
    return Settings(HOST, settings.port, tls=True, ca=settings.ca, user="callward", password="wrong")

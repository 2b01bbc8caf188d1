"""MQTT as one of the consumers: what it hears and sees goes to the broker, what operators ask goes to the daemon for calls.

Owns the wiring, and which events are told. What is told holds no number of a person. Must not hold anybody up: what the broker
does not take waits here, and is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from controller import clock
from controller.control import Answer, ControlError, Request, ask_soon
from controller.masking import mask_numbers, mask_secrets
from controller.ops.consumer import Event, Picture
from controller.ops.consumers import Tools
from controller.ops.mqtt.commands import DRILL, Letter, Office, Order, RefusedError
from controller.ops.mqtt.discovery import describe_all, filter_of
from controller.ops.mqtt.link import Link
from controller.ops.mqtt.outbox import Message, Outbox
from controller.ops.mqtt.topics import topics_of
from controller.ops.mqtt.words import Wording, dumped

#: Events that are told; the others are about single calls, messages and people.
TOLD = frozenset(
    (
        *("trunk", "quality", "page", "registration", "overload", "media", "uplink", "certificate", "tls", "names"),
        *("store", DRILL),
    )
)
#: Commands that wait for the daemon, and how long it may take for one, seconds.
WAITING, PATIENCE = 20, 5.0
#: Drills under way, which other commands do not wait for, and how long one may take, seconds.
DRILLS, LONGEST_DRILL = 20, 600.0
#: Alerts that are retained.
ALERTS = 200
_UPDATE, _RESOLVE = "update", "resolve"  # `alerting.words.What`
#: Seconds for a first picture, before the broker is told that nothing is known.
FIRST_PICTURE = 3.0


class NotPublishedError(Exception):
    """The broker did not take it, and will not: too much waits, or this process ends."""


class Mqtt:
    """Tells a broker."""

    def __init__(self, tools: Tools) -> None:
        settings = tools.ops.mqtt
        assert settings is not None
        self._tools, self._topics = tools, topics_of(settings)
        self._outbox = Outbox()
        self._wording = Wording(tools.dialplan, self._topics)
        self._fixed: dict[str, bytes] = {}  # what is retained whatever the picture
        filters: list[str] = []
        if settings.discovery:
            self._fixed |= describe_all(tools.dialplan, settings.discovery, self._topics, settings.name)
            filters.append(filter_of(settings.discovery, self._topics))
        console = tools.ops.console
        self._office = Office(self._topics, console.tokens if console is not None else ())
        self._hushed = False  # refusals are not answered now
        self._letters: asyncio.Queue[Letter] = asyncio.Queue(WAITING)
        self._link = Link(settings, self._topics, self._outbox, tools.log, self._on_letter, tools.on_fault, filters)
        self._picture: Picture | None = None
        self._drills = 0  # under way
        self._alerts: dict[str, bytes] = {}  # what is retained of those that are open
        tools.hand_over["mqtt"] = self.hand_over
        tools.commands["mqtt"] = self.show
        link = self._link
        tools.meter.parts["mqtt"] = lambda: [("callward_mqtt_connected", (), float(link.is_up))]
        self._seen = asyncio.Event()

    # -- as a consumer

    def hear(self, event: Event) -> None:
        """Tell it, if it is of those that are told."""
        if event.old or event.kind not in TOLD:
            return
        told = {**{key: _plain(value) for key, value in event.data.items()}, "at": event.at, "from": event.source}
        self._add(Message(self._topics.event(event.kind), dumped(told)))

    def see(self, picture: Picture) -> None:
        """Retain how things are, where that has changed."""
        self._picture = picture
        if picture.calls is not None or picture.messages is not None:
            self._seen.set()
        self._want()

    async def keep(self) -> None:
        """Have the broker told."""
        try:
            async with asyncio.timeout(FIRST_PICTURE):
                await self._seen.wait()
        except TimeoutError:
            pass
        async with asyncio.TaskGroup() as group:
            carrying = group.create_task(self._carry_out(group))
            await self._link.keep()
            carrying.cancel()

    async def close(self) -> None:
        """Tell it that we are gone."""
        await self._link.close()
        self._outbox.give_up()

    # -- for others

    async def show(self, _: Request) -> Answer:
        """How it is with the broker."""
        link, waiting = self._link, len(self._outbox)
        shown = {"broker": link.where, "up": link.is_up, "why": link.why, "waiting": waiting, "lost": self._outbox.lost}
        return {"ok": True, "status": shown}

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish something below our topics, not retained, and wait until the broker has it: QoS 1. Whoever is cancelled
        meanwhile has it taken back, unless it is under way.

        Raises `NotPublishedError`.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def on_end(got_through: bool) -> None:
            if not done.done():
                done.set_result(got_through)

        message = Message(f"{self._topics.base}/{topic}", payload, on_end=on_end)
        self._add(message)
        try:
            got_through = await done
        except asyncio.CancelledError:
            self._outbox.take_back(message)
            raise
        if not got_through:
            raise NotPublishedError(f"the broker did not take it: {self._link.why or 'this process ends'}")

    async def hand_over(self, notice: Mapping[str, Any], what: str) -> bool:
        """An alert: retained while it is open, and an event for all but mere updates. Whether the broker has that; where it
        is not there the alert is to be told again, and not by us."""
        topic = self._topics.alert(str(notice["id"]))
        self._alerts.pop(topic, None)  # the newest last
        if what != _RESOLVE:
            self._alerts[topic] = dumped(notice)
            while len(self._alerts) > ALERTS:
                del self._alerts[next(iter(self._alerts))]
        self._want()
        if what == _UPDATE:
            return True
        if not self._link.is_up:
            return False
        try:
            await self.publish("event/alert", dumped({**notice, "what": what}))
        except NotPublishedError:
            return False
        return True

    # -- inside

    def _want(self) -> None:
        if self._picture is None:
            return
        self._outbox.want({**self._fixed, **self._wording.of(self._picture), **self._alerts})
        self._link.wake()

    def _add(self, message: Message) -> None:
        self._outbox.add(message)
        self._link.wake()

    def _on_letter(self, letter: Letter) -> None:
        try:
            self._letters.put_nowait(letter)
        except asyncio.QueueFull:
            self._answer(letter, {"ok": False, "text": "too many commands at once; give it again"})

    async def _carry_out(self, group: asyncio.TaskGroup) -> None:
        while True:
            letter = await self._letters.get()
            try:
                order = self._office.read(letter, clock.monotonic())
            except RefusedError as error:
                if error.quiet:
                    if not self._hushed:
                        self._tools.log.warning(
                            "mqtt commands refused without a word", why="too many of them have no right token"
                        )
                    self._hushed = True
                    continue
                self._hushed = False
                self._tools.log.warning("mqtt command refused", topic=letter.topic, why=str(error))
                self._answer(letter, {"id": error.id, "ok": False, "text": str(error)})
                continue
            if order.command != DRILL:
                self._answer(letter, await self._ask(order, PATIENCE))
            elif self._drills < DRILLS:
                self._drills += 1
                group.create_task(self._drill(letter, order))
            else:
                self._answer(letter, {"id": order.id, "ok": False, "text": "too many drills at once; give it again"})

    async def _drill(self, letter: Letter, order: Order) -> None:
        try:
            self._answer(letter, await self._ask(order, LONGEST_DRILL))
        finally:
            self._drills -= 1

    async def _ask(self, order: Order, patience: float) -> Mapping[str, Any]:
        try:
            answer = await ask_soon(self._tools.state_dir, order.command, patience, order.more)
        except ControlError as error:
            answer = {"ok": False, "text": str(error)}
        shown = {"id": order.id, "command": order.command, **order.more, **answer}
        self._tools.log.info(
            "mqtt command", command=order.command, operator=order.operator, **order.more, ok=answer["ok"]
        )
        return shown

    def _answer(self, letter: Letter, answer: Mapping[str, Any]) -> None:
        self._add(Message(self._office.answer_topic(letter), dumped(answer), correlation=letter.correlation))


def _plain(value: Any) -> Any:
    return mask_secrets(mask_numbers(value)) if isinstance(value, str) else value

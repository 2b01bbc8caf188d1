"""The link to the broker: kept up for ever, and each time it comes up the broker is brought to what holds now.

Owns the order of things. With each connection: what the broker retains below our topics is read, the whole picture is
published, what no longer exists is cleared, and only then are we said to be online; whoever sees that sees nothing stale.
A link that is lost is tried again, ever more slowly. Must not know what topics mean.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence

from controller import clock
from controller.log import Log
from controller.ops.mqtt.commands import Letter
from controller.ops.mqtt.outbox import Message, Outbox
from controller.ops.mqtt.session import LOST, TOGETHER, Session, connect, reason, tls_context, within
from controller.ops.mqtt.topics import OFFLINE, ONLINE, Topics
from controller.types.ops import Mqtt
from sip.uri import bracketed

#: Seconds until the broker is tried again: the first time, and twice as long each time up to the last.
FIRST_PAUSE, LAST_PAUSE = 0.25, 5.0
#: A link that held so long, seconds, was no mistake: the next one is tried soon again.
STEADY = 10.0
#: Seconds in which what the broker retains has to come.
READ_BACK = 3.0


class Link:
    """Brings what an outbox holds to the broker."""

    def __init__(
        self,
        settings: Mqtt,
        topics: Topics,
        outbox: Outbox,
        log: Log,
        on_letter: Callable[[Letter], None],
        on_fault: Callable[[BaseException], None],
        more: Sequence[str] = (),
    ) -> None:
        """``on_letter`` gets commands, and must return at once; ``on_fault`` hears of bugs; ``more`` are filters for what
        of ours is retained elsewhere."""
        self._settings, self._topics, self._outbox, self._log = settings, topics, outbox, log
        self._on_letter, self._on_fault = on_letter, on_fault
        self._filters = (topics.everything, *more)
        self._changed = asyncio.Event()
        self._marked = asyncio.Event()
        self._ending = False
        self._gone = asyncio.Event()
        self._pause = FIRST_PAUSE
        self._told = False  # that the broker is not there
        self._context: ssl.SSLContext | None = None
        self._connected = False
        self._contradicted = False  # somebody says that we are gone
        self.is_up = False  # and the broker has all
        self.why = ""  # it is not up

    @property
    def where(self) -> str:
        """The broker."""
        return f"{bracketed(self._settings.host)}:{self._settings.port}"

    def wake(self) -> None:
        """There is something in the outbox."""
        self._changed.set()

    async def keep(self) -> None:
        """Have a link, until `close`."""
        try:
            while not self._ending:
                await self._try()
        finally:
            self._gone.set()

    async def close(self) -> None:
        """Say that we are gone, if anybody listens, and part."""
        self._ending = True
        self._changed.set()
        if self._connected:
            await self._gone.wait()

    async def _try(self) -> None:
        begun = clock.monotonic()
        try:
            await self._live()
        except* LOST as errors:
            self._lost(errors.exceptions[0])
        except* Exception as errors:  # noqa: BLE001  # a bug must not end it
            for error in errors.exceptions:
                self._on_fault(error)
            self._lost(errors.exceptions[0])
        finally:
            self._connected = self.is_up = False
        if clock.monotonic() - begun > STEADY:
            self._pause = FIRST_PAUSE
        if not self._ending:
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, LAST_PAUSE)

    async def _live(self) -> None:
        """One connection, from its birth to its end."""
        if self._settings.tls and self._context is None:
            self._context = tls_context(self._settings)
        async with connect(self._settings, self._topics, self._context) as session, asyncio.TaskGroup() as group:
            self._connected = True
            listening = group.create_task(self._listen(session))
            await self._catch_up(session)
            self._up()  # whoever hears that we are online may rely on it
            await self._announce(session, ONLINE)
            while not self._ending:
                await self._changed.wait()
                self._changed.clear()
                await self._empty(session)
                if self._contradicted:
                    await self._announce(session, ONLINE)
            await self._announce(session, OFFLINE)
            listening.cancel()

    async def _catch_up(self, session: Session) -> None:
        """Bring the broker to what holds now, whatever it remembers of us."""
        self._marked.clear()
        may_read = [await session.subscribe(each, qos=0) for each in self._filters]
        await session.publish([Message(self._topics.marker, b"")])
        if not (all(may_read) and await within(READ_BACK, self._marked.wait())):
            self._log.warning(
                "what the broker retains cannot be read: what no longer exists may stay there",
                broker=self.where,
                advice=f"let this user read and write {', '.join(self._filters)}",
            )
        for each in self._filters:
            await session.unsubscribe(each)
        if self._settings.commands:
            await session.subscribe(self._topics.commands)
        await session.subscribe(self._topics.status)
        self._outbox.begin()
        await self._empty(session)

    async def _announce(self, session: Session, status: bytes) -> None:
        self._contradicted = False
        await session.publish([Message(self._topics.status, status, retain=True)])

    async def _empty(self, session: Session) -> None:
        while messages := self._outbox.take(TOGETHER):
            await self._publish(session, messages)

    async def _publish(self, session: Session, messages: list[Message]) -> None:
        try:
            await session.publish(messages)
        except BaseException:
            self._outbox.put_back(messages)
            raise
        for message in messages:
            if message.on_end is not None:
                message.on_end(True)

    async def _listen(self, session: Session) -> None:
        async for letter in session.letters():
            if letter.topic == self._topics.marker:
                self._marked.set()
            elif letter.topic == self._topics.status:
                if self.is_up and letter.payload != ONLINE:  # the last will of a connection that we had before
                    self._contradicted = True
                    self.wake()
            elif letter.retained:
                self._outbox.found(letter.topic)
                self.wake()
            if self._topics.command_of(letter.topic) and self._settings.commands and letter.payload:
                self._outbox.found(letter.topic)  # if it was to be retained, it is not
                self.wake()
                self._on_letter(letter)

    def _up(self) -> None:
        self.is_up, self.why, self._told = True, "", False
        self._log.info("mqtt broker has all", broker=self.where)

    def _lost(self, error: BaseException) -> None:
        self.why = reason(error)
        if not self._told:
            self._told = True
            self._log.warning(
                "mqtt broker lost: calls do not need it", broker=self.where, why=self.why, again_in=self._pause
            )

"""One connection to the broker, as aiomqtt has it.

Owns what has to be known of that library: it connects in a thread, which goes on when nobody waits for it any more; it leaves
sockets open after some failures; it does not reconnect. After a clean disconnect the broker does not send the last will.
Must not know what is said.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from controller.ops.mqtt.commands import Letter
from controller.ops.mqtt.outbox import Message
from controller.ops.mqtt.topics import OFFLINE, Topics
from controller.types.ops import Mqtt

#: Seconds that the broker may take for one answer, and between two signs of life.
PATIENCE, KEEP_ALIVE = 5.0, 10
PARTING = 1.0  # the same where nobody minds any more
#: Publications handed to paho at once. It has 20 in flight, and goes on with each answer; if we waited for all of those
#: before the next, each 20 would cost the 40 ms that a delayed ACK waits for.
TOGETHER = 200
#: What may come in, bytes (MQTT 5 alone can say so), and how many messages may wait to be read.
MAX_PACKET, MAX_WAITING = 1 << 16, 10_000

_REFUSED = 0x80  # from here on a code says no

LOST = (aiomqtt.MqttError, OSError)
_QUIET = logging.getLogger("callward.mqtt")  # what goes wrong comes as an exception, and is said once
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class _Client(aiomqtt.Client):
    """That of aiomqtt, which can be let go of at any time."""

    _abandoned = False

    async def enter(self) -> None:
        """Connect. Who is cancelled meanwhile leaves nothing behind: the thread cannot be, and is let go of when done."""
        try:
            await asyncio.shield(self._enter())
        except asyncio.CancelledError:
            self._abandoned = True
            raise

    async def _enter(self) -> None:
        self._disconnected.add_done_callback(_hear)  # one that is lost at once gets another
        try:
            await self.__aenter__()
        except LOST:
            self._connected.add_done_callback(_hear)
            self.let_go()
            if not self._abandoned:
                raise
        else:
            self._disconnected.add_done_callback(_hear)
            if self._abandoned:
                self.let_go()

    async def leave(self) -> None:
        """Disconnect in order, as far as the broker still listens."""
        self.timeout = PARTING
        try:
            await self.__aexit__(None, None, None)
        except LOST:
            self.let_go()

    def let_go(self) -> None:
        """Close the connection as soon as that can be written; a second time is harmless."""
        self._client.disconnect()


def _hear(future: asyncio.Future[None]) -> None:
    """Nobody may wait for this one, and asyncio would call it a fault."""
    if not future.cancelled():
        future.exception()


class Session:
    """What may be done with a connection that is up."""

    def __init__(self, client: _Client, topics: Topics, *, modern: bool) -> None:
        self._client, self._topics, self._modern = client, topics, modern

    async def publish(self, messages: Iterable[Message]) -> None:
        """Have the broker acknowledge all of them. Raises one of `LOST`."""
        done = await asyncio.gather(*map(self._publish, messages), return_exceptions=True)
        for error in done:
            if error is not None:
                raise error

    async def subscribe(self, topic: str, qos: int = 1) -> bool:
        """False: the broker does not let us. Raises one of `LOST`.

        What is published to be retained is seen to be (MQTT 5 §3.8.3.1); before MQTT 5 only what was retained already is.
        """
        if self._modern:
            options = SubscribeOptions(qos, retainAsPublished=True)
            granted = await self._client.subscribe(topic, options=options)
        else:
            granted = await self._client.subscribe(topic, qos)
        return all(getattr(code, "value", code) < _REFUSED for code in granted)

    async def unsubscribe(self, topic: str) -> None:
        """Raises one of `LOST`."""
        await self._client.unsubscribe(topic)

    async def letters(self) -> AsyncIterator[Letter]:
        """What comes in, for ever. Raises one of `LOST`."""
        async for message in self._client.messages:
            more = message.properties
            yield Letter(
                str(message.topic),
                message.payload,
                message.retain,
                getattr(more, "ResponseTopic", ""),
                getattr(more, "CorrelationData", None),
                next((value for name, value in getattr(more, "UserProperty", ()) if name == "token"), ""),
            )

    async def _publish(self, message: Message) -> None:
        more = None
        if message.correlation is not None and self._modern:
            more = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            more.CorrelationData = message.correlation
        await self._client.publish(message.topic, message.payload, qos=1, retain=message.retain, properties=more)


@asynccontextmanager
async def connect(settings: Mqtt, topics: Topics, context: ssl.SSLContext | None) -> AsyncIterator[Session]:
    """A connection whose last will says that we are gone. Raises one of `LOST`."""
    modern = settings.version == "5"
    client = _Client(
        settings.host,
        settings.port,
        username=settings.user or None,
        password=settings.password or None,
        logger=_QUIET,
        identifier=topics.node,  # the same in each life: the broker gives up what is left of the one before
        protocol=aiomqtt.ProtocolVersion.V5 if modern else aiomqtt.ProtocolVersion.V311,
        will=aiomqtt.Will(topics.status, OFFLINE, qos=1, retain=True),
        timeout=PATIENCE,
        keepalive=KEEP_ALIVE,
        max_queued_incoming_messages=MAX_WAITING,
        properties=_wishes() if modern else None,
        tls_context=context,
        socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),  # small packets wait for no ACK
    )
    client.pending_calls_threshold = 2 * TOGETHER  # it warns beyond ten
    await client.enter()
    try:
        yield Session(client, topics, modern=modern)
    finally:
        await client.leave()


def _wishes() -> Properties:
    wishes = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    wishes.MaximumPacketSize = MAX_PACKET
    return wishes


def tls_context(settings: Mqtt) -> ssl.SSLContext:
    """Whom the broker has to be. Reads a file; raises `OSError`."""
    return ssl.create_default_context(cafile=settings.ca or None)


def reason(error: BaseException) -> str:
    """Why the broker was lost, in the words of whoever knows best."""
    best = error.__cause__ or error
    return str(best) or type(best).__name__


async def within(seconds: float, job: Awaitable[Any]) -> bool:
    """Whether it was done in time."""
    try:
        async with asyncio.timeout(seconds):
            await job
    except TimeoutError:
        return False
    return True

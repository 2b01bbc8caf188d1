"""A real mosquitto on a port of its own, and somebody who watches it.

Owns the broker's process and settings, and what the watcher has seen. What should be seen is the tests' business.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") or "mosquitto"
PATIENCE = 20.0  # seconds; all of it takes a moment
HOST = "localhost"


@dataclass
class Broker:
    """One mosquitto. It may be killed and started again on the same port."""

    folder: Path
    port: int
    lines: tuple[str, ...] = ()  # of its settings
    process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        settings = self.folder / "mosquitto.conf"
        user = (
            f"user {pwd.getpwuid(os.geteuid()).pw_name}"  # as root it would become somebody who may not read our files
        )
        settings.write_text("\n".join((user, f"listener {self.port} 127.0.0.1", *self.lines, "")))
        log = (self.folder / "mosquitto.log").open("ab")
        with log:
            self.process = subprocess.Popen(  # noqa: ASYNC220
                [MOSQUITTO, "-c", str(settings)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self.process.poll() is None, (self.folder / "mosquitto.log").read_text()
                try:
                    socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    return

    def send(self, number: signal.Signals) -> None:
        """Stop it for a while, or let it go on."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it; a second time is harmless."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait(PATIENCE)
            self.process = None


@asynccontextmanager
async def broker(folder: Path, port: int, *lines: str) -> AsyncIterator[Broker]:
    """One that runs."""
    one = Broker(folder, port, lines)
    await one.start()
    try:
        yield one
    finally:
        one.end()


def password_file(folder: Path, **users: str) -> Path:
    """Users and their passwords, as mosquitto has them."""
    file = folder / "passwords"
    file.touch(mode=0o600)
    for user, password in users.items():
        subprocess.run(["mosquitto_passwd", "-b", str(file), user, password], check=True, capture_output=True)
    return file


@dataclass
class Seen:
    """What a watcher has seen, and is told by."""

    client: aiomqtt.Client
    retained: dict[str, bytes] = field(default_factory=dict)  # as it is now
    history: list[tuple[str, bytes]] = field(default_factory=list)
    messages: list[aiomqtt.Message] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def word(self, topic: str) -> str:
        """What stands there; "" for nothing."""
        return self.retained.get(topic, b"").decode()

    def data(self, topic: str) -> Any:
        """The same as JSON."""
        return json.loads(self.retained[topic])

    async def until(self, holds: Callable[[Seen], Any]) -> Any:
        """Wait until something was seen."""
        async with asyncio.timeout(PATIENCE):
            while not (found := holds(self)):
                self.changed.clear()
                await self.changed.wait()
        return found

    async def command(self, topic: str, data: Any, answer: str = "", tag: bytes = b"", *, retain: bool = False) -> None:
        """Give a command as MQTT 5 has it."""
        more = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if answer:
            more.ResponseTopic, more.CorrelationData = answer, tag
        payload = data if isinstance(data, bytes) else json.dumps(data).encode()
        await self.client.publish(topic, payload, qos=1, retain=retain, properties=more)

    def answers(self, topic: str) -> list[tuple[Any, bytes | None]]:
        """What came there, and what it belongs to."""
        return [
            (json.loads(each.payload), getattr(each.properties, "CorrelationData", None))
            for each in self.messages
            if str(each.topic) == topic
        ]


@asynccontextmanager
async def watch(
    port: int, user: str = "", password: str = "", context: ssl.SSLContext | None = None
) -> AsyncIterator[Seen]:
    """Somebody who sees all that this user may see; for the life of one connection."""
    client = aiomqtt.Client(
        HOST,
        port,
        username=user or None,
        password=password or None,
        protocol=aiomqtt.ProtocolVersion.V5,
        tls_context=context,
    )
    async with client, asyncio.TaskGroup() as group:
        seen = Seen(client)

        async def listen() -> None:
            async for message in client.messages:
                topic, payload = str(message.topic), bytes(message.payload)
                seen.messages.append(message)
                seen.history.append((topic, payload))
                if "/event/" not in topic and "/answer" not in topic:
                    seen.retained[topic] = payload
                    if not payload:
                        del seen.retained[topic]
                seen.changed.set()

        listening = group.create_task(listen())
        await client.subscribe("#", qos=1)
        yield seen
        listening.cancel()


async def retained(port: int, user: str = "", password: str = "", context: ssl.SSLContext | None = None) -> Seen:
    """All that a broker retains now."""
    async with watch(port, user, password, context) as seen:
        await seen.client.publish("mark", b"1", qos=1)
        await seen.until(lambda seen: "mark" in seen.retained)
        del seen.retained["mark"]
        return seen

"""Which consumers there are by a dialplan. One line each: a new one is added here.

Owns the list, and what each is made with. Must not do what they do.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller.control import Command
from controller.log import Log
from controller.ops.consumer import Consumer
from controller.ops.live import Live
from controller.ops.metrics.meter import Meter
from controller.ops.watching import Watching
from controller.types import Dialplan
from controller.types.ops import Ops
from sip.uri import bracketed

#: Takes a notice (see `alerting.notices`) and what is told by it; whether it arrived.
HandOver = Callable[[Mapping[str, Any], str], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What consumers are made with."""

    dialplan: Dialplan
    state_dir: Path
    watching: Watching  # its ``picture`` is how things are
    log: Log
    on_fault: Callable[[BaseException], None]
    sock: socket.socket | None = None  # that of the console, bound; a consumer serves on a duplicate of it
    meter: Meter = field(default_factory=Meter)  # counts through reloads
    live: Live = field(default_factory=Live)  # remembers through reloads
    #: What one consumer hands on to who comes after it in a reload, by its name: the disk may be full.
    kept: dict[str, str] = field(default_factory=dict)
    #: What consumers let operators do, by the control socket of this process, and by the console.
    commands: dict[str, Command] = field(default_factory=dict)
    #: Consumers by which alerts can be told as well: "mqtt".
    hand_over: dict[str, HandOver] = field(default_factory=dict)

    @property
    def ops(self) -> Ops:
        """What the dialplan says about operators."""
        assert self.dialplan.ops is not None
        return self.dialplan.ops

    @property
    def listen(self) -> str:
        """Where the console is; "" for nowhere."""
        if self.sock is None:
            return ""
        host, port = self.sock.getsockname()[:2]
        return f"{bracketed(host)}:{port}"

    def with_dialplan(self, dialplan: Dialplan) -> Tools:
        """The same, by another dialplan."""
        return replace(self, dialplan=dialplan)


def make_consumers(tools: Tools) -> list[Consumer]:
    """All that the dialplan asks for."""
    from controller.ops.web import Web

    consumers: list[Consumer] = []
    if tools.sock is not None or tools.ops.otel is not None:
        tools.meter.know(tools.dialplan)
        consumers.append(tools.meter)
    if tools.ops.otel is not None:
        from controller.ops.otel import make_otel

        consumers += make_otel(tools)
    if tools.ops.records is not None:
        from controller.ops.records import Records

        consumers.append(Records(tools))
    if tools.ops.alerts is not None:
        from controller.ops.alerts import Alerts

        consumers.append(Alerts(tools))
    if tools.sock is not None:
        consumers.append(Web(tools))
    if tools.ops.mqtt is not None:
        from controller.ops.mqtt.consumer import Mqtt

        consumers.append(Mqtt(tools))
    return consumers

"""Who reads requests: this process, or processes in front of it.

Owns that choice, and what of the dialplan it rests on.
"""

from __future__ import annotations

import socket
from pathlib import Path

from controller.api.fronts import Fronts, fronts_for
from controller.api.server import ApiServer
from controller.api.service import Service
from controller.api.shell import Shell
from controller.broker.meter import Meter
from controller.log import Log, log_news
from controller.types import Fault
from controller.types.messages import Messaging


def make_api(
    shell: Shell, service: Service, sock: socket.socket, state_dir: Path, meter: Meter, log: Log
) -> ApiServer | Fronts:
    """The API on a socket that is bound."""

    def on_fault(where: str) -> None:
        log_news(log, Fault(where))

    def on_end(pause: float) -> None:
        log.error("front process ended", again_in=pause, advice="nothing that was answered is lost")

    messaging = service.messaging
    count = fronts_for(messaging.workers)
    if not count:
        return ApiServer(shell, sock)
    return Fronts(
        shell,
        service.take,
        sock,
        state_dir,
        count,
        messaging.tokens,
        on_request=meter.see_request,
        on_fault=on_fault,
        on_end=on_end,
    )


def fixed(messaging: Messaging) -> tuple[object, ...]:
    """What a reload cannot change."""
    return messaging.host, messaging.port, messaging.store, messaging.workers

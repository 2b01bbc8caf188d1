"""What the service manager hears of us (sd_notify(3)), and the sockets it may hand over (sd_listen_fds(3)).

Owns the datagrams to NOTIFY_SOCKET and when the watchdog is fed. Without systemd's environment all of it does nothing.
Must never hold up or end the daemon: what cannot be sent is not sent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address

_FIRST = 3  # SD_LISTEN_FDS_START: the number of the first socket
_KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM, "tls": socket.SOCK_STREAM}
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Notifier:
    """Tells systemd how we are."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address  # @: in the abstract namespace
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        given = environ.get("WATCHDOG_USEC", "") if ours and address else ""
        #: Seconds between feeds, half of what systemd waits for (sd_watchdog_enabled(3)); None where it does not wait.
        self.beat = int(given) / 2e6 if given.isdecimal() and int(given) else None
        self._fed = 0.0

    def tell(self, *lines: str) -> None:
        """Send assignments such as READY=1, in one datagram."""
        if not self._address:
            return
        with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), self._address)

    def reloading(self, now: float) -> None:
        """A reload begins (READY=1 ends it); ``now`` is of CLOCK_MONOTONIC, by which systemd tells it from an older one."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={int(now * 1e6)}")

    def feed(self, now: float) -> None:
        """Say that the pump goes round, once a beat however often it is called."""
        if self.beat is not None and now - self._fed >= self.beat * 0.9:  # a timer may fire a little early
            self._fed = now
            self.tell("WATCHDOG=1")


class Inherited:
    """Sockets that were opened for us, and stay open while we are restarted: no packet finds the port closed."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        count = environ.get("LISTEN_FDS", "") if environ.get("LISTEN_PID") == str(os.getpid()) else ""
        self._sockets: list[socket.socket] = []
        for number in range(_FIRST, _FIRST + (int(count) if count.isdecimal() else 0)):
            with suppress(OSError):  # not a socket, or not open at all
                self._sockets.append(socket.socket(fileno=number))

    def take(self, host: str, port: int, transport: str) -> socket.socket | None:
        """The socket of a listener; None where it was not handed over."""
        wanted = ip_address(host), port, _KINDS[transport]
        for sock in self._sockets:
            if sock.family in _FAMILIES:
                at = sock.getsockname()
                if (ip_address(at[0]), at[1], sock.type) == wanted:
                    self._sockets.remove(sock)
                    os.set_inheritable(sock.fileno(), False)
                    return sock
        return None

    def rest(self) -> list[str]:
        """The addresses of those that nobody took; they are closed, so that nobody waits for an answer there."""
        names = [str(sock.getsockname()) for sock in self._sockets]
        while self._sockets:
            self._sockets.pop().close()
        return names

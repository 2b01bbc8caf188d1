"""The sockets of all listeners: opened or inherited, put under one pump, and how peers know them.

Owns what `listen` of a dialplan becomes at the start. Must not route.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence

from controller import clock
from controller.listeners import advertised_host
from controller.systemd import Inherited
from controller.types import Listen
from sip.connection import adopt_tcp, open_tcp
from sip.endpoint import UdpEndpoint, adopt_udp, open_udp
from sip.stream import StreamEndpoint
from sip.tls import Security
from sip.transaction import Hop

Opener = Callable[[str, int], socket.socket]
Adopter = Callable[[socket.socket], None]


class ListenError(Exception):
    """A listener cannot be opened; the message says where, what and what to do."""


class Sockets:
    """``endpoint`` is the pump of all, ``streams`` are those that are not UDP, ``ours`` is each listener by the address
    that peers know, in the order of the dialplan."""

    def __init__(self) -> None:
        self.endpoint = UdpEndpoint(None, clock.monotonic)
        self.streams: list[StreamEndpoint] = []
        self.ours: list[Hop] = []

    def open(
        self,
        listen: Sequence[Listen],
        inherited: Inherited,
        hops: Iterable[Hop],
        securities: Mapping[str, Security] | None = None,
    ) -> None:
        """Open them all; ``hops`` are the addresses of the trunks, ``securities`` that of each TLS listener by name.

        Raises `ListenError`; what is open then is closed by `close`.
        """
        hops = [*hops]
        for one in listen:
            host = advertised_host(one, hops)
            if host is None:
                raise ListenError(
                    f"{one.where}: no interface has an address of the kind of {one.host}; name one address to listen on"
                )
            port = self._open(one, inherited, (securities or {}).get(one.listener) if one.tls else None)
            self.ours.append(
                Hop(host.lower(), one.advertise[1] if one.advertise else port, one.transport, one.listener)
            )

    def _open(self, listen: Listen, inherited: Inherited, security: Security | None) -> int:
        if listen.transport == "udp":
            return self.endpoint.add(_open(open_udp, adopt_udp, listen, inherited), listen.listener).port
        sock = _open(open_tcp, adopt_tcp, listen, inherited)
        streams = StreamEndpoint(sock, clock.monotonic, name=listen.listener, security=security)
        self.streams.append(streams)
        self.endpoint.streams[streams.local[2:]] = streams
        return streams.local.port

    def close(self) -> None:
        """Close them all; a second time is harmless."""
        for streams in self.streams[::-1]:
            streams.close()
        self.endpoint.close()


def _open(opener: Opener, adopt: Adopter, listen: Listen, inherited: Inherited) -> socket.socket:
    try:
        sock = inherited.take(listen.host, listen.port, listen.transport)
        if sock is not None:
            adopt(sock)
            return sock
        return opener(listen.host, listen.port)
    except OSError as error:
        raise ListenError(
            f"{listen.where}: cannot listen on {listen.transport} {listen.host}:{listen.port}: {error.strerror};"
            f" {_advice(error)}"
        ) from error


def _advice(error: OSError) -> str:
    if error.errno == errno.EADDRNOTAVAIL:
        return "write an address of this machine, or 0.0.0.0 for all; what peers are told instead is 'advertise'"
    return "is another daemon running there?"

"""The relay's UDP side: one socket for all clients, and for each client one towards the target, as a NAT has.

Owns these sockets. The target tells clients apart by the ports of the relay; a client that says nothing for long, or
that one too many others came after, loses its port. Must not know phases.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass

from controller.relay.impairment import Direction
from controller.relay.pcap import Address
from controller.relay.wiring import Wiring
from sip.endpoint import DRAIN

_BUFFER = 1 << 16
_SOCKET_BUFFER = 1 << 20  # losses are ours to decide, not the kernel's


@dataclass(slots=True, eq=False)
class _Client:
    address: Address
    sock: socket.socket
    local: Address
    used: float


class UdpSide:
    """See the top of the file. ``up`` leads to the target."""

    def __init__(self, listen: Address, target: Address, up: Direction, down: Direction, wiring: Wiring) -> None:
        self.local = listen  # with the real port after `open`
        self.counters = dict.fromkeys(("clients", "evicted", "refused", "dropped", "failed"), 0)
        self.up, self.down = up, down
        self._target = target
        self._wiring = wiring
        self._sock: socket.socket | None = None
        self._clients: dict[Address, _Client] = {}  # the one that was silent for longest comes first
        self._under_way = 0
        self._buffer = memoryview(bytearray(_BUFFER))

    @property
    def is_open(self) -> bool:
        """Whether somebody who comes is heard."""
        return self._sock is not None

    def open(self) -> None:
        """Bind and begin to relay.

        Raises `OSError`; nothing stays open then.
        """
        # No error queue, as `sip.endpoint` has: it would have to be emptied, and a client that is gone is no news.
        sock = socket.socket(_family(self.local), socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
            sock.setblocking(False)
            sock.bind(self.local)
        except OSError:
            sock.close()
            raise
        host, port = sock.getsockname()[:2]
        self.local, self._sock = (host, port), sock
        self._wiring.loop.add_reader(sock.fileno(), self._on_client)

    def close(self) -> None:
        """Close the port: the kernel answers with ICMP from now on, to the target's answers too. Harmless again."""
        if self._sock is not None:
            self._wiring.loop.remove_reader(self._sock.fileno())
            self._sock.close()
            self._sock = None
        for client in [*self._clients.values()]:
            self._forget(client)

    def expire(self, now: float) -> None:
        """Forget clients that were silent for long."""
        for client in [c for c in self._clients.values() if c.used <= now - self._wiring.limits.idle]:
            self._forget(client)

    @property
    def count(self) -> int:
        """How many there are now."""
        return len(self._clients)

    # -- from a client to the target

    def _on_client(self) -> None:
        for _ in range(DRAIN):
            if self._sock is None:
                break
            try:
                size, source = self._sock.recvfrom_into(self._buffer)
            except BlockingIOError:
                break
            except OSError:
                self.counters["failed"] += 1
                break
            now = self._wiring.clock()
            address = source[0], source[1]
            data = bytes(self._buffer[:size])
            self._trace(address, self.local, data)
            client = self._find(address, now)
            if client is not None:
                self._launch(self.up, self._send_up, client, data, now)
        self._wiring.settle()

    def _find(self, address: Address, now: float) -> _Client | None:
        client = self._clients.pop(address, None)
        if client is None:
            if len(self._clients) >= self._wiring.limits.clients:
                self.counters["evicted"] += 1
                self._forget(next(iter(self._clients.values())))
            client = self._welcome(address, now)
            if client is None:
                return None
        client.used = now
        self._clients[address] = client  # the last one now
        return client

    def _welcome(self, address: Address, now: float) -> _Client | None:
        sock = None
        try:
            sock = socket.socket(_family(self._target), socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.connect(self._target)  # only the target may answer, and we hear when it refuses
            host, port = sock.getsockname()[:2]
        except OSError:  # no more files, or no way there
            self.counters["failed"] += 1
            if sock is not None:
                sock.close()
            return None
        self.counters["clients"] += 1
        client = _Client(address, sock, (host, port), now)
        self._wiring.loop.add_reader(sock.fileno(), self._on_target, client)
        return client

    def _send_up(self, client: _Client, data: bytes) -> None:
        client.sock.send(data)
        self._trace(client.local, self._target, data)

    # -- from the target to a client

    def _on_target(self, client: _Client) -> None:
        for _ in range(DRAIN):
            try:
                data = client.sock.recv(_BUFFER)
            except BlockingIOError:
                break
            except OSError:  # ICMP: the target's port is closed
                self.counters["refused"] += 1
                break
            now = self._wiring.clock()
            client.used = now
            self._trace(self._target, client.local, data)
            self._launch(self.down, self._send_down, client, data, now)
        self._wiring.settle()

    def _send_down(self, client: _Client, data: bytes) -> None:
        if self._sock is not None:
            self._sock.sendto(data, client.address)
            self._trace(self.local, client.address, data)

    # -- both ways

    def _launch(
        self,
        direction: Direction,
        send: Callable[[_Client, bytes], None],
        client: _Client,
        data: bytes,
        now: float,
    ) -> None:
        for at, what in direction.carry(data, now):
            if self._under_way >= self._wiring.limits.datagrams:
                self.counters["dropped"] += 1
                continue
            self._under_way += 1
            self._wiring.deadlines.arm(at, self._arrive, send, client, what)

    def _arrive(self, _now: float, send: Callable[[_Client, bytes], None], client: _Client, data: bytes) -> None:
        self._under_way -= 1
        if client.sock.fileno() < 0:  # forgotten meanwhile
            self.counters["dropped"] += 1
            return
        try:
            send(client, data)
        except BlockingIOError:
            self.counters["dropped"] += 1
        except OSError:  # what an earlier datagram met is told in place of sending this one
            self.counters["refused"] += 1
            try:
                send(client, data)
            except OSError:
                self.counters["dropped"] += 1

    def _trace(self, source: Address, target: Address, data: bytes) -> None:
        if self._wiring.pcap is not None:
            self._wiring.pcap.write_datagram(source, target, data, self._wiring.wall())

    def _forget(self, client: _Client) -> None:
        self._clients.pop(client.address, None)
        self._wiring.loop.remove_reader(client.sock.fileno())
        client.sock.close()


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET

"""The relay's TCP side: for each connection of a client one of its own to the target, and a pipe each way between.

Owns these sockets. The kernels on both sides keep their streams whole, so a lost piece shows as the time until it would
have come again, with all that follows behind it; in a black hole nothing is read, and a new connection is accepted and
meets silence: it is half open. Must not know phases.
"""

from __future__ import annotations

import errno
import socket
import struct

from controller.relay.impairment import Direction
from controller.relay.pcap import Address
from controller.relay.wiring import Wiring
from sip.connection import open_tcp
from sip.endpoint import DRAIN

_CHUNK = 1 << 14  # bytes of a stream that share one fate
_LINGER_RESET = struct.pack("ii", 1, 0)  # close() sends a RST (socket(7), SO_LINGER)
_IN_PROGRESS = frozenset((errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN))


class _Pipe:
    """One direction of a connection: read, wait, write. At most so much is on its way as the limits say."""

    def __init__(self, pair: _Pair, direction: Direction, ends: tuple[_End, _End]) -> None:
        self.direction = direction
        self.over = False  # the end has been handed on
        self._pair = pair
        self._source, self._sink = ends
        self._last = 0.0  # when the piece before arrives: none overtakes it
        self._held = 0  # bytes that were read and not yet written
        self._unsent = bytearray()
        self._heard_end = False  # the source has no more to say
        self._end_is_due = False
        self._is_reading = False
        self._is_writing = False

    def tend(self) -> None:
        """Read if there is room and a line to send on; called when anything of that may have changed."""
        if self._pair.is_over:
            return
        wiring = self._pair.wiring
        wanted = (
            self._source.is_up
            and not self._heard_end
            and self._held < wiring.limits.stream
            and not self.direction.impairment.is_hole
        )
        if wanted is self._is_reading:
            return
        self._is_reading = wanted
        if wanted:
            wiring.loop.add_reader(self._source.sock.fileno(), self._on_readable)
        else:
            wiring.loop.remove_reader(self._source.sock.fileno())

    def flush(self) -> None:
        """Write what has arrived, as far as the sink takes it."""
        if not self._sink.is_up:
            return
        while self._unsent:
            try:
                size = self._sink.sock.send(self._unsent)
            except BlockingIOError:
                break
            except OSError:
                self._pair.reset()
                return
            self._pair.trace(self._sink.local, self._sink.peer, bytes(self._unsent[:size]))
            del self._unsent[:size]
            self._held -= size
        self._watch(bool(self._unsent))
        if self._end_is_due and not self._unsent and not self.over:
            self.over = True
            try:
                self._sink.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self._pair.reset()
                return
            self._pair.end_if_over()
        self.tend()

    def _watch(self, wanted: bool) -> None:
        if wanted is not self._is_writing:
            self._is_writing = wanted
            loop, number = self._pair.wiring.loop, self._sink.sock.fileno()
            if wanted:
                loop.add_writer(number, self.flush)
            else:
                loop.remove_writer(number)

    def _on_readable(self) -> None:
        wiring = self._pair.wiring
        try:
            data = self._source.sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:  # reset by the peer: so is the other side
            self._pair.reset()
            return
        now = wiring.clock()
        if data:
            self._pair.trace(self._source.peer, self._source.local, data)
            at, data = self.direction.carry_segment(data, now)
            self._held += len(data)
        else:
            self._heard_end = True
            at = now + self.direction.impairment.delay
        self._last = max(self._last, at)
        wiring.deadlines.arm(self._last, self._on_arrival, data)
        self.tend()
        wiring.settle()

    def _on_arrival(self, _now: float, data: bytes) -> None:
        if self._pair.is_over:
            return
        if data:
            self._unsent += data
        else:
            self._end_is_due = True
        self.flush()


class _End:
    """A socket, and whether it is connected."""

    def __init__(self, sock: socket.socket, peer: Address, *, is_up: bool) -> None:
        self.sock = sock
        self.peer = peer
        self.local: Address = sock.getsockname()[:2] if is_up else ("", 0)
        self.is_up = is_up


class _Pair:
    """A client's connection and ours to the target."""

    def __init__(self, side: TcpSide, client: socket.socket, address: Address, target: socket.socket) -> None:
        self.wiring = side.wiring
        self.is_over = False
        self._side = side
        self._client = _End(client, address, is_up=True)
        self._target = _End(target, side.target, is_up=False)
        self.up = _Pipe(self, side.up, (self._client, self._target))
        self.down = _Pipe(self, side.down, (self._target, self._client))
        self.up.tend()
        self.wiring.loop.add_writer(target.fileno(), self._on_connected)

    def change(self) -> None:
        """The impairments are others now."""
        self.up.tend()
        self.down.tend()

    def reset(self) -> None:
        """Cut both connections with a RST."""
        for end in (self._client, self._target):
            if end.sock.fileno() >= 0:
                end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        self._close()

    def end_if_over(self) -> None:
        """Close when both sides have said all."""
        if self.up.over and self.down.over:
            self._close()

    def trace(self, source: Address, target: Address, data: bytes) -> None:
        """Note what went by."""
        if self.wiring.pcap is not None:
            self.wiring.pcap.write_segment(source, target, data, self.wiring.wall())

    def _on_connected(self) -> None:
        sock = self._target.sock
        self.wiring.loop.remove_writer(sock.fileno())
        met_itself = sock.getsockname()[:2] == self._target.peer  # TCP can, where nobody listens
        if met_itself or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._side.counters["refused"] += 1
            self.reset()
            return
        self._target.is_up = True
        self._target.local = sock.getsockname()[:2]
        self.up.flush()
        self.down.tend()

    def _close(self) -> None:
        if self.is_over:
            return
        self.is_over = True
        for end in (self._client, self._target):
            end.is_up = False
            self.wiring.loop.remove_reader(end.sock.fileno())
            self.wiring.loop.remove_writer(end.sock.fileno())
            end.sock.close()
        if self.wiring.pcap is not None:
            self.wiring.pcap.forget(self._client.peer, self._client.local)
            self.wiring.pcap.forget(self._target.local, self._target.peer)
        self._side.forget(self)


class TcpSide:
    """See the top of the file. ``up`` leads to the target."""

    def __init__(self, listen: Address, target: Address, up: Direction, down: Direction, wiring: Wiring) -> None:
        self.local = listen  # with the real port after `open`
        self.target = target
        self.up, self.down = up, down
        self.wiring = wiring
        self.is_resetting = False  # who comes is cut at once
        self.counters = dict.fromkeys(("accepted", "refused", "reset", "failed"), 0)
        self._listener: socket.socket | None = None
        self._pairs: dict[_Pair, None] = {}

    @property
    def is_open(self) -> bool:
        """Whether somebody who comes is heard."""
        return self._listener is not None

    def open(self) -> None:
        """Listen and begin to relay; raises `OSError`."""
        self._listener = open_tcp(*self.local)
        host, port = self._listener.getsockname()[:2]
        self.local = host, port
        self._watch()

    def close(self) -> None:
        """Close the port and cut all connections: the kernel answers with RST from now on. Harmless again."""
        if self._listener is not None:
            self.wiring.loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for pair in [*self._pairs]:
            self.counters["reset"] += 1
            pair.reset()

    def change(self) -> None:
        """The impairments are others now."""
        for pair in self._pairs:
            pair.change()

    def forget(self, pair: _Pair) -> None:
        """A pair is closed."""
        self._pairs.pop(pair, None)

    @property
    def count(self) -> int:
        """How many there are now."""
        return len(self._pairs)

    def _watch(self, _now: float = 0.0) -> None:
        if self._listener is not None:
            self.wiring.loop.add_reader(self._listener.fileno(), self._on_accept)

    def _on_accept(self) -> None:
        for _ in range(DRAIN):
            if self._listener is None:
                return
            try:
                sock, peer = self._listener.accept()
            except BlockingIOError:
                break
            except OSError:  # gone again, or no more files: not in a busy loop
                self.counters["failed"] += 1
                self.wiring.loop.remove_reader(self._listener.fileno())
                self.wiring.deadlines.arm(self.wiring.clock() + self.wiring.limits.rest, self._watch)
                break
            self.counters["accepted"] += 1
            self._welcome(sock, (peer[0], peer[1]))
        self.wiring.settle()

    def _welcome(self, sock: socket.socket, address: Address) -> None:
        target = None
        if not self.is_resetting and len(self._pairs) < self.wiring.limits.clients:
            target = self._call_target()
        if target is None:
            self.counters["reset"] += 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
            sock.close()
            return
        for each in (sock, target):
            each.setblocking(False)
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # delay is ours to decide
        self._pairs[_Pair(self, sock, address, target)] = None

    def _call_target(self) -> socket.socket | None:
        sock = None
        try:
            sock = socket.socket(socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            code = sock.connect_ex(self.target)
        except OSError:
            code = errno.EMFILE
        if code and code not in _IN_PROGRESS:
            self.counters["failed"] += 1
            if sock is not None:
                sock.close()
            return None
        return sock

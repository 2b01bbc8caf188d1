"""A DNS server on loopback, made with dnspython, that can be told to be ill.

Owns a UDP socket and the thread that answers on it; `close` ends both. What it knows is a mapping from (name, type) to
records as text.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = dict[tuple[str, str], list[str]]
#: What it does with a question: None for silence, else the bytes to send.
Ill = Callable[[dns.message.Message], bytes | None]


class Server:
    """Answers from ``zone`` until ``ill`` is set. ``asked`` has the questions in order."""

    def __init__(self, zone: Mapping[tuple[str, str], Sequence[str]], ttl: int = 60) -> None:
        self.zone: Zone = {key: list(records) for key, records in zone.items()}
        self.ttl = ttl
        self.ill: Ill | None = None
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="dns", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._socket.getsockname()
        return host, port

    def wait(self, seconds: float) -> None:
        """Let time pass, unless it ends."""
        self._over.wait(seconds)

    def close(self) -> None:
        """End it; whoever asks finds a closed port."""
        self._over.set()
        self._thread.join(timeout=5.0)
        self._socket.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                data, source = self._socket.recvfrom(4096)
                query = dns.message.from_wire(data)
            except (TimeoutError, dns.exception.DNSException):
                continue
            question = query.question[0]
            self.asked.append((question.name.to_text(True), dns.rdatatype.to_text(question.rdtype)))
            answer = self.ill(query) if self.ill is not None else self.answer(query).to_wire()
            if answer is not None:
                self._socket.sendto(answer, source)

    def answer(self, query: dns.message.Message, zone: Zone | None = None) -> dns.message.Message:
        """What it would say in health, with CNAMEs followed as a resolver does."""
        zone = self.zone if zone is None else zone
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        name, kind = query.question[0].name.to_text(True).lower(), dns.rdatatype.to_text(query.question[0].rdtype)
        for _ in range(40):
            if records := zone.get((name, kind)):
                answer.answer.append(dns.rrset.from_text(f"{name}.", self.ttl, "IN", kind, *records))
                return answer
            if not (alias := zone.get((name, "CNAME"))):
                break
            answer.answer.append(dns.rrset.from_text(f"{name}.", self.ttl, "IN", "CNAME", *alias))
            name = alias[0].rstrip(".")
        if not any(known == name for known, _ in zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


@contextmanager
def serving(zone: Mapping[tuple[str, str], Sequence[str]], ttl: int = 60) -> Iterator[Server]:
    """A server for as long as it is needed."""
    server = Server(zone, ttl)
    try:
        yield server
    finally:
        server.close()


# --------------------------------------------------------------------------- illnesses


def silent(_: dns.message.Message) -> None:
    """As one that is lost."""


def fails(rcode: dns.rcode.Rcode) -> Ill:
    """Answers with an error."""

    def answer(query: dns.message.Message) -> bytes:
        response = dns.message.make_response(query)
        response.set_rcode(rcode)
        return response.to_wire()

    return answer


def empty(query: dns.message.Message) -> bytes:
    """No error, and no record."""
    return dns.message.make_response(query).to_wire()


def garbage(query: dns.message.Message) -> bytes:
    """Something with the right id that is no DNS message."""
    return query.to_wire()[:2] + b"\x81\x80\x00\x01\xff\xff\x00\x00\x00\x00" + b"\xc0\xff" * 20


def lies(server: Server, zone: Zone) -> Ill:
    """Answers from another zone."""
    return lambda query: server.answer(query, zone).to_wire()


def slow(server: Server, seconds: float) -> Ill:
    """Says what is right, and too late."""

    def answer(query: dns.message.Message) -> bytes:
        server.wait(seconds)
        return server.answer(query).to_wire()

    return answer


def mutated(server: Server, dice: random.Random) -> Ill:
    """What is right, with a few bytes changed, lost or made up behind the id."""

    def answer(query: dns.message.Message) -> bytes:
        wire = bytearray(server.answer(query).to_wire())
        for _ in range(dice.randint(0, 3)):
            place = dice.randrange(2, len(wire))
            wire[place : place + dice.randint(0, 2)] = dice.randbytes(dice.randint(0, 2))
        return bytes(wire)

    return answer


def only(kinds: Sequence[str], server: Server, rest: Ill = silent) -> Ill:
    """Is in health for some types of records only."""

    def answer(query: dns.message.Message) -> Any:
        kind = dns.rdatatype.to_text(query.question[0].rdtype)
        return server.answer(query).to_wire() if kind in kinds else rest(query)

    return answer

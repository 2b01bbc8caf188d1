"""A simulated SMSC: SMPP 3.4 on a real socket, with every fault that `base` knows, and some that only SMPP has.

Owns its side of the protocol, written apart from that of `channels` on purpose: two ends of one mistake would agree.
A receipt that is not acknowledged comes again, over the next connection if need be. What stands for the send key in
the journal is "NUMBER:TEXT": nothing else of it is on the wire.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from smpp34 import DeliverSm, SmppError, SubmitSm, Tlv, decode

from controller.channels.smpp_text import decode as decode_text
from controller.simulate.base import Answer, Fate, Fates, Got, Journal, Word
from controller.types.smpp import SmppAlphabet

_BINDS = {0x01: (False, True), 0x02: (True, False), 0x09: (True, True)}  # may send, may receive
_SUBMIT, _DELIVER, _UNBIND, _ENQUIRE, _QUERY = 0x04, 0x05, 0x06, 0x15, 0x03
_RESPONSE = 0x80000000
_CODES = {Answer.REFUSE: 0x45, Answer.THROTTLE: 0x58, Answer.FAIL: 0x08}
_STATES = {
    Word.SENT: (1, "ENROUTE"),
    Word.DELIVERED: (2, "DELIVRD"),
    Word.READ: (2, "DELIVRD"),
    Word.FAILED: (5, "UNDELIV"),
}
_AGAIN = 0.05  # seconds until a receipt that was turned away comes again


@dataclass(slots=True, eq=False)
class _Session:
    """A connection of a client."""

    writer: asyncio.StreamWriter
    sends: bool = False
    receives: bool = False
    sequence: int = 0
    open: dict[int, Delivery] = field(default_factory=dict)  # deliver_sm that are not answered


@dataclass(slots=True, eq=False)
class Delivery:
    """A deliver_sm until it is acknowledged."""

    fields: dict[str, object]
    source: str
    destination: str
    body: bytes
    tries: int = 0
    done: bool = False


@dataclass(slots=True, eq=False)
class Smsc:
    """One SMSC; what is set may be changed while it runs."""

    name: str = "smsc"
    fates: Fates = field(default_factory=Fates)
    journal: Journal = field(default_factory=Journal)
    system_id: str = ""  # "": anybody may bind
    password: str = ""
    hex_ids: bool = False  # the answer has the id in hexadecimal, the receipt in decimal
    with_tlvs: bool = True  # receipts name the message in a parameter, too
    tells: bool = True  # query_sm is known here
    queries: int = 0  # so many came
    deaf: bool = False  # half-open: connections stand, and nothing is read or said any more
    closed: bool = False  # to new binds: ESME_RBINDFAIL
    port: int = 0
    binds: int = 0  # so many worked
    deliveries: list[Delivery] = field(default_factory=list)
    sessions: list[_Session] = field(default_factory=list)
    _count: int = 0
    _submitted: dict[str, tuple[str, Fate]] = field(default_factory=dict)  # senders and fates by ids
    _waiting: deque[Delivery] = field(default_factory=deque)  # nobody is bound to take them
    _server: asyncio.Server | None = None
    _timers: set[asyncio.TimerHandle] = field(default_factory=set)

    async def start(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> int:
        """Listen; the port. 0 takes any that is free."""
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def close(self) -> None:
        """Hang up, without a word."""
        for timer in self._timers:
            timer.cancel()
        if self._server is not None:
            self._server.close()
        self.drop()
        while self.sessions:  # noqa: ASYNC110  # each goes once its connection is lost, which is now
            await asyncio.sleep(0)

    def drop(self) -> None:
        """All connections are gone."""
        for session in [*self.sessions]:
            session.writer.transport.abort()

    def unbind(self) -> None:
        """Ask all clients to go."""
        for session in self.sessions:
            self._write(session, _UNBIND, self._next(session))

    def deliver(
        self, sender: str, to: str, text: str, *, header: bytes = b"", tlvs: Mapping[int, bytes] | None = None
    ) -> Delivery:
        """A message from a person, or a part of one: with a header of user data, or with parameters that say so."""
        fields: dict[str, object] = {"esm_class": 0x40 if header else 0}
        if tlvs:
            fields["tlvs"] = [Tlv(tag, value) for tag, value in tlvs.items()]
        delivery = Delivery(fields, sender, to, header + text.encode("latin-1", "replace"))
        self._hand_out(delivery)
        return delivery

    # ----------------------------------------------------------------- one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(writer)
        self.sessions.append(session)
        try:
            while True:
                header = await reader.readexactly(16)
                length, command, status, sequence = struct.unpack(">IIII", header)
                body = await reader.readexactly(length - 16) if length > 16 else b""
                if not self.deaf:
                    self._handle(session, command, status, sequence, header + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.sessions.remove(session)
            self._waiting.extend(delivery for delivery in session.open.values() if not delivery.done)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _handle(self, session: _Session, command: int, status: int, sequence: int, raw: bytes) -> None:
        if command in _BINDS:
            self._bind(session, command, sequence, raw[16:])
        elif command == _SUBMIT and session.sends:
            self._take(session, sequence, raw)
        elif command == _QUERY and session.sends and self.tells:
            self._tell_state(session, sequence, raw[16:])
        elif command == _ENQUIRE:
            self._write(session, command | _RESPONSE, sequence)
        elif command == _UNBIND:
            self._write(session, command | _RESPONSE, sequence)
            session.writer.close()
        elif command == _UNBIND | _RESPONSE:
            session.writer.close()
        elif command == _DELIVER | _RESPONSE:
            self._acknowledge(session, sequence, status)
        elif not command & _RESPONSE:
            self._write(session, _RESPONSE, sequence, status=0x03 if command != _SUBMIT else 0x04)

    def _bind(self, session: _Session, command: int, sequence: int, body: bytes) -> None:
        system_id, password = (word.decode("latin-1") for word in body.split(b"\0")[:2])
        wrong = self.closed or (self.system_id and (system_id, password) != (self.system_id, self.password))
        if wrong:
            self._write(session, command | _RESPONSE, sequence, status=0x0D if self.closed else 0x0E)
            session.writer.close()
            return
        session.sends, session.receives = _BINDS[command]
        self.binds += 1
        self._write(session, command | _RESPONSE, sequence, b"smsc\0")
        while session.receives and self._waiting:
            self._send(session, self._waiting.popleft())

    # ----------------------------------------------------------------- messages

    def _take(self, session: _Session, sequence: int, raw: bytes) -> None:
        try:
            submit = decode(raw)
        except SmppError:
            submit = None
        if not isinstance(submit, SubmitSm):
            self._write(session, _SUBMIT | _RESPONSE, sequence, status=0x02)
            return
        body = submit.short_message or next((tlv.value for tlv in submit.tlvs if tlv.tag == 0x0424), b"")
        text = decode_text(body, submit.data_coding, submit.esm_class, SmppAlphabet.GSM7)
        to = f"+{submit.destination_addr.removeprefix('+')}"
        key = f"{to}:{text}"
        fate = self.fates.of(self.name, key, self.journal.tries(self.name, key))
        self._count += 1
        ref = self._count
        answered = f"{ref:X}" if self.hex_ids else str(ref)
        got = Got(self.name, key, to, text, self._now(), fate, ref=answered if fate.taken else "")
        self.journal.add(got)
        if fate.taken:
            self._submitted[answered] = submit.source_addr, fate
        reports = fate.reports if fate.taken and submit.registered_delivery & 1 else ()
        for report in (each for each in reports if each.after < 0):
            self._report(submit, ref, report.word, fate, forged=report.forged)
        self._later(fate.delay, lambda: self._answer(session, sequence, fate, answered))
        for report in (each for each in reports if each.after >= 0):
            tell = partial(self._report, submit, ref, report.word, fate, forged=report.forged)
            self._later(fate.delay + report.after, tell)

    def _answer(self, session: _Session, sequence: int, fate: Fate, ref: str) -> None:
        if fate.answer is Answer.CUT:
            session.writer.transport.abort()
        elif fate.answer is Answer.TAKE:
            self._write(session, _SUBMIT | _RESPONSE, sequence, ref.encode() + b"\0")
        elif fate.answer is not Answer.DROP:
            status = _CODES[fate.answer]
            if fate.answer is Answer.REFUSE and fate.code:
                status = int(fate.code, 0)
            self._write(session, _SUBMIT | _RESPONSE, sequence, status=status)

    def _report(self, submit: SubmitSm, ref: int, word: Word, fate: Fate, *, forged: bool) -> None:
        state, called = _STATES[word]
        error = fate.code if word is Word.FAILED and fate.code else "000"
        text = f"id:{ref} sub:001 dlvrd:001 submit date:2601010000 done date:2601010001 stat:{called} err:{error} text:"
        tlvs = []
        if self.with_tlvs and not forged:
            answered = f"{ref:X}" if self.hex_ids else str(ref)
            tlvs = [Tlv(0x001E, answered.encode() + b"\0"), Tlv(0x0427, bytes((state,)))]
        # A forged one is a text of a person's that looks like a receipt: he has no way to set the bit that makes it one.
        fields: dict[str, object] = {} if forged else {"esm_class": 0x04, "tlvs": tlvs}
        self._hand_out(Delivery(fields, submit.destination_addr, submit.source_addr, text.encode()))

    def _tell_state(self, session: _Session, sequence: int, body: bytes) -> None:
        """query_sm: the state of a message, by its id and its sender, or ESME_RQUERYFAIL."""
        self.queries += 1
        ref, _, rest = body.partition(b"\0")
        known = self._submitted.get(ref.decode("latin-1"))
        if known is None or rest[2:].split(b"\0")[0].decode("latin-1") != known[0]:
            self._write(session, _QUERY | _RESPONSE, sequence, ref + b"\0\0\0\0", status=0x67)
            return
        state = bytes((2 if known[1].delivered else 5, 0))
        self._write(session, _QUERY | _RESPONSE, sequence, ref + b"\0" + b"260101000100000+\0" + state)

    # ----------------------------------------------------------------- deliver_sm

    def _hand_out(self, delivery: Delivery) -> None:
        if delivery not in self.deliveries:
            self.deliveries.append(delivery)
        session = next((each for each in self.sessions if each.receives and not each.writer.is_closing()), None)
        if session is None or self.deaf:
            self._waiting.append(delivery)
        else:
            self._send(session, delivery)

    def _send(self, session: _Session, delivery: Delivery) -> None:
        delivery.tries += 1
        sequence = self._next(session)
        session.open[sequence] = delivery
        fields = {"source_addr_ton": 1, "source_addr_npi": 1, "dest_addr_ton": 1, "dest_addr_npi": 1} | delivery.fields
        message = DeliverSm(
            delivery.source,
            delivery.destination,
            delivery.body,
            sequence_number=sequence,
            **fields,  # type: ignore[arg-type]
        )
        session.writer.write(message.encode())

    def _acknowledge(self, session: _Session, sequence: int, status: int) -> None:
        delivery = session.open.pop(sequence, None)
        if delivery is None:
            return
        if status == 0:
            delivery.done = True
        else:
            self._later(_AGAIN, lambda: self._hand_out(delivery))

    # ----------------------------------------------------------------- the wire

    def _write(self, session: _Session, command: int, sequence: int, body: bytes = b"", *, status: int = 0) -> None:
        if not session.writer.is_closing():
            session.writer.write(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)

    def _next(self, session: _Session) -> int:
        session.sequence += 1
        return session.sequence

    def _later(self, delay: float, do: Callable[[], None]) -> None:
        if delay <= 0:
            do()
            return
        loop = asyncio.get_running_loop()

        def run() -> None:
            self._timers.discard(timer)
            do()

        timer = loop.call_later(delay, run)
        self._timers.add(timer)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

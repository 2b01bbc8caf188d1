"""SMPP 3.4: the adapter of an account at an SMSC.

Owns the translation between messages and submit_sm, deliver_sm and news; whose turn an answer is. Must not decide what
follows. The library's own session is not used, its PDUs are: it acknowledges a receipt before anybody has written it
down, and an SMSC forgets a receipt that is acknowledged.

There is nothing against sending twice in SMPP: query_sm asks by the id that only the lost answer has. Thus `Dedup.NONE`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from smpp34 import DeliverSm

from controller import clock
from controller.channels import smpp_pdu as pdus
from controller.channels.base import (
    Accepted,
    Inbound,
    Liveness,
    Message,
    News,
    Refused,
    Report,
    Sink,
    Submission,
    Unclear,
    Webhook,
    WebhookAnswer,
)
from controller.channels.smpp_link import Link
from controller.channels.smpp_parts import Key, Parts, Piece, Text, fragment_of
from controller.channels.smpp_queries import Queries, Query
from controller.channels.smpp_receipts import Receipt, canonical, parse_receipt, read_state
from controller.channels.smpp_session import (
    MAX_LATE,
    WINDOW_FULL,
    Answered,
    Bound,
    Closed,
    Delivered,
    Event,
    LateAnswer,
    NotSent,
    SubmitFields,
    Told,
    Unanswered,
)
from controller.channels.smpp_text import Encoded, Part, TooLong, decode, encode
from controller.supervise import Supervisor
from controller.types import TRANSPORT_ERROR
from controller.types.cascades import BAD_TEMPLATE, REJECTED, TIMEOUT
from controller.types.messages import Dedup, Provider
from controller.types.smpp import Smpp, SmppBind, SmppLong
from controller.types.words import Milestone

FULL_WINDOW = "429"  # cause of what waited too long behind a full window: send less
SINK_PAUSE = 0.5  # seconds until news that nobody could write down are handed on again
FAILURE_PAUSE = 1.0  # seconds
BATCH = 500

# Types and plans of numbers (§5.2.5, §5.2.6)
_UNKNOWN, _INTERNATIONAL, _NETWORK, _ALPHANUMERIC = 0, 1, 3, 5
_ISDN = 1
_SHORT_CODE = 8  # digits at most
_PAYLOAD = 0x0424  # message_payload
_LONGEST_ADDRESS = 20


@dataclass(slots=True)
class _Waiting:
    """A part that is not answered."""

    future: asyncio.Future[Submission]
    send_key: str
    is_last: bool
    source: tuple[int, int, str]


class _Ticket(NamedTuple):
    """A deliver_sm that is to be answered, and over which connection."""

    link: Link
    delivered: Delivered

    def confirm(self, *, taken: bool) -> None:
        self.link.confirm(self.delivered, taken=taken)


@dataclass(slots=True)
class _Heard:
    """News on their way to whoever writes them down, and what is answered then: a deliver_sm, or all parts of a text."""

    news: News | None
    ticket: _Ticket | None = None
    text: Text[_Ticket] | None = None


class SmppAdapter:
    """An account at an SMSC."""

    dedup = Dedup.NONE

    def __init__(self, provider: Provider, random: Random | None = None) -> None:
        """``provider.settings`` are `Smpp`."""
        settings = provider.settings
        assert isinstance(settings, Smpp)
        self.name = provider.name
        self._settings = settings
        random = random or Random()
        both = [pdus.BIND_TRANSCEIVER]
        if settings.bind is SmppBind.SPLIT:
            both = [pdus.BIND_TRANSMITTER, pdus.BIND_RECEIVER]
        self._links = [Link(settings, command, self._on_event, random) for command in both]
        self._waiting: dict[int, _Waiting] = {}  # by token
        self._given_up: OrderedDict[int, _Waiting] = OrderedDict()  # whose answer may still come
        self._token = 0
        self._reference = random.randrange(0x10000)  # of texts in parts: not the same again after a restart
        self._heard: asyncio.Queue[_Heard] = asyncio.Queue()
        self._parts: Parts[_Ticket] = Parts()
        self._parts_timer: asyncio.TimerHandle | None = None
        self._queries = Queries(settings.query)
        self._query_timer: asyncio.TimerHandle | None = None
        self._alive: bool | None = None  # as was last told
        self._tasks = Supervisor(lambda _error: None)  # `_keep` sees to failures
        self._sink: Sink | None = None

    async def start(self, sink: Sink) -> None:
        """Begin to bind; that it worked is news."""
        self._sink = sink
        for job in (self._hand_on, *(link.keep for link in self._links)):
            self._tasks.spawn(self._keep(job), f"SMPP of {self.name}")

    async def submit(self, message: Message) -> Submission:
        """Send a text, in parts if it is long. The name of the last part is that of all: its receipt is asked for alone.

        A long text of which a part is refused counts as refused: phones show none of it.
        """
        transmitter = self._links[0]
        if not all(link.is_bound for link in self._links):
            return Refused(TRANSPORT_ERROR, "not bound")
        self._reference = (self._reference + 1) % 0x10000
        try:
            encoded = encode(message.text, self._settings.alphabet, self._settings.long, self._reference)
            fields = [self._fields(message, encoded, part) for part in encoded.parts]
        except TooLong:
            return Refused(BAD_TEMPLATE, "too long")
        except ValueError as error:  # what it says is ours, and holds no number
            return Refused(BAD_TEMPLATE, str(error))
        source = _source(message.sender, plus=self._settings.plus)
        waiting = [self._wait(message.send_key, part, source) for part in encoded.parts]
        for (token, _), each in zip(waiting, fields, strict=True):
            transmitter.submit(token, each, message.lifetime)
        answers = await asyncio.gather(*(future for _, future in waiting))
        return next((answer for answer in answers if isinstance(answer, Refused)), None) or next(
            (answer for answer in answers if isinstance(answer, Unclear)), answers[-1]
        )

    async def look_up(self, send_key: str) -> Submission:
        """Never asked: see `dedup`."""
        return Unclear("SMPP has no question by our key")

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        """There are no webhooks in SMPP."""
        return WebhookAnswer(status=404)

    async def close(self) -> None:
        """Unbind; what is unanswered is unclear. Parts of texts that the SMSC has no longer are handed on as they are."""
        for timer in (self._parts_timer, self._query_timer):
            if timer is not None:
                timer.cancel()
        await asyncio.gather(*(link.leave() for link in self._links))
        await self._tasks.close()
        if self._sink is not None and (left := self._parts.left()):
            with suppress(Exception):  # it cannot be kept anywhere
                await self._sink([self._said(text) for text in left])

    # ----------------------------------------------------------------- submits

    def _wait(self, send_key: str, part: Part, source: tuple[int, int, str]) -> tuple[int, asyncio.Future[Submission]]:
        self._token += 1
        future: asyncio.Future[Submission] = asyncio.get_running_loop().create_future()
        self._waiting[self._token] = _Waiting(future, send_key, part.number == part.total, source)
        return self._token, future

    def _fields(self, message: Message, encoded: Encoded, part: Part) -> SubmitFields:
        source_ton, source_npi, source = _source(message.sender, plus=self._settings.plus)
        destination = message.to.removeprefix("+")
        if not (destination.isascii() and destination.isdigit() and len(destination) <= _LONGEST_ADDRESS):
            raise ValueError("no number to send to")
        tlvs: list[tuple[int, bytes]] = []
        if encoded.payload:
            tlvs = [(_PAYLOAD, part.body)]
        elif part.total > 1 and self._settings.long is SmppLong.SAR:
            tlvs = [
                (0x020C, self._reference.to_bytes(2, "big")),  # sar_msg_ref_num
                (0x020E, bytes((part.total,))),  # sar_total_segments
                (0x020F, bytes((part.number,))),  # sar_segment_seqnum
            ]
        return SubmitFields(
            source,
            source_ton,
            source_npi,
            f"+{destination}" if self._settings.plus else destination,
            _INTERNATIONAL,
            b"" if encoded.payload else part.body,
            service_type=self._settings.service_type,
            esm_class=encoded.esm_class,
            data_coding=encoded.data_coding,
            validity=_relative(message.lifetime),
            receipt=part.number == part.total,
            tlvs=tuple(tlvs),
        )

    # ----------------------------------------------------------------- events of the links

    def _on_event(self, link: Link, event: Event) -> None:
        match event:
            case Answered(token, status, ref):
                self._may_ask(token, status, ref)
                self._settle(token, self._translate(status, ref))
            case NotSent(token, why):
                full = why == WINDOW_FULL
                self._settle(token, Refused(FULL_WINDOW, "window") if full else Refused(TRANSPORT_ERROR, "not bound"))
            case Unanswered(token, why):
                self._give_up(token, TIMEOUT if why == "timeout" else TRANSPORT_ERROR)
            case LateAnswer(token, status, ref):
                if (waiting := self._given_up.pop(token, None)) is not None and waiting.is_last:
                    self._tell(self._late(waiting.send_key, self._translate(status, ref)))
            case Told():
                self._on_told(event)
            case Delivered():
                self._take(_Ticket(link, event))
            case Bound():
                if all(each.is_bound for each in self._links):
                    self._tell_alive("bound")
            case Closed(why):
                if self._alive is not False:
                    self._alive = False
                    self._tell(Liveness(self.name, alive=False, why=why))

    def _settle(self, token: int, submission: Submission) -> None:
        waiting = self._waiting.pop(token, None)
        if waiting is None:
            return
        if not waiting.future.done():
            waiting.future.set_result(submission)
        elif waiting.is_last:  # whoever asked has gone
            self._tell(self._late(waiting.send_key, submission))

    def _give_up(self, token: int, cause: str) -> None:
        waiting = self._waiting.pop(token, None)
        if waiting is None:
            return
        self._given_up[token] = waiting
        if len(self._given_up) > MAX_LATE:
            self._given_up.popitem(last=False)
        if not waiting.future.done():
            waiting.future.set_result(Unclear(cause))

    def _translate(self, status: int, ref: str) -> Submission:
        if status == pdus.OK:
            return Accepted(canonical(ref, self._settings.receipt_ids, in_receipt=False))
        name = pdus.STATUS_NAMES.get(status)
        return Refused(name or REJECTED, pdus.describe_status(status))

    def _late(self, send_key: str, submission: Submission) -> News | None:
        """An answer that nobody waits for any more: as a report it still says how the message is called."""
        now = clock.epoch()
        if isinstance(submission, Accepted):
            return Report(self.name, submission.ref, submission.milestone, send_key=send_key, at=now)
        if isinstance(submission, Refused):
            return Report(self.name, "", None, cause=submission.cause, code=submission.code, send_key=send_key, at=now)
        return None

    # ----------------------------------------------------------------- news

    def _take(self, ticket: _Ticket) -> None:
        """A deliver_sm: a receipt, a text, or a part of one that waits for the others."""
        message = ticket.delivered.message
        tlvs = {tlv.tag: tlv.value for tlv in message.tlvs}
        body = message.short_message or tlvs.get(_PAYLOAD, b"")
        fragment = fragment_of(message.esm_class, body, tlvs)
        news = self._read(message)
        if fragment is None or not isinstance(news, Inbound):
            self._heard.put_nowait(_Heard(news, ticket))
            return
        key = Key(news.sender, news.to, *fragment[:3])
        piece = Piece(body, message.data_coding, message.esm_class)
        self._put(self._parts.add(key, fragment.number, piece, ticket, clock.monotonic()))
        self._arm_parts()

    def _put(self, texts: Iterable[Text[_Ticket]]) -> None:
        for text in texts:
            self._heard.put_nowait(_Heard(self._said(text) if text.pieces else None, text=text))

    def _said(self, text: Text[_Ticket]) -> Inbound:
        said = text.read(self._settings.alphabet)
        return Inbound(self.name, "", text.key.source, text.key.destination, said, clock.epoch())

    def _arm_parts(self) -> None:
        if self._parts_timer is not None:
            self._parts_timer.cancel()
            self._parts_timer = None
        if self._parts:
            delay = max(self._parts.deadline() - clock.monotonic(), 0.0)
            self._parts_timer = asyncio.get_running_loop().call_later(delay, self._on_parts)

    def _on_parts(self) -> None:
        self._parts_timer, now = None, clock.monotonic()
        for ticket in self._parts.answer(now):
            ticket.confirm(taken=True)
        self._put(self._parts.overdue(now))
        self._arm_parts()

    def _read(self, message: DeliverSm) -> News | None:
        tlvs = {tlv.tag: tlv.value for tlv in message.tlvs}
        body = message.short_message or tlvs.get(_PAYLOAD, b"")
        settings = self._settings
        receipt = parse_receipt(message.esm_class, body, tlvs, settings.receipt_ids, settings.errors)
        now = clock.epoch()
        if receipt is None:
            text = decode(body, message.data_coding, message.esm_class, settings.alphabet)
            sender = _number(message.source_addr, message.source_addr_ton)
            return Inbound(self.name, "", sender, _number(message.destination_addr, message.dest_addr_ton), text, now)
        return self._report(receipt, now) if receipt.ref else None  # of which message, nobody can say

    def _report(self, receipt: Receipt, now: float) -> Report:
        if receipt.milestone is None or receipt.milestone >= Milestone.ANSWERED:
            self._queries.settled(receipt.ref)
        return Report(self.name, receipt.ref, receipt.milestone, cause=receipt.cause, code=receipt.code, at=now)

    # ----------------------------------------------------------------- receipts that do not come

    def _may_ask(self, token: int, status: int, ref: str) -> None:
        waiting = self._waiting.get(token)
        if self._settings.query and status == pdus.OK and waiting is not None and waiting.is_last:
            known = canonical(ref, self._settings.receipt_ids, in_receipt=False)
            self._queries.accepted(Query(ref, known, *waiting.source), clock.monotonic())
            self._arm_queries()

    def _arm_queries(self) -> None:
        if self._query_timer is None and self._queries:
            delay = max(self._queries.deadline() - clock.monotonic(), 0.0)
            self._query_timer = asyncio.get_running_loop().call_later(delay, self._on_query)

    def _on_query(self) -> None:
        self._query_timer = None
        for query in self._queries.due(clock.monotonic()):
            self._links[0].query(query)
        self._arm_queries()

    def _on_told(self, told: Told) -> None:
        receipt = read_state(told.query.ref, told.state, told.error, self._settings.errors)
        if receipt is not None:
            self._tell(self._report(receipt, clock.epoch()))

    def _tell_alive(self, why: str) -> None:
        if self._alive is not True:
            self._alive = True
            self._tell(Liveness(self.name, alive=True, why=why))

    def _tell(self, news: News | None) -> None:
        if news is not None:
            self._heard.put_nowait(_Heard(news))

    async def _hand_on(self) -> None:
        """Give news to the sink, and answer each deliver_sm once that is durable; until then the SMSC keeps it."""
        assert self._sink is not None
        while True:
            batch = [await self._heard.get()]
            while len(batch) < BATCH and not self._heard.empty():
                batch.append(self._heard.get_nowait())
            try:
                await self._sink([heard.news for heard in batch if heard.news is not None])
            except Exception:  # noqa: BLE001  # whatever it is, they are not written down: the SMSC shall come again
                self._return(batch)
                await asyncio.sleep(SINK_PAUSE)
                continue
            for heard in batch:
                self._confirm(heard)

    def _confirm(self, heard: _Heard) -> None:
        if heard.ticket is not None:
            heard.ticket.confirm(taken=True)
        elif heard.text is not None:
            for ticket in self._parts.written(heard.text, clock.monotonic()):
                ticket.confirm(taken=True)

    def _return(self, batch: list[_Heard]) -> None:
        """What the SMSC has, it may keep; what only we know waits here."""
        for heard in batch:
            if heard.ticket is not None:
                heard.ticket.confirm(taken=False)
            else:
                self._heard.put_nowait(heard)

    async def _keep(self, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run what must never end, again after a mistake of ours in it: a dead consumer would silence the provider."""
        while True:
            if all(link.is_bound for link in self._links):
                self._tell_alive("bound")
            try:
                await job()
            except Exception as error:  # noqa: BLE001  # it is told, and neither calls nor other providers may suffer
                self._alive = False
                self._tell(Liveness(self.name, alive=False, why=f"its adapter failed: {type(error).__name__}"))
            await asyncio.sleep(FAILURE_PAUSE)


def _source(sender: str, *, plus: bool) -> tuple[int, int, str]:
    """Type of number, numbering plan and address of a sender; raises `ValueError`."""
    digits = sender.removeprefix("+")
    if not sender:
        return _UNKNOWN, _UNKNOWN, ""
    if not sender.isascii() or len(sender) > _LONGEST_ADDRESS:
        raise ValueError("no sender that SMPP could write")
    if not digits.isdigit():
        return _ALPHANUMERIC, _UNKNOWN, sender
    if sender.startswith("+"):
        return _INTERNATIONAL, _ISDN, sender if plus else digits
    return (_NETWORK, _UNKNOWN, sender) if len(digits) <= _SHORT_CODE else (_UNKNOWN, _ISDN, sender)


def _number(address: str, ton: int) -> str:
    return f"+{address}" if ton == _INTERNATIONAL and not address.startswith("+") else address


def _relative(lifetime: float) -> str:
    """A span of seconds as a validity period (§7.1.1.2); no message of ours is of use for a day."""
    seconds = int(min(max(lifetime, 1.0), 86399.0))
    return f"000000{seconds // 3600:02}{seconds // 60 % 60:02}{seconds % 60:02}000R"

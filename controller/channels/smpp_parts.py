"""Long texts from persons, which come in parts: which belong together, and when they are one text.

Owns the parts that wait for others, within bounds of time and memory: a text is handed on when it is whole, or after
`HOLD` as what there is of it. Parts come in any order, and again where our answer was lost. Pure.

A part is answered once its text is written down, so that the SMSC still has what a crash costs us. One that waits longer
than `ANSWER_AFTER` is answered all the same, for there are SMSCs that send the next part only then; from that moment on it
is in our memory alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Generic, NamedTuple, TypeVar

from controller.channels.smpp_text import UDHI, decode
from controller.types.smpp import SmppAlphabet

ANSWER_AFTER = 1.0  # seconds
HOLD = 60.0  # seconds from the first part on
REMEMBER = 300.0  # seconds that a text is known which is written down: a part of it that comes again is no new text
MOST = 500  # texts that wait, and as many that are remembered; more: the oldest is handed on as what there is
MOST_PARTS = 20  # a text of more is handed on in its parts
LARGEST = 255  # octets of a part (SMPP 3.4 §5.2.21); what comes in message_payload is whole

_SHORT, _LONG, _SAR = 8, 16, 0  # bits of a reference in a header (TS 23.040 §9.2.3.24), or the sar_* parameters
_REFERENCE, _TOTAL, _NUMBER = 0x020C, 0x020E, 0x020F  # SMPP 3.4 §5.3.2.22 to 24
GAP = "…"  # stands where a part is missing

T = TypeVar("T")


class Fragment(NamedTuple):
    """Which part of which text a message is."""

    kind: int
    reference: int
    total: int
    number: int


class Key(NamedTuple):
    """What the parts of one text have in common."""

    source: str
    destination: str
    kind: int
    reference: int
    total: int


class Piece(NamedTuple):
    """What a part says, its header included."""

    body: bytes
    data_coding: int
    esm_class: int


@dataclass(slots=True)
class Text(Generic[T]):
    """A text whose parts come. ``tickets`` are its owner's: what is to be answered once it is written down."""

    key: Key
    since: float
    pieces: dict[int, Piece] = field(default_factory=dict)
    tickets: list[tuple[float, T]] = field(default_factory=list)  # with the instant at which they came
    is_ours: bool = False  # a part was answered: nobody else has it any more

    def is_whole(self) -> bool:
        """Whether no part is missing."""
        return len(self.pieces) == self.key.total

    def read(self, alphabet: SmppAlphabet) -> str:
        """What it says, as far as it is there. Characters may be cut between two parts."""
        said, run = "", list[Piece]()
        for number in range(1, self.key.total + 2):
            piece = self.pieces.get(number)
            if run and (piece is None or piece.data_coding != run[0].data_coding):
                said += decode(b"".join(map(_content, run)), run[0].data_coding, 0, alphabet)
                run = []
            if piece is not None:
                run.append(piece)
            elif number <= self.key.total and not said.endswith(GAP):
                said += GAP
        return said


class Parts(Generic[T]):
    """Texts that are not whole yet, of one account. Instants are monotonic seconds."""

    def __init__(self) -> None:
        self._open: OrderedDict[Key, Text[T]] = OrderedDict()  # the oldest first
        self._leaving: dict[Key, Text[T]] = {}  # handed on, and not written down yet
        self._written: OrderedDict[Key, tuple[float, dict[int, Piece]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, key: Key, number: int, piece: Piece, ticket: T, now: float) -> list[Text[T]]:
        """Take a part; the texts that are to be handed on now. A ticket of what is written down already comes back in a
        text without pieces."""
        written = self._written.get(key)
        if written is not None and now < written[0] + REMEMBER and written[1].get(number) == piece:
            return [Text(key, now, {}, [(now, ticket)])]
        leaving = self._leaving.get(key)
        if leaving is not None and leaving.pieces.get(number) == piece:
            leaving.tickets.append((now, ticket))
            return []
        handed_on = []
        text = self._open.get(key)
        if text is not None and text.pieces.get(number, piece) != piece:  # references are used again
            handed_on.append(self._hand_on(key))
            text = None
        if text is None:
            text = self._open[key] = Text(key, now)
            if len(self._open) > MOST:
                handed_on.append(self._hand_on(next(iter(self._open))))
        text.pieces[number] = piece
        text.tickets.append((now, ticket))
        if text.is_whole():
            handed_on.append(self._hand_on(key))
        return handed_on

    def _hand_on(self, key: Key) -> Text[T]:
        text = self._leaving[key] = self._open.pop(key)
        return text

    def written(self, text: Text[T], now: float) -> list[T]:
        """A text was written down: its tickets, which may be answered."""
        if self._leaving.get(text.key) is text:
            del self._leaving[text.key]
        if text.pieces:
            self._written[text.key] = now, text.pieces
            self._written.move_to_end(text.key)
            if len(self._written) > MOST:
                self._written.popitem(last=False)
        return [ticket for _, ticket in text.tickets]

    def deadline(self) -> float:
        """When `answer` or `overdue` has something to give; infinite while nothing waits."""
        first = next(iter(self._open.values()), None)
        waiting = self._open.values() if self._may_answer() else ()
        answers = (text.tickets[0][0] + ANSWER_AFTER for text in waiting if text.tickets)
        return min(inf if first is None else first.since + HOLD, min(answers, default=inf))

    def _may_answer(self) -> bool:
        """While texts cannot be written down the SMSC must keep what it has: our memory has bounds."""
        return len(self._leaving) < MOST

    def answer(self, now: float) -> list[T]:
        """Tickets that have waited long enough."""
        given: list[T] = []
        if not self._may_answer():
            return given
        for text in self._open.values():
            late = [ticket for at, ticket in text.tickets if at + ANSWER_AFTER <= now]
            text.tickets = [each for each in text.tickets if each[0] + ANSWER_AFTER > now]
            text.is_ours = text.is_ours or bool(late)
            given += late
        return given

    def left(self) -> list[Text[T]]:
        """At the end: what would be lost with us."""
        return [text for text in (*self._leaving.values(), *self._open.values()) if text.is_ours]

    def overdue(self, now: float) -> list[Text[T]]:
        """Texts that will not be whole any more."""
        late = []
        while self._open and next(iter(self._open.values())).since + HOLD <= now:
            late.append(self._hand_on(next(iter(self._open))))
        return late


def fragment_of(esm_class: int, body: bytes, tlvs: Mapping[int, bytes]) -> Fragment | None:
    """Which part a message is; None for one that is whole, or says nonsense of itself. Never raises."""
    found = None
    if esm_class & UDHI and body:
        found = _in_header(body[1 : 1 + body[0]])
    elif all(len(tlvs.get(tag, b"")) == size for tag, size in ((_REFERENCE, 2), (_TOTAL, 1), (_NUMBER, 1))):
        found = Fragment(_SAR, int.from_bytes(tlvs[_REFERENCE], "big"), tlvs[_TOTAL][0], tlvs[_NUMBER][0])
    if found is None or not 1 <= found.number <= found.total or not 1 < found.total <= MOST_PARTS:
        return None
    return found if len(body) <= LARGEST else None


def _in_header(header: bytes) -> Fragment | None:
    """Of a header of user data: elements of an identifier, a length and as many octets."""
    while len(header) >= 2:
        identifier, size = header[0], header[1]
        value, header = header[2 : 2 + size], header[2 + size :]
        if identifier == 0x00 and len(value) == size == 3:
            return Fragment(_SHORT, value[0], value[1], value[2])
        if identifier == 0x08 and len(value) == size == 4:
            return Fragment(_LONG, int.from_bytes(value[:2], "big"), value[2], value[3])
    return None


def _content(piece: Piece) -> bytes:
    return piece.body[1 + piece.body[0] :] if piece.esm_class & UDHI and piece.body else piece.body

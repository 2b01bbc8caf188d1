"""Messages of SIP (RFC 3428): those that callward sends itself, what is ordered and what became of it; and those from persons."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class TextState(StrEnum):
    """How far a message of our own is."""

    SENDING = "sending"
    TAKEN = "taken"  # 202: somebody on the way has it
    DELIVERED = "delivered"  # any other 2xx
    FAILED = "failed"  # nobody has it
    UNCLEAR = "unclear"  # nobody answered


@dataclass(frozen=True, slots=True)
class TextOrder:
    """Send a text to somebody."""

    key: str  # whoever orders with a key that is known orders nothing
    number: str = field(repr=False)  # E.164, or a user of a PBX
    text: str = field(repr=False)
    trunks: tuple[str, ...] = ()  # in this order, as the operator calls them
    sender: str = ""  # the number of ours that is shown
    within: float = 4.0  # seconds: whoever has not answered by then is not waited for


@dataclass(slots=True)
class TextNews:
    """What became of a message of our own."""

    key: str
    state: TextState
    cause: str = ""  # of a failure: the SIP status


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A message from a person."""

    provider: str  # whose trunk brought it
    ref: str  # the same if it comes again
    sender: str = field(repr=False)  # as we write numbers
    to: str
    text: str = field(repr=False)

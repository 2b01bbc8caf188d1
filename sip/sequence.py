"""CSeq numbers on a digest leg: the side of a dialog where somebody may ask for credentials that are ours, not the sender's.

A request that is challenged is sent once more with a higher CSeq (RFC 3261 §22.2), so on such a leg there are more
numbers than the sender used. A proxy that only counted them would lose its count with its life, and then every BYE is
refused as out of order (§12.2.2). So nothing is counted: `number_of` computes the number that goes out from the number
that came in and the try, ``out = 8 x in + try``, and a branch of ours remembers both, for the way back.

Why it is right
* *Order.* Tries are at most `LAST_TRY`; so whatever was tried for one number, all tries for the next one are above it.
  A restart forgets how many tries there were, and the next number is still above them all.
* *Retransmissions.* The same request gives the same number and branch for each try in any life. A request that comes
  again after a restart begins with the first try, and meets the transactions of the past life one after the other.
* *Responses.* The branch has ``in`` and the try under its MAC (`mark`), and comes back with every response; so the way
  back needs no arithmetic and no memory.
* *What names the number of another request*: ACK has that of its INVITE, RAck that of the INVITE that it is about. Their
  ``in`` is known, and the try is
  - for the INVITE that began the dialog: in the route that the caller has of us, which was turned when the response
    passed that told him of it, and every response knows its try;
  - for a later INVITE: whoever forwards it notes the try. After a restart between that and the ACK nobody knows it.
    Then the ACK is sent for each try that there may have been: its peer takes the one that fits and drops the others,
    which acknowledge nothing (§13.3.1.4 and §17.2.1 look at the number). A PRACK is sent for one after the other: a
    wrong one is told by 481 (RFC 3262 §3), and is tried again as if it had been challenged.

A caller's numbers count from the INVITE that began the dialog, minus what leaves `_ROOM` for successors and keeps calls
with the same Call-ID apart: any first number will do, and 2**27 requests may follow. A callee's first number is known
to nobody when the dialog begins. Up to 2**28 they are mapped as above; beyond, ``out = in``, and all tries share one
number, which no UAS must refuse (§12.2.2 speaks of lower ones). What cannot be told is a dialog that goes over 2**28.
"""

from __future__ import annotations

from sip.errors import RemoteProtocolError
from sip.headers import MAX_CSEQ
from sip.message import Message, Request

SPACING = 8
LAST_TRY = SPACING - 1
_WIDE = (MAX_CSEQ + 1) // SPACING  # numbers that can be spread out
_ROOM = 1 << 20
#: Between the parts of a mark: no path tag has it.
MARK = "."


def number_of(cseq: int, tried: int, first: int | None) -> int:
    """The number that goes out for one that came in. ``tried`` is 0 to `LAST_TRY`; ``first`` is the CSeq of the INVITE
    that began the dialog for requests of its sender, None for those of the other side.

    Raises `RemoteProtocolError` 500 for a number that is out of order (RFC 3261 §12.2.2).
    """
    if first is None:
        return SPACING * cseq + tried if cseq < _WIDE else cseq
    number = SPACING * (cseq - first + first % _ROOM) + tried
    if number < 0:
        raise RemoteProtocolError("CSeq below that of the INVITE", status=500)
    return min(number, MAX_CSEQ)


def mark(tag: str, cseq: int, tried: int) -> str:
    """The path tag of a branch that remembers what its request was numbered by."""
    return f"{tag}{MARK}{cseq}{MARK}{tried}"


def read_mark(tag: str) -> tuple[int, int] | None:
    """(number that came in, try) of what `mark` made; None for the tag of another leg."""
    parts = tag.split(MARK)
    return (int(parts[1]), int(parts[2])) if len(parts) == 3 else None


def renumber(message: Message, number: int) -> None:
    """Give a message another CSeq."""
    message.set("cseq", f"CSeq: {number} {message.cseq[1]}")


def rack_of(request: Request) -> tuple[int, int, str] | None:
    """(response number, CSeq, method) of the response that a PRACK is about (RFC 3262 §7.2), None where there is none."""
    parts = (request.get("rack") or "").split()
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts[:2]):
        return None
    return int(parts[0]), int(parts[1]), parts[2]

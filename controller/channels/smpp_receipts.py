"""Delivery receipts of SMPP: what a deliver_sm says of a message of ours.

Owns which deliver_sm is a receipt (its text alone never makes it one: anybody can write such a text), its parameters and its text (SMPP 3.4 §5.2.12, §5.3.2.12, appendix B), and ids that are
written another way than in the answer to submit_sm. Pure, and never raises: an SMSC may write what it likes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from controller.types.cascades import ABSENT, BLOCKED, EXPIRED, REJECTED, UNDELIVERED, UNKNOWN_SUBSCRIBER
from controller.types.smpp import SmppIds
from controller.types.words import Milestone

RECEIPTED_MESSAGE_ID, MESSAGE_STATE, NETWORK_ERROR = 0x001E, 0x0427, 0x0423
_TYPE = 0x3C  # bits 5-2 of esm_class: what sort of message it is
_RECEIPT, _INTERMEDIATE = 0x04, 0x20

_FIELD = re.compile(r"\b(id|stat|err)\s*:\s*([^\s:]{1,64})", re.IGNORECASE)

#: §5.2.28 message_state, and its abbreviation in texts (appendix B): how far it got, or why it did not.
_STATES: Mapping[int, Milestone | str] = {
    1: Milestone.ALERTING,  # ENROUTE
    2: Milestone.ANSWERED,
    3: EXPIRED,
    4: REJECTED,  # DELETED: somebody took it out
    5: UNDELIVERED,
    6: Milestone.ALERTING,  # ACCEPTED: "manually read on behalf of the subscriber"; nobody can say that he has it
    7: UNDELIVERED,  # UNKNOWN: "in an invalid state"
    8: REJECTED,
}
_WORDS = {
    "ENROUTE": 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
}
_NAMES = {state: word for word, state in _WORDS.items()}
_UNKNOWN = 7
#: How SMSCs write them besides: the first letters are enough.
_PREFIXES = {word[:5]: state for word, state in _WORDS.items()}

_GSM = 3  # network type of network_error_code
#: Errors of MAP (3GPP TS 29.002 §17.6.6) that speak of the person and not of the network.
_MAP_ERRORS = {1: UNKNOWN_SUBSCRIBER, 5: UNKNOWN_SUBSCRIBER, 9: UNKNOWN_SUBSCRIBER, 13: BLOCKED, 27: ABSENT}


@dataclass(frozen=True, slots=True)
class Receipt:
    """A milestone, or else a cause."""

    ref: str  # as `canonical` writes ids
    milestone: Milestone | None
    cause: str = ""
    code: str = ""  # "DELIVRD/000", as the SMSC wrote it


def canonical(written: str, ids: SmppIds, *, in_receipt: bool) -> str:
    """An id as it is stored: the same for an answer and its receipt."""
    text = written.strip("\0 \t\r\n")
    if ids is SmppIds.SAME:
        return text
    hexadecimal = (ids is SmppIds.DECIMAL_OF_HEX) != in_receipt
    try:
        return str(int(text, 16 if hexadecimal else 10))
    except ValueError:
        return text


def parse_receipt(
    esm_class: int, body: bytes, tlvs: Mapping[int, bytes], ids: SmppIds, errors: Mapping[str, str]
) -> Receipt | None:
    """The receipt that a deliver_sm is, None for a message from a person.

    ``tlvs``: its optional parameters by tag. ``errors``: causes by what the SMSC writes behind ``err:``.
    """
    text = body.decode("latin-1")
    kind = esm_class & _TYPE
    if kind not in {_RECEIPT, _INTERMEDIATE} and RECEIPTED_MESSAGE_ID not in tlvs:
        return None
    fields = {name.lower(): value for name, value in reversed(_FIELD.findall(text))}  # the first of each counts
    if RECEIPTED_MESSAGE_ID in tlvs:  # written as in the answer (§5.3.2.12)
        ref = canonical(tlvs[RECEIPTED_MESSAGE_ID].decode("latin-1"), ids, in_receipt=False)
    else:
        ref = canonical(fields.get("id", ""), ids, in_receipt=True)
    word = fields.get("stat", "").upper()
    state = _WORDS.get(word) or _PREFIXES.get(word[:5], 0)
    told = tlvs.get(MESSAGE_STATE, b"")
    if len(told) == 1 and told[0] in _STATES:
        state = told[0]
    found = _STATES.get(state)
    code = "/".join(part for part in (word or (f"state {state}" if state else ""), fields.get("err", "")) if part)
    if kind == _INTERMEDIATE or found is None:
        return Receipt(ref, Milestone.ACCEPTED if not isinstance(found, Milestone) else found, "", code)
    if isinstance(found, Milestone):
        return Receipt(ref, found, "", code)
    return Receipt(ref, None, _cause(found, fields.get("err", ""), tlvs.get(NETWORK_ERROR, b""), errors), code)


def read_state(ref: str, state: int, error: int, errors: Mapping[str, str]) -> Receipt | None:
    """What the answer to query_sm says (§4.8.2); None where the SMSC does not know, or no longer.

    ``ref`` as `canonical` writes it; ``error`` is the network's, as a number.
    """
    found = _STATES.get(state)
    if found is None or state == _UNKNOWN:
        return None
    code, err = f"{_NAMES[state]}/{error:03}", f"{error:03}"
    if isinstance(found, Milestone):
        return Receipt(ref, found, "", code)
    return Receipt(ref, None, errors.get(err, found), code)


def _cause(found: str, err: str, network_error: bytes, errors: Mapping[str, str]) -> str:
    if err in errors:
        return errors[err]
    if len(network_error) == 3 and network_error[0] == _GSM:  # §5.3.2.31: type, then two octets
        return _MAP_ERRORS.get(int.from_bytes(network_error[1:], "big"), found)
    return found

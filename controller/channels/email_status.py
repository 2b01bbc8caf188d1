"""What mail servers say, normalised: replies (RFC 5321, RFC 2034), reports of delivery (RFC 3464), addresses of bounces.

Owns the causes that statuses stand for, VERP, and reading a bounce. Pure, and never raises on what others wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message

from controller.types.cascades import ABSENT, BAD_TEMPLATE, EXPIRED, REJECTED, UNDELIVERED, UNKNOWN_SUBSCRIBER
from controller.types.words import Milestone

FULL = "429"  # cause of a server that takes no more for now
OURS = "400"  # cause of what is wrong with us or the account, not with the server

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_KEY = re.compile(r"[A-Za-z0-9=_.-]{1,60}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")

#: By subject and detail of an enhanced status (RFC 3463 §3), else by its subject alone.
_BY_STATUS = {
    (1, 7): OURS,  # our address as the sender
    (1, 8): OURS,
    (2, 3): BAD_TEMPLATE,  # too long for the mailbox
    (3, 2): FULL,  # not accepting messages now
    (3, 4): BAD_TEMPLATE,  # too big for the system
    (4, 7): EXPIRED,
    (7, 8): OURS,  # credentials (RFC 4954)
    (7, 9): OURS,
    (7, 13): ABSENT,  # account disabled
}
_BY_SUBJECT = {1: UNKNOWN_SUBSCRIBER, 2: ABSENT, 3: UNDELIVERED, 4: UNDELIVERED, 6: BAD_TEMPLATE, 7: REJECTED}
#: Replies that come without one.
_BY_REPLY = {
    421: FULL,
    450: ABSENT,
    452: FULL,
    501: UNKNOWN_SUBSCRIBER,
    530: OURS,
    534: OURS,
    535: OURS,
    538: OURS,
    550: UNKNOWN_SUBSCRIBER,
    551: UNKNOWN_SUBSCRIBER,
    552: ABSENT,
    553: UNKNOWN_SUBSCRIBER,
}
#: RFC 3464 §2.3.3
_ACTIONS = {
    "delivered": Milestone.ANSWERED,
    "relayed": Milestone.ALERTING,
    "expanded": Milestone.ALERTING,
    "delayed": Milestone.ACCEPTED,
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a report of delivery says of our message: a milestone, or else a cause."""

    milestone: Milestone | None
    cause: str = ""
    code: str = ""  # "failed 5.1.1"
    envelope: str = ""  # the ENVID that we gave, RFC 3461 §4.4


def cause_of(reply: int, text: str) -> str:
    """The cause that a reply of a server stands for; ``reply`` 0: there is only a status in ``text``."""
    found = _ENHANCED.search(text)
    if found is not None:
        subject, detail = int(found[2]), int(found[3])
        if found[1] == "4" and (subject, detail) not in _BY_STATUS and subject in {3, 7}:
            return FULL  # a matter of load or of rates: it passes
        cause = _BY_STATUS.get((subject, detail)) or _BY_SUBJECT.get(subject)
        if cause is not None:
            return cause
    return _BY_REPLY.get(reply, REJECTED)


def code_of(reply: int, text: str) -> str:
    """The same in the server's numbers; its words may hold the address."""
    found = _ENHANCED.search(text)
    return f"{reply} {found[0]}" if found is not None else str(reply)


def bounce_address(bounces: str, send_key: str) -> str:
    """Where bounces of this message go: LOCAL+KEY@DOMAIN."""
    local, _, domain = bounces.rpartition("@")
    return f"{local}+{send_key.replace(':', '=')}@{domain}"


def key_of(address: str, bounces: str) -> str | None:
    """The send key in an address of bounces, "" for one without a key, None for any other address."""
    local, _, domain = bounces.rpartition("@")
    ours, at, there = address.rpartition("@")
    if not at or there.lower() != domain.lower() or not ours.lower().startswith(local.lower()):
        return None
    rest = ours[len(local) :]
    if not rest:
        return ""
    return rest[1:].replace("=", ":") if rest[0] == "+" and _KEY.fullmatch(rest[1:]) else None


def xtext(text: str) -> str:
    """Write a parameter of ESMTP (RFC 3461 §4)."""
    return "".join(
        char if "!" <= char <= "~" and char not in "+=" else "".join(f"+{octet:02X}" for octet in char.encode())
        for char in text
    )


def read_bounce(data: bytes) -> Delivery | None:
    """The report of delivery in a mail; None for any other mail, as that of somebody who is on holiday."""
    try:
        mail = message_from_bytes(data, policy=policy.compat32)
        for part in mail.walk():
            if part.get_content_type() == "message/delivery-status":
                return _read_status(part)
    except Exception:  # noqa: BLE001  # the library's readers of headers raise what they like on what spammers write
        return None
    return None


def _read_status(part: Message) -> Delivery | None:
    blocks = part.get_payload()
    if not isinstance(blocks, list):
        return None
    fields = [block for block in blocks if isinstance(block, Message)]
    envelope = next((_field(block, "Original-Envelope-Id") for block in fields if block["Original-Envelope-Id"]), "")
    envelope = _XTEXT.sub(lambda found: chr(int(found[1], 16)), envelope)
    for block in fields:
        action = _field(block, "Action").lower()
        status = _field(block, "Status")
        known = _ENHANCED.search(status)
        code = f"{action} {known[0]}" if known is not None else action
        if action in _ACTIONS:
            return Delivery(_ACTIONS[action], code=code, envelope=envelope)
        if action == "failed":
            cause = cause_of(0, status) if known is not None else UNDELIVERED
            return Delivery(None, UNDELIVERED if cause in {FULL, OURS} else cause, code, envelope)
    return None


def _field(block: Message, name: str) -> str:
    return str(block[name] or "").partition(";")[0].partition("(")[0].strip()

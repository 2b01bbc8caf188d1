"""Calls that are up, as their messages show them: answered, refreshed, hung up.

Owns what of these messages the table of calls hears (`rules.up`), and what of it is evidence about trunks. It only looks
on: no request waits for it, and none is refused because of what stands in the table.
"""

from __future__ import annotations

from controller.planes.call import Call
from controller.planes.evidence import Evidence
from controller.switchboard import Switchboard
from sip.message import Request, Response

LONGEST_SESSION = 86400.0  # seconds: what claims more is as good as no session timer
_REFRESHES = frozenset(("INVITE", "UPDATE"))  # RFC 4028 §7.4


class Sessions:
    """See the top of the file."""

    def __init__(self, switchboard: Switchboard, evidence: Evidence) -> None:
        self._switchboard = switchboard
        self._evidence = evidence

    def begin(self, call: Call, winner: int, answer: Response | None, now: float) -> None:
        """A call is answered; to be told before its run is closed."""
        trunk, invite = call.attempts[winner].way.trunk, call.invite
        lines = self._switchboard.keep_lines(call.offer.id, winner, trunk)
        session = session_of(answer) if answer is not None else 0.0
        self._switchboard.usage.answered(invite.call_id, invite.from_tag, trunk, lines, session, now)
        self._evidence.note_talk(trunk)

    def relay(self, request: Request, now: float) -> str:
        """A request within a call goes on. Returns the key of the call that it may refresh, "" for none."""
        usage = self._switchboard.usage
        if request.method == "BYE":
            up = usage.ended(request.call_id, request.from_tag, request.to_tag)
            if up is not None:
                self._evidence.note_goodbye(up.trunk, now - up.since)
        elif request.method in _REFRESHES:
            return usage.up.find(request.call_id, request.from_tag, request.to_tag)
        return ""

    def refresh(self, key: str, answer: Response | None, now: float) -> None:
        """What may refresh the call with this key was accepted: its session begins anew (RFC 4028 §7.2)."""
        if answer is not None:
            self._switchboard.usage.up.refresh(key, session_of(answer), now)


def session_of(answer: Response) -> float:
    """How long a session lasts by its 2xx, in seconds (RFC 4028 §4); 0 where there is no session timer."""
    value = answer.get("session-expires")
    if value is None:
        return 0.0
    digits = value.partition(";")[0].strip()
    seconds = float(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0.0
    return seconds if seconds <= LONGEST_SESSION else 0.0

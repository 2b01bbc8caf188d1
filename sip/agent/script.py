"""The vocabulary of the scripted user agent: how it shall behave, and what it writes down.

Owns plain data only. `sip.agent.user_agent` is the one that acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sip.message import Request
from sip.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Script:
    """How an agent treats the INVITEs it gets. Times are seconds after the INVITE unless said otherwise; None: never.

    The default rings for ever. A final comes from ``reject`` or ``answer_after``, whichever is earlier.
    """

    trying: bool = True  # 100 at once
    ring_after: float | None = 0.0  # 180
    answer_after: float | None = None  # 200
    reject: int = 0  # a final status, 0 for none
    reject_after: float = 0.0
    silent: bool = False  # takes INVITEs and says nothing, not even to a CANCEL; OPTIONS are another matter
    drop_invites: int = 0  # the first INVITE datagrams of every call that get lost
    answer_cancelled: float | None = None  # glare: a CANCEL is answered by 200 to the INVITE so many seconds later
    hang_up_after: float | None = None  # seconds after the ACK
    refuse_merged: bool = False  # 482 to the same INVITE by another path (RFC 3261 §8.2.2.2)
    headers: tuple[str, ...] = ()  # lines of finals to INVITEs, such as "Retry-After: 30"
    options: int = 200  # status for OPTIONS, 0 for silence


class CallState(StrEnum):
    """Where a call stands, for either side."""

    INVITED = "invited"  # at most a 100 so far
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class AgentEvent:
    """One line of an agent's journal.

    A callee notes: invited, ringing, answered, acked, rejected 486, cancelled, merged, reinvited, never acked.
    A caller notes: placed, trying, ringing, progress 183, answered, answered again, final 486, timed out, unreachable,
    cancelling.
    Both note: hung up, bye 200 (how the BYE was answered), ended (the other side hung up), reinvite 200, died, revived.
    """

    now: float  # seconds, the agent's clock
    call: str  # Call-ID, "" for the agent itself
    what: str
    agent: str

    def __str__(self) -> str:
        return f"{self.now:9.3f} s  {self.agent:<12} {self.what:<14} {self.call}"


@dataclass(slots=True, eq=False)
class AgentCall:
    """One call as its agent sees it; a callee has one for every INVITE transaction, so a fork may make two."""

    id: str  # Call-ID
    user: str  # who is called: the user of the Request-URI
    incoming: bool
    script: Script  # the one in force when it came
    invite: Request
    tag: str  # ours in this dialog
    started: float
    state: CallState = CallState.INVITED
    status: int = 0  # the final given or got, 408 for a timeout, 0 while there is none
    rang: float | None = None
    answered: float | None = None
    ended: float | None = None
    finals: list[tuple[int, str]] = field(default_factory=list)  # caller: (status, To tag) of each, repeats left out
    cancelled: bool = False
    reason: str = ""  # Reason header of the CANCEL or BYE that ended it (RFC 3326)
    acked: bool = False
    heard: bool = False  # caller: a provisional came

    # the dialog (RFC 3261 §12)
    transaction: Transaction | None = None  # of the INVITE
    local: str = ""  # our From or To value, with tag
    remote: str = ""
    target: str = ""  # remote target URI
    routes: list[str] = field(default_factory=list)
    cseq: int = 1  # the last one we used
    unacked: int = 0  # CSeq of a 2xx of ours that waits for its ACK
    goodbye: bool = False  # hang up once that ACK is here

"""The invariants of one call, checked on its packets and in the books of everybody who took part.

Owns what must be true of every call, whatever the network did to it:

* the caller gets exactly one final, nothing after it, and never two answers;
* no CANCEL before the branch's first 1xx arrived (RFC 3261 §9.1), and "completed elsewhere" only after a win;
* nobody is left ringing or talking; each answer that the caller does not get is released by ACK and BYE;
* the record says what the caller got.

Where a check would punish the network for losing packets, the excuse is exact: it looks whether the packets that
mattered were delivered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from controller.scenario.network import Fate, Packet
from controller.types import FULL, CallRecord
from sip.agent import AgentCall, CallState
from sip.builder import GLARE_CSEQ_STEP
from sip.transaction import Hop
from tests.sim.ladder import Said

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
TIMER_B = 32.0  # 64 x T1: what comes after so long finds no transaction any more


@dataclass(slots=True)
class Case:
    """All there is about one call, once it has calmed down."""

    packets: list[Packet]
    caller: AgentCall
    callees: list[AgentCall]
    records: list[CallRecord]
    engine: Hop
    caller_hop: Hop


def audit(case: Case) -> list[str]:
    """What is wrong with this call; nothing if all is well."""
    said = [Said(packet) for packet in case.packets]
    return [
        *_check_finals(case, said),
        *_check_cancels(case, said),
        *_check_callees(case, said),
        *_check_answers(case, said),
        *_check_timeouts(case, said),
        *_check_records(case, said),
    ]


def _check_finals(case: Case, said: list[Said]) -> Iterable[str]:
    """One final to the caller, and no provisional after it."""
    upstream = [each for each in _from(case, said, case.caller_hop) if each.status and _of_first_invite(each)]
    finals: dict[tuple[int, str], Said] = {}
    for each in upstream:
        if each.status >= 200:
            finals.setdefault((each.status, each.to_tag), each)
        elif finals:
            yield f"{each.start!r} was sent to the caller at {each.packet.sent:.3f}, after the final"
    if len(finals) > 1:
        yield f"the caller was sent {len(finals)} finals: {sorted(finals)}"
    if len(case.caller.finals) > 1:
        yield f"the caller saw {len(case.caller.finals)} finals: {case.caller.finals}"
    arrived = any(each.delivered and each.is_request("INVITE") for each in said if each.packet.target == case.engine)
    if arrived and not finals:
        yield "the caller was sent no final"
    if not case.caller.status and any(each.delivered for each in finals.values()):
        yield "a final was delivered, but the caller has none"


def _check_cancels(case: Case, said: list[Said]) -> Iterable[str]:
    progressed: dict[str, float] = {}  # branch -> when its first provisional was delivered
    won = min((each.packet.sent for each in _from(case, said, case.caller_hop) if _is_answer(each)), default=None)
    for each in said:
        if each.packet.target == case.engine and each.delivered and 100 <= each.status < 200:
            arrived = each.packet.arrives
            progressed[each.branch] = min(arrived, progressed.get(each.branch, arrived))
    for each in said:
        if each.packet.source != case.engine or not each.is_request("CANCEL"):
            continue
        when = each.packet.sent
        if progressed.get(each.branch, when + 1.0) > when:
            yield f"CANCEL at {when:.3f} before any 1xx on branch {each.branch}"
        if each.reason == ELSEWHERE and (won is None or won > when):
            yield f"CANCEL at {when:.3f} says 'completed elsewhere', but nobody has won"


def _check_callees(case: Case, said: list[Said]) -> Iterable[str]:
    """Nobody rings or talks any more, unless the network kept it from hearing of it."""
    for callee in case.callees:
        if callee.state is CallState.ENDED:
            continue
        branch = callee.invite.via.branch
        own = [each for each in said if each.branch == branch]
        if callee.state is CallState.ANSWERED:
            goodbyes = [each for each in said if each.is_request("BYE") and each.to_tag == callee.tag]
            if not goodbyes or any(each.delivered and each.packet.source == case.engine for each in goodbyes):
                yield f"{callee.user} is left talking (branch {branch})"
        elif _could_not_know(case, own):
            continue
        else:
            yield f"{callee.user} is left {callee.state} (branch {branch})"


def _could_not_know(case: Case, own: list[Said]) -> bool:
    """Whether no CANCEL reached this branch, and none could have been sent or all that were sent got lost."""
    cancels = [each for each in own if each.is_request("CANCEL")]
    if cancels:
        return not any(each.delivered for each in cancels)
    return _over_unheard(case, own) < inf


def _over_unheard(case: Case, own: list[Said]) -> float:
    """When we had to give a branch up without having heard anything: timer B, or an ICMP error; infinity for never.

    What comes later meets no transaction any more, and RFC 3261 knows no way to cancel it.
    """
    sent = [each.packet for each in own if each.packet.source == case.engine and each.is_request("INVITE")]
    heard = [each.packet.arrives for each in own if each.packet.target == case.engine and each.delivered]
    over = min([sent[0].sent + TIMER_B, *(packet.arrives for packet in sent if packet.fate is Fate.REFUSED)])
    return over if min(heard, default=inf) > over else inf


def _check_answers(case: Case, said: list[Said]) -> Iterable[str]:
    """Every 2xx from below either is the caller's, or is released by ACK and one BYE."""
    given = {each.to_tag for each in _from(case, said, case.caller_hop) if _is_answer(each)}
    answered: dict[str, str] = {}  # To tag -> branch
    for each in said:
        if each.packet.target == case.engine and each.delivered and _is_answer(each):
            answered.setdefault(each.to_tag, each.branch)
    released: dict[str, set[str]] = {}
    for each in said:
        ours = each.packet.source == case.engine and each.is_request("BYE") and each.cseq > GLARE_CSEQ_STEP
        if ours:
            released.setdefault(each.to_tag, set()).add(each.branch)
    acked = {each.to_tag for each in said if each.packet.source == case.engine and each.is_request("ACK")}
    for tag, branch in answered.items():
        own = [each for each in said if each.branch == branch]
        if tag in given:
            if tag in released:
                yield f"the answer {tag} was given to the caller and released as well"
        elif (tag not in acked or len(released.get(tag, ())) != 1) and _over_unheard(case, own) == inf:
            yield f"the answer {tag} is nobody's: acked {tag in acked}, BYEs {len(released.get(tag, ()))}"
    for tag in given - answered.keys():
        yield f"the caller was given an answer {tag} that nobody sent"


def _check_timeouts(case: Case, said: list[Said]) -> Iterable[str]:
    """RFC 4320 §4.2: a 408 to anything but an INVITE only comes when nobody waits for it any more."""
    for each in said:
        if each.packet.source == case.engine and each.status == 408 and each.method != "INVITE":
            yield f"408 to a {each.method} at {each.packet.sent:.3f}"


def _check_records(case: Case, said: list[Said]) -> Iterable[str]:
    """One record, and it says what happened."""
    arrived = any(each.delivered and each.is_request("INVITE") for each in said if each.packet.target == case.engine)
    if len(case.records) != int(arrived):
        yield f"{len(case.records)} records"
    down = [each for each in said if each.packet.source == case.engine and each.packet.target != case.caller_hop]
    branches = {each.branch for each in down if each.is_request("INVITE")}
    sent = {each.status for each in _from(case, said, case.caller_hop) if each.status >= 200 and _of_first_invite(each)}
    for record in case.records:
        if sent != {record.status}:
            yield f"the record says {record.status}, the caller was sent {sorted(sent)}"
        if (record.winner is not None) != (200 <= record.status < 300):
            yield f"the record says {record.status} and winner {record.winner}"
        made = [attempt for attempt in record.attempts if attempt.cause != FULL]  # those were never sent
        if len(made) != len(branches):
            yield f"{len(made)} attempts are on record, but there were {len(branches)} branches"


def _from(case: Case, said: list[Said], target: Hop) -> list[Said]:
    return [each for each in said if each.packet.source == case.engine and each.packet.target == target]


def _of_first_invite(each: Said) -> bool:
    return each.method == "INVITE" and each.cseq == 1


def _is_answer(each: Said) -> bool:
    return 200 <= each.status < 300 and _of_first_invite(each)

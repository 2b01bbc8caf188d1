"""Judges a case by what every party sent and received: the matrix's expectations, and what RFC 3261 asks of any proxy.

Owns the rules that hold in every case, so that neither the scenarios nor the matrix need to repeat them. Pure: takes
messages, returns sentences about what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.sipp.ladder import Message, parameter
from tests.sipp.matrix import Case

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'
Ladders = Mapping[str, Sequence[Message]]  # phone -> its messages, in order
Record = Mapping[str, Any]  # the line that the daemon wrote about the call


def audit(case: Case, caller: Sequence[Message], phones: Ladders, records: Sequence[Record]) -> list[str]:
    """What is wrong, in sentences; nothing, when all is well."""
    winner, complaints = _find_winner(case, caller, phones)
    complaints += _audit_caller(case, caller)
    complaints += _audit_records(case, winner, records)
    complaints += _audit_order(case, phones)
    for phone, messages in phones.items():
        rules = [*_audit_invite(case, phone, messages, caller), *_audit_cancel(case, phone, messages)]
        rules += [*_audit_refusal(messages), *_audit_answer(messages, is_winner=phone == winner)]
        complaints += [f"{phone}: {rule}" for rule in rules]
    return complaints


# --------------------------------------------------------------------------- the outcome


def _audit_caller(case: Case, caller: Sequence[Message]) -> Iterator[str]:
    finals = [message for message in _responses(caller, "INVITE") if (message.status or 0) >= 200]
    calls = {number: set[tuple[int | None, str]]() for number in {message.first("cseq") for message in finals}}
    for message in finals:
        calls[message.first("cseq")].add((message.status, parameter(message.first("to"), "tag")))
    for number, answers in calls.items():
        if len(answers) > 1:
            yield f"caller: more than one final response to {number}: {sorted(answers, key=str)}"
    if not finals:
        yield "caller: no final response"
    elif finals[0].status != case.status:
        yield f"caller: got {finals[0].status}, not {case.status}"
    if case.repeats and sum(message.status == case.repeats for message in finals) < 2:
        yield f"caller: heard {case.repeats} only once"
    if finals and finals[0].status == 200 and not finals[0].first("record-route"):
        yield "caller: its 200 has no Record-Route"


def _find_winner(case: Case, caller: Sequence[Message], phones: Ladders) -> tuple[str, list[str]]:
    """Who the caller talks to: the one whose To tag is in the caller's 200."""
    answers = [message for message in _responses(caller, "INVITE") if message.status == 200]
    tag = parameter(answers[0].first("to"), "tag") if answers else ""
    winner = next((phone for phone, messages in phones.items() if tag and _own_tag(messages) == tag), "")
    if winner in case.winner or (not winner and not case.winner):
        return winner, []
    return winner, [f"winner: {winner or 'nobody'}, not {' or '.join(sorted(case.winner)) or 'nobody'}"]


def _audit_records(case: Case, winner: str, records: Sequence[Record]) -> Iterator[str]:
    """What an operator reads in the log must be what happened."""
    if len(records) != 1:
        yield f"the log: {len(records)} records of one call"
    path = f"{case.full(case.endpoint_of(winner))} via {case.full(winner)}" if winner else None
    for record in records:
        if (record.get("status"), record.get("winner")) != (case.status, path):
            yield f"the log says {record.get('status')} by {record.get('winner')}, not {case.status} by {path}"


def _audit_order(case: Case, phones: Ladders) -> Iterator[str]:
    first = {phone: invite.at for phone, messages in phones.items() if (invite := _invite(messages))}
    expected = frozenset[str]().union(*case.rung)
    for phone in sorted(first.keys() ^ expected):
        yield f"{phone}: was {'rung, and should not have been' if phone in first else 'not rung'}"
    for earlier, later in pairwise([step for step in case.rung if step <= first.keys()]):
        if max(first[phone] for phone in earlier) >= min(first[phone] for phone in later):
            yield f"{', '.join(sorted(later))}: rung before {', '.join(sorted(earlier))}"
    for phone, delay in case.earliest.items():
        waited = first[phone] - min(first.values()) if phone in first else delay
        # Both ends of this are moments of arrival: what delayed the first one shortens it.
        if waited < delay - 0.05:
            yield f"{phone}: rung after {waited:.3f} s, not after {delay:.3f} s"


# --------------------------------------------------------------------------- what holds for every phone


def _audit_invite(case: Case, phone: str, messages: Sequence[Message], caller: Sequence[Message]) -> Iterator[str]:
    """RFC 3261 §16.6: what a proxy changes in a request, and what it must not."""
    invites = [message for message in _requests(messages, "INVITE") if not _to_tag(message)]
    if len({invite.branch for invite in invites}) > 1:
        yield "was tried more than once"
    original = _invite(caller, received=False)
    if not invites or original is None:
        return
    invite = invites[0]
    user = case.full(case.endpoint_of(phone))
    if not re.fullmatch(rf"INVITE sip:{re.escape(user)}@127\.0\.0\.1:\d+ SIP/2\.0", invite.start):
        yield f"the Request-URI should be that of '{user}' behind its trunk: {invite.start}"
    if invite.all("via")[1:] != original.all("via"):
        yield f"the caller's Via should follow ours: {invite.all('via')}"
    if invite.first("max-forwards") != "69":
        yield f"Max-Forwards should be 69: {invite.first('max-forwards')}"
    if ";lr" not in invite.first("record-route"):
        yield "the INVITE has no Record-Route of a loose router"
    for name in ("from", "to", "call-id", "cseq", "contact", "content-type", "content-length"):
        if invite.all(name) != original.all(name):
            yield f"the INVITE's {name} was changed: {invite.all(name)}"


def _audit_cancel(case: Case, phone: str, messages: Sequence[Message]) -> Iterator[str]:
    """RFC 3261 §9.1, RFC 3326."""
    invite = _invite(messages)
    cancels = [*_requests(messages, "CANCEL")]
    wanted = case.cancelled.get(phone)
    if wanted is None and cancels:
        yield "was cancelled, and should not have been"
    if wanted in {"elsewhere", "plain"} and not cancels:
        yield "was not cancelled"
    if not cancels or not invite:
        return
    cancel = cancels[0]
    reason = cancel.first("reason")
    if wanted in {"elsewhere", "crossing"} and reason != ELSEWHERE:
        yield f"the CANCEL's Reason should be {ELSEWHERE}: {reason or 'there is none'}"
    if wanted == "plain" and "cause=200" in reason:
        yield f"the CANCEL says that somebody else answered: {reason}"
    provisionals = [
        message for message in _responses(messages, "INVITE", received=False) if (message.status or 0) < 200
    ]
    if not any(message.at <= cancel.at for message in provisionals):
        yield "the CANCEL came before any provisional response"
    if cancel.all("via") != invite.all("via")[:1]:
        yield f"the CANCEL should have the INVITE's topmost Via, and no other: {cancel.all('via')}"
    if cancel.start.split()[1] != invite.start.split()[1]:
        yield f"the CANCEL's Request-URI should be the INVITE's: {cancel.start}"
    for name in ("from", "to", "call-id"):
        if cancel.first(name) != invite.first(name):
            yield f"the CANCEL's {name} should be the INVITE's: {cancel.first(name)}"
    if cancel.first("cseq").split()[0] != invite.first("cseq").split()[0]:
        yield f"the CANCEL's CSeq number should be the INVITE's: {cancel.first('cseq')}"


def _audit_refusal(messages: Sequence[Message]) -> Iterator[str]:
    """RFC 3261 §17.1.1.3: a refusal is acknowledged by the proxy, on the branch of its INVITE."""
    invite = _invite(messages)
    refusals = [message for message in _responses(messages, "INVITE", received=False) if (message.status or 0) >= 300]
    if not refusals or not invite:
        return
    acks = [*_requests(messages, "ACK")]
    if not acks:
        yield f"its {refusals[0].status} was not acknowledged"
    for ack in acks:
        if ack.all("via") != invite.all("via")[:1]:
            yield f"the ACK should have the INVITE's topmost Via, and no other: {ack.all('via')}"
        if _to_tag(ack) != _to_tag(refusals[0]):
            yield f"the ACK's To tag should be that of the {refusals[0].status}: {ack.first('to')}"


def _audit_answer(messages: Sequence[Message], *, is_winner: bool) -> Iterator[str]:
    """RFC 3261 §13.2.2.4: who answered gets ACK and BYE: the winner from the caller, others from the proxy.

    A winner may hang up first, and then gets no BYE.
    """
    invite = _invite(messages)
    answers = [message for message in _responses(messages, "INVITE", received=False) if message.status == 200]
    if not answers or not invite:
        return
    hops = 2 if is_winner else 1
    tags = (parameter(invite.first("from"), "tag"), _to_tag(answers[0]))
    hung_up_itself = any(_requests(messages, "BYE", received=False))
    for method in ("ACK",) if hung_up_itself else ("ACK", "BYE"):
        requests = [*_requests(messages, method)]
        if not requests:
            yield f"answered, and got no {method}"
        for request in requests:
            vias = len(request.all("via"))
            if vias != hops:
                yield f"the {method} should come from the {'caller' if is_winner else 'proxy'}, but has {vias} Vias"
            if (parameter(request.first("from"), "tag"), _to_tag(request)) != tags:
                yield f"the {method} is not in the dialog: {request.first('from')} {request.first('to')}"
            if request.first("route"):
                yield f"the {method} still has a Route, though this is the last hop: {request.first('route')}"
            if f"<{request.start.split()[1]}>" != answers[0].first("contact"):
                yield f"the {method} should go to {answers[0].first('contact')}: {request.start}"
    for bye in _requests(messages, "BYE"):
        # §12.2.1.1: CSeq numbers of one side of a dialog grow.
        if int(bye.first("cseq").split()[0]) <= int(invite.first("cseq").split()[0]):
            yield f"the BYE's CSeq should be above the INVITE's: {bye.first('cseq')}"


# --------------------------------------------------------------------------- looking things up


def _requests(messages: Sequence[Message], method: str, *, received: bool = True) -> Iterator[Message]:
    return (m for m in messages if m.status is None and m.method == method and m.received is received)


def _responses(messages: Sequence[Message], method: str, *, received: bool = True) -> Iterator[Message]:
    return (m for m in messages if m.status is not None and m.method == method and m.received is received)


def _invite(messages: Sequence[Message], *, received: bool = True) -> Message | None:
    return next((m for m in _requests(messages, "INVITE", received=received) if not _to_tag(m)), None)


def _own_tag(messages: Sequence[Message]) -> str:
    return next((_to_tag(m) for m in _responses(messages, "INVITE", received=False) if m.status == 200), "")


def _to_tag(message: Message) -> str:
    return parameter(message.first("to"), "tag")

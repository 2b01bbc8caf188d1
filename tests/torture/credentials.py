"""The same messages where every trunk asks for credentials, that of their sender too."""

from __future__ import annotations

from controller.types import Dialplan
from tests.sip import wire
from tests.torture.stand import T1, Stand, Verdict, dialplan, opaque


def asking_plan() -> Dialplan:
    """The stand's dialplan, with credentials for each trunk."""
    return dialplan(asks=True)


def compare_with_credentials(data: bytes, verdict: Verdict) -> None:
    """Over trunks that ask for credentials a message is judged as ever, and what is sent on is sent on again with them:
    nothing else of it changes, and its sender sees his own CSeq."""
    stand = Stand(plan=asking_plan())
    first = stand.judge(data)
    assert str(first) == str(verdict)
    ours = ("via", "max-forwards", "record-route", "route", "cseq")
    for plain, request in zip(verdict.forwarded, first.forwarded, strict=True):
        assert opaque(request.encode(), ours) == opaque(plain.encode(), ours)
        if request.method in ("ACK", "CANCEL"):
            continue
        again = stand.challenge(request)
        assert again.cseq == (request.cseq[0] + 1, request.method)
        lines = [line for name, line in zip(again.names, again.lines, strict=True) if name not in ours]
        assert lines[:-1] == [line for name, line in zip(request.names, request.lines, strict=True) if name not in ours]
        final = stand.judge(wire.answer(again, 486), T1)
        ((response, _),) = [(other, hop) for other, hop in final.passed_back if other.status > 100]
        assert (response.status, response.cseq) == (486, plain.cseq)

"""The judge must see what is wrong: a good call from which one thing at a time is spoiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.sipp.audit import ELSEWHERE, audit
from tests.sipp.ladder import Message
from tests.sipp.matrix import Case

CASE = Case(
    name="case",
    why="two phones ring, one answers",
    did="+1",
    phones={"desk": "uas-answer", "loser": "uas-ring-forever-lost"},
    endpoints={"desk": ["desk"], "loser": ["loser"]},
    chain=[{"ring": ["desk", "loser"]}],
    caller="uac-basic",
    status=200,
    winner=frozenset({"desk"}),
    rung=(frozenset({"desk", "loser"}),),
    cancelled={"loser": "elsewhere"},
    earliest={},
)
THEIRS = "SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKtheirs"
RECORD = {"event": "call", "did": "+1", "status": 200, "winner": "case-desk via case-desk"}
Parties = dict[str, list[Message]]


def said(
    at: float, who: str, arrow: str, start: str, cseq: str, to_tag: str, *, vias: list[str], **more: str
) -> Message:
    """One message. The arrow is seen from the party: < received, > sent."""
    to = f"<sip:+1@127.0.0.1>;tag={to_tag}" if to_tag else "<sip:+1@127.0.0.1>"
    headers = [*(("via", via) for via in vias), ("from", "<sip:caller@127.0.0.1>;tag=c"), ("to", to)]
    headers += [("call-id", "1"), ("cseq", cseq), *((name.replace("_", "-"), value) for name, value in more.items())]
    return Message(at, who, arrow == "<", f"{start} SIP/2.0" if not start.startswith("SIP") else start, tuple(headers))


def good_call() -> Parties:
    """Desk answers, the loser is cancelled, all as it should be."""
    vias = {phone: [f"SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{phone}", THEIRS] for phone in ("desk", "loser")}
    uris = {phone: f"sip:case-{phone}@127.0.0.1:508{number}" for number, phone in enumerate(vias)}
    caller = [
        said(0.0, "caller", ">", "INVITE sip:+1@127.0.0.1:5060", "1 INVITE", "", vias=[THEIRS]),
        said(0.3, "caller", "<", "SIP/2.0 200 OK", "1 INVITE", "d", vias=[THEIRS], record_route="<sip:x;lr>"),
    ]
    parties: Parties = {"caller": caller}
    for phone in ("desk", "loser"):
        rr, forwards = "<sip:x@127.0.0.1:5060;lr>", "69"
        invite = said(
            0.1,
            phone,
            "<",
            f"INVITE {uris[phone]}",
            "1 INVITE",
            "",
            vias=vias[phone],
            record_route=rr,
            max_forwards=forwards,
        )
        parties[phone] = [invite, said(0.15, phone, ">", "SIP/2.0 180 Ringing", "1 INVITE", phone[0], vias=vias[phone])]
    contact = "sip:desk@127.0.0.1:5080"
    both = [f"{vias['desk'][0]}x", THEIRS]
    parties["desk"] += [
        said(0.2, "desk", ">", "SIP/2.0 200 OK", "1 INVITE", "d", vias=vias["desk"], contact=f"<{contact}>"),
        said(0.4, "desk", "<", f"ACK {contact}", "1 ACK", "d", vias=both),
        said(0.5, "desk", "<", f"BYE {contact}", "2 BYE", "d", vias=both),
    ]
    ours = vias["loser"][:1]
    parties["loser"] += [
        said(0.3, "loser", "<", f"CANCEL {uris['loser']}", "1 CANCEL", "", vias=ours, reason=ELSEWHERE),
        said(0.3, "loser", ">", "SIP/2.0 487 Request Terminated", "1 INVITE", "l", vias=vias["loser"]),
        said(0.4, "loser", "<", f"ACK {uris['loser']}", "1 ACK", "l", vias=ours),
    ]
    return parties


def judge(parties: Parties) -> list[str]:
    phones = {who: messages for who, messages in parties.items() if who != "caller"}
    return audit(CASE, parties["caller"], phones, [RECORD])


def find(messages: list[Message], start: str) -> int:
    return next(index for index, message in enumerate(messages) if message.start.startswith(start))


def spoil(who: str, start: str, **headers: str | None) -> Callable[[Parties], None]:
    """Change these headers of this message; None takes them away."""

    def change(parties: Parties) -> None:
        at = find(parties[who], start)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = tuple((name, value) for name, value in parties[who][at].headers if name not in named)
        added = tuple((name, value) for name, value in named.items() if value is not None)
        parties[who][at] = replace(parties[who][at], headers=kept + added)

    return change


def lose(who: str, start: str) -> Callable[[Parties], None]:
    """This message never came."""

    def change(parties: Parties) -> None:
        del parties[who][find(parties[who], start)]

    return change


def again(who: str, start: str, **headers: str) -> Callable[[Parties], None]:
    """The same message once more, with other headers."""

    def change(parties: Parties) -> None:
        parties[who].append(parties[who][find(parties[who], start)])
        parties[who].reverse()
        spoil(who, start, **headers)(parties)
        parties[who].reverse()

    return change


def test_good_call_is_good() -> None:
    assert judge(good_call()) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lose("caller", "SIP/2.0 200"), "caller: no final response"),
        (again("caller", "SIP/2.0 200", to="<sip:+1@127.0.0.1>;tag=l"), "caller: more than one final response"),
        (spoil("caller", "SIP/2.0 200", record_route=None), "caller: its 200 has no Record-Route"),
        (spoil("caller", "SIP/2.0 200", to="<sip:+1@127.0.0.1>;tag=other"), "winner: nobody, not desk"),
        (lose("loser", "INVITE"), "loser: was not rung"),
        (spoil("desk", "INVITE", via=THEIRS), "desk: the caller's Via should follow ours"),
        (spoil("desk", "INVITE", max_forwards="70"), "desk: Max-Forwards should be 69"),
        (spoil("desk", "INVITE", record_route="<sip:x>"), "desk: the INVITE has no Record-Route of a loose router"),
        (spoil("desk", "INVITE", contact="<sip:x>"), "desk: the INVITE's contact was changed"),
        (again("desk", "INVITE", via="SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKnew"), "desk: was tried more than once"),
        (lose("loser", "CANCEL"), "loser: was not cancelled"),
        (spoil("loser", "CANCEL", reason=None), "loser: the CANCEL's Reason should be"),
        (spoil("loser", "CANCEL", via=THEIRS), "loser: the CANCEL should have the INVITE's topmost Via"),
        (spoil("loser", "CANCEL", cseq="2 CANCEL"), "loser: the CANCEL's CSeq number"),
        (lose("loser", "SIP/2.0 180"), "loser: the CANCEL came before any provisional response"),
        (lose("loser", "ACK"), "loser: its 487 was not acknowledged"),
        (spoil("loser", "ACK", via=THEIRS), "loser: the ACK should have the INVITE's topmost Via"),
        (lose("desk", "ACK"), "desk: answered, and got no ACK"),
        (lose("desk", "BYE"), "desk: answered, and got no BYE"),
        (spoil("desk", "BYE", via=THEIRS), "desk: the BYE should come from the caller, but has 1 Vias"),
        (spoil("desk", "BYE", route="<sip:x;lr>"), "desk: the BYE still has a Route"),
        (spoil("desk", "BYE", cseq="1 BYE"), "desk: the BYE's CSeq should be above the INVITE's"),
        (spoil("desk", "BYE", to="<sip:+1@127.0.0.1>;tag=x"), "desk: the BYE is not in the dialog"),
    ],
)
def test_what_is_wrong_is_noticed(change: Callable[[Parties], None], complaint: str) -> None:
    parties = good_call()
    change(parties)
    complaints = judge(parties)
    assert any(text.startswith(complaint) for text in complaints), complaints


def test_phone_that_should_not_ring_is_noticed() -> None:
    parties = good_call()
    case = replace(CASE, rung=(frozenset({"desk"}),), cancelled={})
    complaints = audit(case, parties.pop("caller"), parties, [RECORD])
    assert complaints == ["loser: was rung, and should not have been", "loser: was cancelled, and should not have been"]


def test_wrong_order_is_noticed() -> None:
    parties = good_call()
    case = replace(CASE, rung=(frozenset({"loser"}), frozenset({"desk"})), earliest={"desk": 1.0})
    complaints = audit(case, parties.pop("caller"), parties, [RECORD])
    assert complaints == ["desk: rung before loser", "desk: rung after 0.000 s, not after 1.000 s"]


def test_answered_loser_must_be_hung_up_by_the_proxy() -> None:
    parties = good_call()
    del parties["caller"][1]
    case = replace(CASE, winner=frozenset(), status=487)
    complaints = audit(case, parties.pop("caller"), parties, [RECORD])
    assert "desk: the BYE should come from the proxy, but has 2 Vias" in complaints


def test_log_that_says_something_else_is_noticed() -> None:
    parties = good_call()
    caller = parties.pop("caller")
    wrong = audit(CASE, caller, parties, [RECORD | {"winner": "case-loser via case-loser"}])
    assert wrong == ["the log says 200 by case-loser via case-loser, not 200 by case-desk via case-desk"]
    assert audit(CASE, caller, parties, [RECORD, RECORD]) == ["the log: 2 records of one call"]

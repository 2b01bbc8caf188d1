"""RFC 4475 §3.2 to §3.4 in cases of our own: well formed, and then the rules of transactions and proxies decide."""

from __future__ import annotations

import pytest

from sip.message import Response
from sip.transaction import Hop
from tests.sip import wire
from tests.torture.stand import SENDER, T1, Stand, answers, judge

VIA = "SIP/2.0/UDP 192.0.2.99:5099"


def ask(method: str = "INVITE", uri: str = "sip:+15557000@192.0.2.10", **options: object) -> bytes:
    return wire.request(method, uri, via=VIA, **options)


def refusal(data: bytes, status: int) -> Response:
    """The one refusal, with nothing forwarded."""
    verdict = judge(data)
    assert str(verdict) == str(status)
    return verdict.passed_back[-1][0]


# --------------------------------------------------------------------------- 3.2.1 and 3.4.1: branches of old peers


@pytest.mark.parametrize("branch", ["z9hG4bK", "", "1", "old-style"])
def test_without_a_usable_branch_the_rest_tells_calls_apart(branch: str) -> None:
    stand = Stand()
    first = stand.judge(ask(branch=branch))
    again = stand.judge(ask(branch=branch))
    other = stand.judge(ask(branch=branch, call_id="other"))
    elsewhere = stand.judge(ask(branch=branch).replace(b"192.0.2.99:5099", b"192.0.2.98"), Hop("192.0.2.98", 5060))
    assert [str(each) for each in (first, again, other, elsewhere)] == [
        "forwarded",
        "silence",
        "forwarded",
        "forwarded",
    ]
    branches = {each.forwarded[0].via.branch for each in (first, other, elsewhere)}
    assert len(branches) == 3


def test_an_invite_of_rfc_2543_is_a_call() -> None:
    """No branch, no tag, no Max-Forwards, no Content-Length; the body goes to the end of the datagram."""
    plain = [line for line in wire.request_lines(via=VIA, branch="", caller_tag="") if not line.startswith("Max")]
    stand = Stand()
    (forwarded,) = stand.judge(wire.encode([*plain, "Record-Route: <sip:old.example.com>"], b"v=0\r\n")).forwarded
    assert (forwarded.get("max-forwards"), forwarded.body) == ("70", b"v=0\r\n")
    assert forwarded.get_all("record-route")[1] == "<sip:old.example.com>"
    assert stand.judge(answers(forwarded, 180), T1).statuses == [180]
    ((answer, hop),) = stand.judge(answers(forwarded, 200), T1).passed_back
    assert (answer.status, hop) == (200, SENDER)


def test_a_cancel_of_rfc_2543_finds_its_call() -> None:
    stand = Stand()
    stand.judge(ask(branch=""))
    assert sorted(stand.judge(ask("CANCEL", branch="")).statuses) == [200, 487]


# --------------------------------------------------------------------------- 3.3.1: what must be there


@pytest.mark.parametrize("missing", [["From"], ["To"], ["Call-ID"], ["Call-ID", "From", "To"]])
def test_without_a_mandatory_header_it_is_refused(missing: list[str]) -> None:
    lines = [line for line in wire.request_lines(via=VIA) if line.partition(":")[0] not in missing]
    refusal(wire.encode(lines), 400)


@pytest.mark.parametrize("missing", ["Via", "CSeq"])
def test_what_nobody_could_match_is_not_answered(missing: str) -> None:
    assert judge(wire.encode(line for line in wire.request_lines(via=VIA) if not line.startswith(missing))).is_silence


# --------------------------------------------------------------------------- 3.3.2 to 3.3.4: schemes


@pytest.mark.parametrize(
    "uri", ["nobodyKnowsThisScheme:totally-opaque", "soap.beep://192.0.2.103:3002", "mailto:a@b", "http:x"]
)
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "MESSAGE", "ODD"])
def test_a_scheme_that_we_do_not_support_is_told_so(method: str, uri: str) -> None:
    refusal(ask(method, uri), 416)


def test_schemes_in_other_headers_do_not_matter() -> None:
    extra = ["Contact: <name:John_Smith>", "Refer-To: <urn:service:sos>"]
    lines = [line for line in wire.request_lines(via=VIA, extra=extra) if line[:3] not in ("Fro", "To:")]
    odd = ["To: isbn:2983792873", "From: <http://www.example.com>;tag=3234233"]
    assert str(judge(wire.encode([*lines, *odd]))) == "forwarded"


# --------------------------------------------------------------------------- 3.3.5: extensions


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "BYE", "REGISTER", "ODD"])
def test_an_extension_that_proxies_must_support_is_refused_by_name(method: str) -> None:
    answer = refusal(ask(method, extra=["Proxy-Require: one, two", "proxy-require:three", "Require: four"]), 420)
    assert answer.get("unsupported") == "one, two, three"


def test_what_only_the_callee_must_support_passes() -> None:
    assert str(judge(ask(extra=["Require: nobodySupportsThis"]))) == "forwarded"


def test_what_we_must_support_as_the_one_asked_is_refused() -> None:
    answer = refusal(ask("OPTIONS", extra=["Require: nobodySupportsThis, norThis"]), 420)
    assert answer.get("unsupported") == "nobodySupportsThis, norThis"


def test_cancel_and_ack_are_never_refused_for_an_extension() -> None:
    """RFC 3261 §8.2.2.3: in these two the header means nothing."""
    stand = Stand()
    stand.judge(ask())
    assert 200 in stand.judge(ask("CANCEL", extra=["Proxy-Require: one"])).statuses
    assert judge(ask("ACK", extra=["Proxy-Require: one"])).is_silence


# --------------------------------------------------------------------------- 3.3.6, .7, .15: for callee or registrar


@pytest.mark.parametrize(
    "line",
    [
        "Content-Type: application/unknownformat",
        "Accept: text/nobodyKnowsThis",
        "Authorization: NoOneKnowsThis data",
        "Content-Encoding: odd",
    ],
)
def test_what_the_callee_may_refuse_passes(line: str) -> None:
    (forwarded,) = judge(ask(extra=[line])).forwarded
    assert line in forwarded.lines


@pytest.mark.parametrize(
    "extra",
    [
        ["Authorization: NoOneKnowsThisScheme opaque-data=here"],
        ["Contact: <sip:+19725552222@gw1.example.net>;unknownparam"],
        ["Contact: <sip:+19725552222@gw1.example.net;unknownparam>"],
        ["Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"],
        [],
    ],
)
@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "REFER", "NOTIFY"])
def test_we_are_nobodys_registrar(method: str, extra: list[str]) -> None:
    answer = refusal(ask(method, extra=extra), 405)
    allowed = (answer.get("allow") or "").split(", ")
    assert "INVITE" in allowed
    assert method not in allowed


@pytest.mark.parametrize("method", ["BYE", "PRACK", "UPDATE", "INFO"])
def test_what_needs_a_dialog_is_of_none(method: str) -> None:
    refusal(ask(method), 481)
    refusal(ask(method, to_tag="there"), 481)


# --------------------------------------------------------------------------- 3.3.8 and .9: once, and only once


@pytest.mark.parametrize(
    "line",
    [
        "CSeq: 59 INVITE", "Call-ID: other", "i: other", "From: <sip:b@example.net>;tag=2", "f: sip:b;tag=2",
        "To: sip:other@example.net", "t: <sip:other@example.net>", "Max-Forwards: 5", "CSEQ : 7 INVITE",
    ],
)  # fmt: skip
def test_two_of_what_stands_once_are_refused(line: str) -> None:
    refusal(ask(extra=[line]), 400)


@pytest.mark.parametrize("first", ["0", "3", "5", "9"])
@pytest.mark.parametrize("second", ["0", "3", "5"])
def test_two_lengths_are_one_too_many(first: str, second: str) -> None:
    refusal(ask(extra=[f"Content-Length: {first}", f"l: {second}"]) + b"abcde", 400)


# --------------------------------------------------------------------------- 3.3.10: strange responses


@pytest.mark.parametrize("second", ["255.255.255.255", "192.0.2.255", "0.0.0.0", "127.0.0.1", "224.0.0.1"])
@pytest.mark.parametrize("first", ["192.0.2.10", "192.0.2.10:5060", "255.255.255.255"])
def test_a_response_is_never_sent_where_its_vias_point(first: str, second: str) -> None:
    data = wire.encode(
        [
            "SIP/2.0 200 OK",
            f"Via: SIP/2.0/UDP {first};branch=z9hG4bKcw-0-1-forged-forged-forged1",
            f"Via: SIP/2.0/UDP {second};branch=z9hG4bK1saber23",
            *wire.request_lines()[3:],
        ]
    )
    assert judge(data).is_silence


# --------------------------------------------------------------------------- 3.3.11: Max-Forwards 0


@pytest.mark.parametrize("hops", ["0", "00", "0000000"])
def test_without_hops_a_call_goes_no_further(hops: str) -> None:
    refusal(ask(hops=hops), 483)


@pytest.mark.parametrize("hops", ["0", "1", "70"])
def test_an_options_to_us_is_answered_whatever_its_hops(hops: str) -> None:
    answer = refusal(ask("OPTIONS", hops=hops), 200)
    assert answer.get("accept") == "application/sdp"
    assert answer.get("supported") == ""
    assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"} <= set((answer.get("allow") or "").split(", "))
    assert answer.to_tag

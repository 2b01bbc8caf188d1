from __future__ import annotations

import pytest

from sip import builder
from sip.errors import RemoteProtocolError
from sip.message import Request
from sip.parser import parse_message, validate
from tests.sip.wire import ODD_LINES, answer, answered, encode, parsed, request, request_lines

OWN = "<sip:192.0.2.10;lr;cw=k1.seal>"


def is_own(uri: str) -> bool:
    return uri.startswith("sip:192.0.2.10")


def lines_of(message: Request, name: str) -> list[str]:
    return [line for line, candidate in zip(message.lines, message.names, strict=True) if candidate == name]


@pytest.fixture
def forwarded() -> Request:
    """The INVITE as it went out on a branch."""
    invite = parsed(request(extra=["Route: <sip:next;lr>, <sip:last;lr>", "Contact: <sip:alice@192.0.2.1:5070>"]))
    return builder.forward_request(
        invite, "sip:100@192.0.2.21", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKcw-1", record_route=OWN
    )


# --------------------------------------------------------------------------- responses


def test_a_response_copies_what_leads_it_back() -> None:
    invite = parsed(request(extra=["Record-Route: <sip:r2>", "Record-Route: <sip:r1>", "Timestamp: 54", "Subject: no"]))
    invite.prepend("via", "Via: SIP/2.0/UDP p;branch=z9hG4bKp")
    response = builder.make_response(invite, 180, "us")
    assert response.encode().decode().split("\r\n") == [
        "SIP/2.0 180 Ringing",
        "Via: SIP/2.0/UDP p;branch=z9hG4bKp",
        "Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK-caller-1",
        "From: <sip:alice@example.com>;tag=caller",
        "To: <sip:+15557000@example.com>;tag=us",
        "Call-ID: call-1@192.0.2.1",
        "CSeq: 7 INVITE",
        "Record-Route: <sip:r2>",
        "Record-Route: <sip:r1>",
        "Timestamp: 54",
        "Content-Length: 0",
        "",
        "",
    ]


@pytest.mark.parametrize(("status", "tagged"), [(100, False), (183, True), (200, True), (404, True)])
def test_all_but_100_get_a_to_tag(status: int, tagged: bool) -> None:
    assert builder.make_response(parsed(request()), status, "us").to_tag == ("us" if tagged else "")


def test_a_to_tag_that_is_there_stays() -> None:
    assert builder.make_response(parsed(request(to_tag="theirs")), 481, "us").to_tag == "theirs"


@pytest.mark.parametrize(("status", "recorded"), [(100, False), (180, True), (299, True), (300, False), (486, False)])
def test_only_what_makes_a_dialog_carries_record_route(status: int, recorded: bool) -> None:
    invite = parsed(request(extra=["Record-Route: <sip:r>"]))
    assert (builder.make_response(invite, status).get("record-route") is not None) == recorded


def test_extra_lines_and_a_reason_of_ones_own() -> None:
    response = builder.make_response(parsed(request()), 599, reason="Odd", extra=["Allow: INVITE", "X-A: b"])
    assert (response.start_line, response.get("allow"), response.get("x-a")) == ("SIP/2.0 599 Odd", "INVITE", "b")
    assert builder.make_response(parsed(request()), 599).reason == "Unknown"


# --------------------------------------------------------------------------- ACK and CANCEL


def test_the_ack_of_a_failure_belongs_to_the_invite(forwarded: Request) -> None:
    failure = answered(answer(forwarded, 486, "busy"))
    ack = builder.make_ack(forwarded, failure)
    validate(parse_message(ack.encode()))
    assert ack.start_line == "ACK sip:100@192.0.2.21 SIP/2.0"
    assert lines_of(ack, "via") == ["Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKcw-1"]
    assert ack.get_all("route") == forwarded.get_all("route")
    assert ack.to_tag == "busy"
    assert (ack.from_tag, ack.call_id, ack.cseq) == ("caller", "call-1@192.0.2.1", (7, "ACK"))
    assert ack.get("max-forwards") is not None
    assert (ack.get("record-route"), ack.get("contact")) == (None, None)


def test_a_cancel_belongs_to_the_invite(forwarded: Request) -> None:
    cancel = builder.make_cancel(forwarded, None)
    validate(parse_message(cancel.encode()))
    assert cancel.start_line == "CANCEL sip:100@192.0.2.21 SIP/2.0"
    assert lines_of(cancel, "via") == ["Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKcw-1"]
    assert cancel.get_all("route") == forwarded.get_all("route")
    assert (cancel.to_tag, cancel.from_tag, cancel.cseq) == ("", "caller", (7, "CANCEL"))
    assert cancel.get("reason") is None
    assert cancel.body == b""


def test_a_cancel_tells_why(forwarded: Request) -> None:
    cancel = builder.make_cancel(forwarded, builder.COMPLETED_ELSEWHERE)
    assert cancel.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'


# --------------------------------------------------------------------------- forwarding


def test_a_forwarded_request_gets_target_via_and_record_route_on_top() -> None:
    data = request(extra=[*ODD_LINES, "Record-Route: <sip:first>"]) + b"v=0\r\n"
    invite = parsed(data)
    forwarded = builder.forward_request(invite, "sip:100@h", "SIP/2.0/UDP us;branch=z9hG4bKx", record_route=OWN)
    assert forwarded.encode() == (
        data.replace(b"sip:+15557000@192.0.2.10", b"sip:100@h", 1)
        .replace(
            b"\r\nVia: ", b"\r\nVia: SIP/2.0/UDP us;branch=z9hG4bKx\r\nRecord-Route: %s\r\nVia: " % OWN.encode(), 1
        )
        .replace(b"Max-Forwards: 70", b"Max-Forwards: 69")
    )
    assert invite.encode() == data


def test_max_forwards_counts_down_in_its_place() -> None:
    def hops(value: str) -> str | None:
        return builder.forward_request(parsed(request(hops=value)), "sip:h", "v").get("max-forwards")

    assert (hops("70"), hops("1"), hops("001")) == ("69", "0", "0")


@pytest.mark.parametrize("value", ["0", "00", "000"])
def test_no_hops_left_is_483(value: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        builder.forward_request(parsed(request(hops=value)), "sip:h", "v")
    assert caught.value.status == 483


def test_a_missing_max_forwards_is_added() -> None:
    invite = parsed(encode(line for line in request_lines() if not line.startswith("Max-Forwards")))
    forwarded = builder.forward_request(invite, "sip:h", "v")
    assert forwarded.get("max-forwards") == "70"


def test_our_route_entry_is_taken_off_and_the_others_stay() -> None:
    bye = parsed(request("BYE", extra=["Route: <sip:us;lr>,<sip:b;lr>", "Route: <sip:c;lr>"]))
    forwarded = builder.forward_request(bye, bye.uri, "v", strip_routes=1)
    assert forwarded.get_all("route") == ["<sip:b;lr>", "<sip:c;lr>"]


def test_a_forwarded_response_loses_our_via_and_nothing_else(forwarded: Request) -> None:
    data = answer(forwarded, 200, extra=[*ODD_LINES, "Contact: <sip:100@192.0.2.21>"])
    response = answered(data)
    passed_on = builder.forward_response(response)
    assert passed_on.encode() == data.replace(b"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKcw-1\r\n", b"")
    assert response.encode() == data


def test_a_via_list_of_the_callee_loses_its_first_value(forwarded: Request) -> None:
    first, second = forwarded.get_all("via")
    lines = answer(forwarded, 200).decode().split("\r\n")
    joined = [lines[0], f"v: {first},{second}", *(line for line in lines[1:] if not line.startswith("Via"))]
    assert builder.forward_response(answered("\r\n".join(joined).encode())).get_all("via") == [second]


# --------------------------------------------------------------------------- glare: ACK and BYE of our own


def glare(forwarded: Request, *extra: str, tag: str = "loser") -> tuple[Request, Request]:
    response = answered(answer(forwarded, 200, tag, extra=extra))
    ack = builder.make_glare_ack(response, "SIP/2.0/UDP us;branch=z9hG4bKa", is_own)
    bye = builder.make_glare_bye(response, "SIP/2.0/UDP us;branch=z9hG4bKb", is_own)
    for message in (ack, bye):
        validate(parse_message(message.encode()))
    return ack, bye


def test_ack_and_bye_go_into_the_dialog_of_the_loser(forwarded: Request) -> None:
    ack, bye = glare(forwarded, "Contact: <sip:100@192.0.2.21:5099>")
    assert ack.start_line == "ACK sip:100@192.0.2.21:5099 SIP/2.0"
    assert bye.start_line == "BYE sip:100@192.0.2.21:5099 SIP/2.0"
    for message in (ack, bye):
        assert (message.from_tag, message.to_tag, message.call_id) == ("caller", "loser", "call-1@192.0.2.1")
        assert len(message.get_all("via")) == 1
        assert message.get_all("route") == []
    assert ack.cseq == (7, "ACK")


def test_the_bye_counts_above_whatever_the_early_dialog_has_seen(forwarded: Request) -> None:
    _, bye = glare(forwarded, "Contact: <sip:b>")
    assert bye.cseq[1] == "BYE"
    assert bye.cseq[0] >= 7 + 50


def test_the_bye_stays_below_2_to_the_31() -> None:
    invite = parsed(request(cseq=2**31 - 1))
    glare(
        builder.forward_request(invite, "sip:b", "SIP/2.0/UDP us;branch=z9hG4bKx", record_route=OWN), "Contact: <sip:b>"
    )


def test_the_route_is_what_lies_beyond_us_nearest_first(forwarded: Request) -> None:
    beyond = ["Record-Route: <sip:far;lr>, <sip:near;lr>", f"Record-Route: {OWN}", "Record-Route: <sip:before-us;lr>"]
    data = answer(forwarded, 200, "loser", extra=[*beyond, "Contact: <sip:b>"]).replace(
        f"Record-Route: {OWN}\r\n".encode(), b"", 1
    )
    ack = builder.make_glare_ack(answered(data), "SIP/2.0/UDP us;branch=z9hG4bKa", is_own)
    assert ack.get_all("route") == ["<sip:near;lr>", "<sip:far;lr>"]
    assert ack.uri == "sip:b"


def test_a_callee_that_forgot_our_record_route_is_reached_all_the_same(forwarded: Request) -> None:
    data = answer(forwarded, 200, "loser", extra=["Contact: <sip:b>"]).replace(f"Record-Route: {OWN}\r\n".encode(), b"")
    ack = builder.make_glare_ack(answered(data), "SIP/2.0/UDP us;branch=z9hG4bKa", is_own)
    assert (ack.uri, ack.get_all("route")) == ("sip:b", [])


def test_a_strict_router_gets_its_uri_on_the_request_line(forwarded: Request) -> None:
    data = answer(forwarded, 200, "loser", extra=["Record-Route: <sip:far;lr>, <sip:strict>", "Contact: <sip:b>"])
    data = data.replace(f"Record-Route: {OWN}\r\n".encode(), b"", 1)
    bye = builder.make_glare_bye(answered(data), "SIP/2.0/UDP us;branch=z9hG4bKb", is_own)
    assert bye.uri == "sip:strict"
    assert bye.get_all("route") == ["<sip:far;lr>", "<sip:b>"]


def test_a_loser_without_contact_is_called_what_it_was_asked_for(forwarded: Request) -> None:
    ack, bye = glare(forwarded)
    assert ack.uri == bye.uri == "sip:+15557000@example.com"

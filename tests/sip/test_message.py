from __future__ import annotations

import pytest

from sip.errors import RemoteProtocolError
from sip.headers import COMPACT
from sip.message import Message, Request, Response, canonical_name
from tests.sip.wire import encode, parsed, request, request_lines


def test_names_have_one_canonical_form() -> None:
    for raw in ("Via", "via", "VIA", "v", "V", " v\t"):
        assert canonical_name(raw) == "via"
    assert canonical_name("X-Unheard-Of") == "x-unheard-of"
    for short, long in COMPACT.items():
        assert canonical_name(short) == canonical_name(short.upper()) == canonical_name(long.title()) == long


def make(*lines: str) -> Request:
    return Request("INVITE", "sip:h", [canonical_name(line.partition(":")[0]) for line in lines], list(lines), b"body")


def test_a_value_is_read_without_the_space_around_it() -> None:
    message = make("Subject: \t x: y \t", "X-Empty:", "X-None : z")
    assert message.get("subject") == "x: y"
    assert message.get("x-empty") == ""
    assert message.get("x-none") == "z"
    assert message.get("x-absent") is None


def test_a_folded_value_reads_as_one_line() -> None:
    assert make("Subject: one\r\n  two\r\n\tthree").get("subject") == "one two three"


def test_all_values_come_in_order_and_lists_come_apart() -> None:
    message = make("Route: <sip:a>, <sip:b>", "X: 1", "route: <sip:c,d>", "ROUTE:\r\n <sip:e>,\r\n <sip:f>")
    assert message.get_all("route") == ["<sip:a>", "<sip:b>", "<sip:c,d>", "<sip:e>", "<sip:f>"]
    assert message.get_all("via") == []


def test_typed_access() -> None:
    message = parsed(request(to_tag="callee", rport=True))
    assert (message.via.host, message.via.port, message.via.branch) == ("192.0.2.1", 5070, "z9hG4bK-caller-1")
    assert message.cseq == (7, "INVITE")
    assert (message.call_id, message.from_tag, message.to_tag) == ("call-1@192.0.2.1", "caller", "callee")


def test_the_top_via_is_the_first_of_the_first_line() -> None:
    lines = request_lines()
    lines[1] = "v: SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2"
    lines.insert(2, "Via: SIP/2.0/UDP c;branch=3")
    assert parsed(encode(lines)).via.host == "a"


@pytest.mark.parametrize("what", ["via", "cseq", "call_id", "from_tag", "to_tag"])
def test_what_is_missing_is_the_fault_of_the_peer(what: str) -> None:
    with pytest.raises(RemoteProtocolError):
        getattr(make(), what)


def test_set_replaces_the_first_line_or_appends() -> None:
    message = make("A-1: 1", "Max-Forwards: 70", "B-2: 2")
    message.set("max-forwards", "Max-Forwards: 69")
    message.set("c-3", "C-3: 3")
    assert message.lines == ["A-1: 1", "Max-Forwards: 69", "B-2: 2", "C-3: 3"]
    assert message.names == ["a-1", "max-forwards", "b-2", "c-3"]


def test_edits_of_via_are_seen_by_typed_access() -> None:
    message = make("Via: SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2")
    assert message.via.host == "a"
    message.prepend("via", "Via: SIP/2.0/UDP c;branch=3")
    assert message.via.host == "c"
    message.remove_first_value("via")
    assert message.via.host == "a"
    message.remove_first_value("via")
    assert message.via.host == "b"
    message.replace_first_value("via", "SIP/2.0/UDP d;branch=4")
    assert message.via.host == "d"
    message.remove_first_value("via")
    assert message.names == []
    with pytest.raises(RemoteProtocolError):
        _ = message.via


def test_the_rest_of_a_list_stays_when_its_first_value_changes() -> None:
    message = make("Route: <sip:a,1>, <sip:b>,<sip:c>", "Route: <sip:d>")
    message.replace_first_value("route", "<sip:z>")
    assert message.get_all("route") == ["<sip:z>", "<sip:b>", "<sip:c>", "<sip:d>"]
    for _ in range(3):
        message.remove_first_value("route")
    assert message.lines == ["Route: <sip:d>"]


@pytest.mark.parametrize("original", [make("Via: SIP/2.0/UDP a"), Response(200, "OK", ["x"], ["X: 1"], b"b")])
def test_a_copy_is_edited_alone(original: Message) -> None:
    before = original.encode()
    copy = original.copy()  # type: ignore[attr-defined]
    assert copy.encode() == before
    copy.append("x", "X: 2")
    copy.prepend("via", "Via: SIP/2.0/UDP b")
    assert original.encode() == before


def test_encoding_puts_it_all_together() -> None:
    assert make("X: 1").encode() == b"INVITE sip:h SIP/2.0\r\nX: 1\r\n\r\nbody"
    assert Response(486, "Busy Here", ["x"], ["X: 1"]).encode() == b"SIP/2.0 486 Busy Here\r\nX: 1\r\n\r\n"


def test_a_message_shows_itself_by_its_first_line() -> None:
    assert repr(make()) == "<Request 'INVITE sip:h SIP/2.0'>"
    assert repr(Response(100, "Trying", [], [])) == "<Response 'SIP/2.0 100 Trying'>"

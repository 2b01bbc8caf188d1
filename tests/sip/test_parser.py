from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip import builder
from sip.errors import RemoteProtocolError
from sip.headers import COMPACT
from sip.layer import TransactionLayer
from sip.message import Request, Response
from sip.parser import MAX_HEAD, MAX_HEADERS, parse_message, validate
from sip.timing import Deadlines
from tests.sip.wire import CALLER, ODD_LINES, answer, encode, make_element, parsed, request, request_lines

# --------------------------------------------------------------------------- strategies

#: Pieces that meet in SIP; at random they come closer to a message than bytes do.
PIECES = st.sampled_from(
    b"INVITE|ACK|SIP/2.0|sip:|200|OK| |\t|\r\n|\r|\n|\r\n\r\n|\r\n |:|Via|v|From|To|Call-ID|i|CSeq|Content-Length|l"
    b"|Max-Forwards|Route|Record-Route|SIP/2.0/UDP|h|branch=|z9hG4bK|;rport|;received=|;tag=|<|>|\"|\\|,|;|=|0|1|99999"
    b"|4294967296|-1|\xff|\xc3\xa9|\xd9\xa5|\x00|\x0b|\x1c|\xe2\x80\xa8|%|[|]|::1|@".split(b"|")
)  # fmt: skip
NOISE = st.lists(PIECES | st.binary(max_size=3), max_size=60).map(b"".join)

TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
HEADER = st.one_of(
    st.sampled_from(ODD_LINES),
    st.builds("X-{}: {}".format, st.integers(0, 9), TEXT),
    st.builds("X-Folded: {}\r\n {}".format, TEXT, TEXT),
    st.builds("Route: <sip:{}.example;lr>, <sip:{}.example;lr>".format, st.integers(0, 9), st.integers(0, 9)),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A valid request, or the response to one, with headers of all kinds and a body."""
    lines = request_lines(
        draw(st.sampled_from(["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "x-odd!"])),
        rport=draw(st.booleans()),
        branch=draw(st.sampled_from(["z9hG4bK-a", "z9hG4bKb", "old", ""])),
        to_tag=draw(st.sampled_from(["", "there"])),
        extra=draw(st.lists(HEADER, max_size=4)),
    )
    body = draw(st.binary(max_size=40))
    if draw(st.booleans()):
        lines.append(f"Content-Length: {draw(st.integers(0, len(body)))}")
    first, headers = lines[0], lines[1:]
    if draw(st.booleans()):
        headers = draw(st.permutations(headers))
    data = encode([first, *headers], body)
    if draw(st.booleans()):
        return answer(parsed(data), draw(st.integers(100, 699)))
    return data


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A valid message with a few bytes changed, cut out, doubled or put in."""
    data = bytearray(draw(messages()))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 30))
        piece = draw(PIECES | st.binary(max_size=2) | st.just(bytes(data[start : start + length])))
        data[start : start + draw(st.sampled_from([0, len(piece), length]))] = piece
    return bytes(data)


ANYTHING = st.one_of(st.binary(max_size=300), NOISE, mutants(), messages())

# --------------------------------------------------------------------------- whatever comes


@given(ANYTHING)
def test_bytes_give_a_message_or_a_protocol_error(data: bytes) -> None:
    fault: RemoteProtocolError | None = None
    try:
        message = parse_message(data)
        validate(message)
        assert message.via.sent_by
        assert message.call_id
    except RemoteProtocolError as error:
        fault = error
    assert fault is None or (400 <= fault.status < 600 and str(fault))


@given(st.lists(ANYTHING, max_size=4))
def test_the_layer_takes_whatever_comes(datagrams: list[bytes]) -> None:
    deadlines = Deadlines()
    layer = TransactionLayer(deadlines)
    for data in datagrams:
        answers = len(layer.outbox)
        layer.receive(data, CALLER, 0.0)
        assert len(layer.outbox) <= answers + 1


@given(messages())
def test_a_valid_message_is_valid(data: bytes) -> None:
    validate(parse_message(data))


@given(st.one_of(messages(), mutants()))
def test_parsing_what_was_encoded_gives_the_same(data: bytes) -> None:
    try:
        message = parse_message(data)
    except RemoteProtocolError:
        return
    again = parse_message(message.encode())
    assert type(again) is type(message)
    assert again.start_line == message.start_line
    assert (again.names, again.lines, again.body) == (message.names, message.lines, message.body)
    assert again.encode() == message.encode()


@given(messages())
def test_an_untouched_message_leaves_as_it_came(data: bytes) -> None:
    message = parse_message(data)
    head, _, body = data.partition(b"\r\n\r\n")
    assert message.encode() == head + b"\r\n\r\n" + message.body
    assert body.startswith(message.body)


@given(messages())
def test_a_forwarded_request_keeps_what_the_proxy_does_not_own(data: bytes) -> None:
    request = parse_message(data)
    if not isinstance(request, Request):
        return
    via = make_element().via_for(request, "path")
    forwarded = builder.forward_request(request, "sip:b@h", via, record_route="<sip:192.0.2.10;lr>")
    lines = forwarded.encode().partition(b"\r\n\r\n")[0].split(b"\r\n")
    came = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    mine = (b"Max-Forwards:",)
    assert lines[1] == b"Via: " + via.encode()
    assert lines[2] == b"Record-Route: <sip:192.0.2.10;lr>"
    assert [line for line in lines[3:] if not line.startswith(mine)] == [
        line for line in came[1:] if not line.startswith(mine)
    ]
    assert [line for line in lines if line.startswith(mine)] == [b"Max-Forwards: 69"]


# --------------------------------------------------------------------------- start lines


def test_a_request_line() -> None:
    message = parse_message(b"INVITE sip:a@b;x=1 SIP/2.0\r\n\r\n")
    assert isinstance(message, Request)
    assert (message.method, message.uri, message.lines) == ("INVITE", "sip:a@b;x=1", [])


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("SIP/2.0 200 OK", 200, "OK"),
        ("sip/2.0 183 ", 183, ""),
        ("SIP/2.0 486", 486, ""),
        ("SIP/2.0 699 Ganz schön  besetzt ", 699, "Ganz schön  besetzt "),
    ],
)
def test_a_status_line(line: str, status: int, reason: str) -> None:
    message = parse_message(encode([line]))
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (status, reason)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("", 400),
        ("INVITE", 400),
        ("INVITE sip:h", 400),
        ("INVITE  sip:h SIP/2.0", 400),
        ("INVITE sip:h  SIP/2.0", 400),
        ("INVITE sip:h SIP/2.0 ", 400),
        ("INVITE <sip:h> SIP/2.0", 400),
        ("INVITE sip: h SIP/2.0", 400),
        ("IN(VITE sip:h SIP/2.0", 400),
        (" INVITE sip:h SIP/2.0", 400),
        ("INVITE sip:h HTTP/1.1", 400),
        ("INVITE sip:h SIP/3.0", 505),
        ("INVITE sip:h sip/7.12", 505),
        ("SIP/2.0 0200 OK", 400),
        ("SIP/2.0 99 Low", 400),
        ("SIP/2.0 700 High", 400),
        ("SIP/2.0 20 OK", 400),
        ("SIP/2.0 ٢٠٠ OK", 400),
        ("SIP/3.0 200 OK", 400),
    ],
)
def test_what_is_no_start_line_says_so(line: str, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_message(encode([line, "X: 1"]))
    assert caught.value.status == status


def test_empty_lines_before_the_start_line_do_not_matter() -> None:
    assert parse_message(b"\r\n\r\n" + request()).encode() == request()


# --------------------------------------------------------------------------- headers


def test_compact_names_read_as_long_ones_and_stay_compact() -> None:
    lines = request_lines()
    for short, long in COMPACT.items():
        lines = [f"{short}:{line[len(long) + 1 :]}" if line.lower().startswith(f"{long}:") else line for line in lines]
    data = encode(lines)
    message = parsed(data)
    validate(message)
    assert b"\r\nv: " in data
    assert message.via.branch == "z9hG4bK-caller-1"
    assert message.call_id == "call-1@192.0.2.1"
    assert message.encode() == data


def test_a_folded_header_is_one_header_and_keeps_its_bytes() -> None:
    lines = request_lines(extra=["X-A: one\r\n \t two\r\n\tthree", "X-B: 1"])
    lines[1] = lines[1].replace(";branch", "\r\n ;branch")
    data = encode(lines)
    message = parsed(data)
    assert message.get("x-a") == "one two three"
    assert message.via.branch == "z9hG4bK-caller-1"
    assert message.names.count("x-a") == 1
    assert message.encode() == data


def test_a_continuation_needs_a_header_to_continue() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_message(encode(["INVITE sip:h SIP/2.0", " X: 1"]))


@pytest.mark.parametrize("line", ["no colon", ": no name", "X\r"])
def test_a_line_that_is_no_header_says_so(line: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_message(encode([*request_lines(), line]))


def test_text_that_is_not_utf_8_survives() -> None:
    data = request(extra=["Subject: caf\udce9 \udcff\udc80", "X-Good: café"])
    assert b"caf\xe9 \xff\x80" in data
    message = parsed(data)
    assert message.encode() == data
    forwarded = builder.forward_request(message, "sip:b", "SIP/2.0/UDP h;branch=z9hG4bKx")
    assert b"Subject: caf\xe9 \xff\x80\r\nX-Good: caf\xc3\xa9\r\n" in forwarded.encode()


def test_too_many_headers_are_too_much() -> None:
    most = request_lines(extra=["X: 1"] * (MAX_HEADERS - 6))
    assert len(parsed(encode(most)).lines) == MAX_HEADERS
    with pytest.raises(RemoteProtocolError) as caught:
        parse_message(encode([*most, "X: 1"]))
    assert caught.value.status == 513


def test_headers_that_are_too_long_are_too_much() -> None:
    lines = request_lines(extra=["Subject: "])
    room = MAX_HEAD - len(encode(lines)) + len("\r\n\r\n")
    parse_message(encode([*lines[:-1], lines[-1] + "x" * room], b"b" * 40_000))
    with pytest.raises(RemoteProtocolError) as caught:
        parse_message(encode([*lines[:-1], lines[-1] + "x" * (room + 1)]))
    assert caught.value.status == 513


@pytest.mark.parametrize("end", ["\n", "\r", "\r\r\n", "\n\r"])
def test_a_line_ends_one_way_only(end: str) -> None:
    """Who takes a lone CR or LF for a line end would see a header that we did not."""
    for line in (f"Subject: a{end}Route: <sip:evil>", f"Subject: a{end} b"):
        with pytest.raises(RemoteProtocolError):
            parse_message(encode(request_lines(extra=[line])))
    assert parse_message(request() + f"body{end}".encode()).body == f"body{end}".encode()


def test_headers_that_never_end_say_so() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_message(request()[:-2])


# --------------------------------------------------------------------------- bodies


def test_without_content_length_the_datagram_is_the_body() -> None:
    assert parse_message(request() + b"body\r\n\r\n").body == b"body\r\n\r\n"


@pytest.mark.parametrize("line", ["Content-Length: 4", "l:4", "l: 000000004", "CONTENT-LENGTH :\r\n 0004"])
def test_bytes_past_content_length_are_no_part_of_the_message(line: str) -> None:
    assert parse_message(request(extra=[line]) + b"bodyINVITE").body == b"body"


@pytest.mark.parametrize("value", ["5", "999999999", "9999999999", "-1", "4 ", "four", "", "٤", "4, 4"])
def test_content_length_must_be_true(value: str) -> None:
    data = request(extra=[f"Content-Length: {value}"]) + b"body"
    if value.strip() == "4":
        assert parse_message(data).body == b"body"
        return
    with pytest.raises(RemoteProtocolError) as caught:
        parse_message(data)
    assert caught.value.status == 400


# --------------------------------------------------------------------------- validation


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_mandatory_header_must_be_there(name: str) -> None:
    message = parse_message(encode(line for line in request_lines() if not line.startswith(f"{name}:")))
    with pytest.raises(RemoteProtocolError, match=f"(?i)^no {name} header$"):
        validate(message)


@pytest.mark.parametrize(
    "line", ["From: <sip:b>", "t: <sip:b>", "i: 2", "CSEQ: 7 INVITE", "max-forwards: 70", "l: 0", "Content-Length: 0"]
)
def test_some_headers_stand_once(line: str) -> None:
    message = parse_message(encode([*request_lines(extra=["Content-Length: 0"]), line]))
    with pytest.raises(RemoteProtocolError, match="more than one"):
        validate(message)


@pytest.mark.parametrize(
    "options",
    [
        {"cseq_method": "BYE"},
        {"cseq_method": "invite"},
        {"cseq": 2**31},
        {"cseq": -1},
        {"hops": "-1"},
        {"hops": "x"},
        {"hops": ""},
        {"hops": "٧"},
        {"call_id": ""},
        {"via": "SIP/2.0/UDP"},
        {"via": ", SIP/2.0/UDP h"},
    ],
)
def test_what_routing_relies_on_must_be_well_formed(options: dict[str, Any]) -> None:
    message = parse_message(request(**options))
    with pytest.raises(RemoteProtocolError) as caught:
        validate(message)
    assert caught.value.status == 400


def test_a_request_without_max_forwards_is_valid() -> None:
    validate(parse_message(encode(line for line in request_lines() if not line.startswith("Max-Forwards"))))


@pytest.mark.parametrize("value", ["0", "70", "255", "007"])
def test_max_forwards_has_up_to_three_digits(value: str) -> None:
    validate(parse_message(request(hops=value)))


def test_a_response_is_not_asked_for_its_method_or_hops() -> None:
    validate(parse_message(answer(parsed(request("x-odd")), 200)))

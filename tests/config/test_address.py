import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.config.address import (
    HostPort,
    parse_did,
    parse_listen,
    parse_number,
    parse_trunk_uri,
    parse_user,
)
from controller.config.diagnostics import Mistake
from sip.uri import bracketed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:192.0.2.10", HostPort("192.0.2.10", 5060)),
        ("sip:192.0.2.10:5080", HostPort("192.0.2.10", 5080)),
        ("SIP:sbc.carrier-a.example", HostPort("sbc.carrier-a.example", 5060, "udp", ("udp", "tcp"))),
        ("sip:sbc.example;transport=tcp", HostPort("sbc.example", 5060, "tcp", ("tcp",))),
        ("sip:sbc.example;transport=udp", HostPort("sbc.example", 5060, "udp", ("udp",))),
        ("sip:localhost:65535", HostPort("localhost", 65535)),
        ("sip:sbc.example;transport=tls", HostPort("sbc.example", 5061, "tls", ("tls",))),
        ("sip:192.0.2.10;transport=TLS", HostPort("192.0.2.10", 5061, "tls")),
        ("SIPS:sbc.example", HostPort("sbc.example", 5061, "tls", ("tls",), sips=True)),
        ("sips:192.0.2.10:5071;transport=tcp", HostPort("192.0.2.10", 5071, "tls", sips=True)),
        ("sip:[2001:db8::1]", HostPort("2001:db8::1", 5060)),
        ("sip:[::1]:5081;transport=udp", HostPort("::1", 5081)),
        ("sip:192.0.2.10;transport=UDP", HostPort("192.0.2.10", 5060)),
        ("sip:3com.example", HostPort("3com.example", 5060, "udp", ("udp", "tcp"))),
    ],
)
def test_trunk_uri_is_host_and_port(text: str, expected: HostPort) -> None:
    assert parse_trunk_uri(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("192.0.2.10", "BAD_URI"),
        ("sbc.example:5060", "BAD_URI"),
        ("tel:+15550100", "BAD_URI"),
        ("sip", "BAD_URI"),
        ("sips:sbc.example;transport=udp", "BAD_URI"),
        ("sip:sbc.example;transport=sctp", "RESERVED_VALUE"),
        ("sip:sbc.example;transport=carrier-pigeon", "BAD_URI"),
        ("sip:sbc.example;transport", "BAD_URI"),
        ("sip:sbc.example;lr", "BAD_URI"),
        ("sip:100@sbc.example", "BAD_URI"),
        ("sip:sbc.example?subject=x", "BAD_URI"),
        ("sip:", "BAD_HOST"),
        ("sip::5060", "BAD_HOST"),
        ("sip:sbc.example:", "BAD_HOST"),
        ("sip:sbc.example:x", "BAD_HOST"),
        ("sip:sbc example", "BAD_HOST"),
        ("sip:-sbc.example", "BAD_HOST"),
        ("sip:" + "a" * 64, "BAD_HOST"),
        ("sip:" + "a." * 127 + "a", "BAD_HOST"),
        ("sip:192.0.2.256", "BAD_HOST"),
        ("sip:192.0.2", "BAD_HOST"),
        ("sip:192.000.002.010", "BAD_HOST"),
        ("sip:2001:db8::1", "BAD_HOST"),
        ("sip:[192.0.2.1]", "BAD_HOST"),
        ("sip:[fe80::1%eth0]", "BAD_HOST"),
        ("sip:[::1", "BAD_HOST"),
        ("sip:sbc.example:0", "BAD_PORT"),
        ("sip:sbc.example:65536", "BAD_PORT"),
        ("sip:sbc.example\n", "BAD_HOST"),
    ],
)
def test_wrong_trunk_uri_is_a_mistake(text: str, code: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_trunk_uri(text)
    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:5060", HostPort("0.0.0.0", 5060)),
        ("127.0.0.1:0", HostPort("127.0.0.1", 0)),
        ("[::]:5060", HostPort("::", 5060)),
    ],
)
def test_listen_address_is_ip_and_port(text: str, expected: HostPort) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("5060", 'write "0.0.0.0:5060"'),
        ("127.0.0.1", 'write "127.0.0.1:5060"'),
        ("[::1]", 'write "[::1]:5060"'),
        ("::1", "write [::1]"),
        ("127.0.0.1:65536", "write a port from 0 to 65535"),
    ],
)
def test_wrong_listen_address_says_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_listen(text)
    assert caught.value.hint == hint


def test_only_ipv6_gets_brackets() -> None:
    assert [bracketed(host) for host in ("::1", "127.0.0.1", "sbc.example")] == ["[::1]", "127.0.0.1", "sbc.example"]


@pytest.mark.parametrize("text", ["+15557000", "+442071838750", "100", "0", "0123", "911", "123456789012345"])
def test_numbers_are_e164_or_internal(text: str) -> None:
    assert parse_number(text) == parse_did(text) == text


@pytest.mark.parametrize(
    "text", ["", "+", "+1", "+0123", "+1234567890123456", "1e3", "sales", "*", "+1*", "١٢٣", "100\n"]
)
def test_anything_else_is_no_number(text: str) -> None:
    with pytest.raises(Mistake):
        parse_number(text)


def test_star_is_a_did() -> None:
    assert parse_did("*") == "*"


@pytest.mark.parametrize("text", ["+1 555 0100", "+1-555-0100", "(+1) 555.0100", "+1/5550100"])
def test_decorated_number_is_shown_bare(text: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_number(text)
    assert caught.value.hint == 'write "+15550100"'


@pytest.mark.parametrize("text", ["100", "front.desk", "a%20b", "anna+home"])
def test_users_are_as_in_a_sip_uri(text: str) -> None:
    assert parse_user(text) == text


@pytest.mark.parametrize("text", ["", "a b", "a@b", "a%2", "a:b", "é", "a\r\nVia:"])
def test_what_would_break_a_sip_uri_is_no_user(text: str) -> None:
    with pytest.raises(Mistake):
        parse_user(text)


@pytest.mark.parametrize("parse", [parse_trunk_uri, parse_listen, parse_number, parse_did, parse_user])
@given(text=st.text() | st.text(alphabet="sip:[].@;=%0123456789+*aA\n ", max_size=40))
def test_any_text_is_read_or_a_mistake(parse: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(Mistake):
        parse(text)

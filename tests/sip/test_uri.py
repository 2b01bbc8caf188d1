from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.errors import RemoteProtocolError
from sip.uri import Uri, find_param, is_address, parse_uri, split_params


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:192.0.2.1", Uri("sip", "", "192.0.2.1", None)),
        ("sip:alice@example.com", Uri("sip", "alice", "example.com", None)),
        ("SIPS:Alice@EXAMPLE.com:5071", Uri("sips", "Alice", "example.com", 5071)),
        ("sip:alice:secret@example.com", Uri("sip", "alice", "example.com", None)),
        ("sip:+1555;phone-context=+1@example.com;user=phone", Uri("sip", "+1555", "example.com", None, ";user=phone")),
        ("sip:a%20b%40c@example.com", Uri("sip", "a b@c", "example.com", None)),
        ("sip:[2001:DB8::1]:5061;lr", Uri("sip", "", "2001:db8::1", 5061, ";lr")),
        ("sip:[::1]", Uri("sip", "", "::1", None)),
        ("sip:h;lr;x=1?subject=a&to=b", Uri("sip", "", "h", None, ";lr;x=1", "subject=a&to=b")),
        ("sip:user?with/odd;chars@h", Uri("sip", "user?with/odd", "h", None)),
        ("sip:a@h:65535", Uri("sip", "a", "h", 65535)),
        ("sip:under_score@my_host", Uri("sip", "under_score", "my_host", None)),
    ],
)
def test_parts_of_a_uri(text: str, expected: Uri) -> None:
    assert parse_uri(text) == expected


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("", 400),
        ("alice", 400),
        ("sip:", 400),
        ("sip:@example.com", 400),
        ("sip:a@", 400),
        ("sip:a@h:", 400),
        ("sip:a@h:65536", 400),
        ("sip:a@h:123456", 400),
        ("sip:a@h:٥٠٦٠", 400),  # digits, but not of SIP
        ("sip:a@h:-1", 400),
        ("sip:a@h h", 400),
        ("sip:a@h\n", 400),
        ("sip:a@[::1", 400),
        ("sip:a@::1", 400),
        ("sip:a@h>", 400),
        ("tel:+15557000", 416),
        ("mailto:a@b", 416),
    ],
)
def test_what_is_no_sip_uri_says_so(text: str, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_uri(text)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("params", "name", "value"),
    [
        ("", "lr", None),
        (";lr", "lr", ""),
        (";LR", "lr", ""),
        (";lr=on", "lr", "on"),
        (";transport=UDP;lr", "transport", "UDP"),
        ("; transport = tcp ", "transport", "tcp"),
        (";a=1;a=2", "a", "1"),
        (";alr;x=lr", "lr", None),
        (';a=";b=1";b=2', "b", "2"),
        (';a="\\";b=1";b=2', "b", "2"),
        (';a="never closed;b=1', "b", None),
    ],
)
def test_a_parameter_is_found_by_its_name(params: str, name: str, value: str | None) -> None:
    assert find_param(params, name) == value


def test_a_uri_finds_its_own_parameters() -> None:
    assert parse_uri("sip:h;lr;cw=k1.abc").param("cw") == "k1.abc"
    assert parse_uri("sip:h;lr").param("cw") is None


@pytest.mark.parametrize(
    ("host", "yes"),
    [
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("[2001:db8::1]", False),
        ("host", False),
        ("", False),
        ("1.2.3", False),
    ],
)
def test_an_address_is_told_from_a_name(host: str, yes: bool) -> None:
    assert is_address(host) is yes


@given(st.text())
def test_any_text_gives_a_uri_or_a_protocol_error(text: str) -> None:
    for candidate in (text, f"sip:{text}", f"sip:a@{text}", f"sip:a@h{text}"):
        try:
            uri = parse_uri(candidate)
        except RemoteProtocolError:
            continue
        assert uri.host
        assert uri.port is None or 0 <= uri.port <= 65535


@pytest.mark.timeout(20)  # reading in quadratic time takes half a minute here
@pytest.mark.parametrize("filler", [" ", ";", "@", ":", "%", "a", "1", "?", '"', "\\", "[", "%41"])
def test_a_uri_as_long_as_a_datagram_is_read_in_one_go(filler: str) -> None:
    long = filler * (60_000 // len(filler))
    for text in (long, f"sip:{long}", f"sip:a@h{long}", f"sip:{long}@h", f"sip:a@h;{long}(", f'sip:a@h;x="{long}'):
        with suppress(RemoteProtocolError):
            parse_uri(text).param("lr")


@given(st.text(alphabet=';="\\ab'))
def test_split_parameters_lose_nothing(params: str) -> None:
    assert ";".join(split_params(params)) == params

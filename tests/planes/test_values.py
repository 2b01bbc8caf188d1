"""Numbers within header values, whatever stands around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planes.border.values import make_address, replace_all, rewrite_all, rewrite_user
from sip.headers import find_uri
from sip.parser import parse_message
from sip.uri import parse_uri
from tests.sip import wire


@pytest.mark.parametrize(
    ("value", "after"),
    [
        ("<sip:123@h>;tag=x", "<sip:+123@h>;tag=x"),
        ('"sip:123@h" <sip:123@h>', '"sip:123@h" <sip:+123@h>'),
        ("sip:123;npdi@h;tag=sip:123;npdi@h", "sip:123;npdi@h;tag=sip:123;npdi@h"),  # no addr-spec has a ";"
        ("<sip:123;npdi=x:pw@h:5060;user=phone>", "<sip:+123;npdi=x:pw@h:5060;user=phone>"),
        ("<sips:123@[2001:db8::1]>", "<sips:+123@[2001:db8::1]>"),
        ("<sip:h>", "<sip:h>"),
        ("<tel:123>", "<tel:123>"),
        ("nonsense", "nonsense"),
        ("<sip:123@h", "<sip:123@h"),
    ],
)
def test_the_user_of_the_uri_is_rewritten_and_nothing_else(value: str, after: str) -> None:
    assert rewrite_user(value, lambda user: f"+{user}") == after


@given(st.text(), st.text(), st.sampled_from(["192.0.2.1", "2001:db8::1", "a.example"]))
def test_an_address_of_ours_is_one_address_whatever_it_is_made_of(user: str, name: str, host: str) -> None:
    address = make_address(user, host, name)
    request = wire.parsed(wire.request(extra=["X-End: 1"]))
    replace_all(request, "p-asserted-identity", [address])
    again = wire.parsed(request.encode())
    assert again.names == request.names
    assert again.get_all("p-asserted-identity") == [request.get("p-asserted-identity")]
    assert parse_uri(find_uri(address)).host == host


def test_each_value_keeps_its_place_among_the_headers() -> None:
    data = wire.request(
        extra=["A: 1", "Diversion: <sip:1@h>, <sip:x@h>", "B: 2", "Diversion: <sip:2@h>;reason=no-answer"]
    )
    request = wire.parsed(data)
    rewrite_all(request, "diversion", lambda user: user)
    assert request.encode() == wire.parsed(data).encode(), "what stays as it is stays byte for byte"
    rewrite_all(request, "diversion", lambda user: f"+{user}" if user.isdigit() else user)
    assert request.lines[-5:] == [
        "A: 1",
        "Diversion: <sip:+1@h>",
        "Diversion: <sip:x@h>",
        "Diversion: <sip:+2@h>;reason=no-answer",
        "B: 2",
    ]
    assert parse_message(request.encode()).names == request.names

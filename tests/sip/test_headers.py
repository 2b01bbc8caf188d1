from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sip.errors import RemoteProtocolError
from sip.headers import Via, find_tag, find_uri, parse_cseq, parse_retry_after, parse_via, split_values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("SIP/2.0/UDP h;branch=z9hG4bKa", Via("UDP", "h", 0, ";branch=z9hG4bKa", "z9hG4bKa")),
        ("SIP/2.0/UDP h:5070;branch=b;rport", Via("UDP", "h", 5070, ";branch=b;rport", "b")),
        ("SIP/2.0/UDP h:65535", Via("UDP", "h", 65535, "", "")),
        ("SIP/2.0/tcp h", Via("TCP", "h", 0, "", "")),
        ("sip / 2.0 / TLS  h : 5061 ; BRANCH=b", Via("TLS", "h", 5061, "; BRANCH=b", "b")),
        ("SIP/2.0/UDP [2001:db8::9:1];branch=b", Via("UDP", "[2001:db8::9:1]", 0, ";branch=b", "b")),
        ("SIP/2.0/UDP [::1]:5070;branch=b", Via("UDP", "[::1]", 5070, ";branch=b", "b")),
        ('SIP/2.0/UDP h;x=";branch=no";branch=yes', Via("UDP", "h", 0, ';x=";branch=no";branch=yes', "yes")),
        ("SIP/2.0/UDP h;branch=a;branch=b", Via("UDP", "h", 0, ";branch=a;branch=b", "a")),
        ("SIP/2.0/UDP h;Branch=a;branch=b", Via("UDP", "h", 0, ";Branch=a;branch=b", "a")),
    ],
)
def test_parts_of_a_via(value: str, expected: Via) -> None:
    assert parse_via(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "h",
        "SIP/2.0/UDP",
        "SIP/2/UDP h",
        "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP h:69999;branch=b",
        "SIP/2.0/UDP h:٥٠٦٠;branch=b",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP h i;branch=b",
        "SIP/2.0/UDP ::1;branch=b",
        "SIP/2.0/UDP [::1;branch=b",
        "SIP/2.0/UDP h;branch=a, SIP/2.0/UDP i",
    ],
)
def test_what_is_no_via_says_so(value: str) -> None:
    if "," in value:
        assert len(split_values(value)) == 2  # one value at a time: a list is taken apart before
        return
    with pytest.raises(RemoteProtocolError):
        parse_via(value)


_VIA_PARTS = st.lists(
    st.sampled_from(
        [" ", "\t", *'branch= Branch= rport received= z9hG4bK ; ; : 5060 69999 h [::1] = " é ٥ . % x='.split()]
    ),
    max_size=12,
).map("".join)


@given(st.sampled_from(["h", "[::1]", "h:5060", "H.example:5070"]), _VIA_PARTS)
@example("h", ":69999;branch=b")
@example("h", ";Branch=a;branch=b")
@example("h", ";branch=")
def test_space_in_front_of_a_via_changes_nothing(host: str, rest: str) -> None:
    def read(value: str) -> Via | None:
        try:
            return parse_via(value)
        except RemoteProtocolError:
            return None

    value = f"SIP/2.0/UDP {host}{rest}"
    assert read(value) == read(f" {value}")  # whatever short cut there is for the usual spelling


@pytest.mark.parametrize(
    ("value", "sent_by"),
    [
        ("SIP/2.0/UDP Host.Example;branch=b", ("host.example", 5060)),
        ("SIP/2.0/TLS host;branch=b", ("host", 5061)),
        ("SIP/2.0/UDP host:5070;branch=b", ("host", 5070)),
        ("SIP/2.0/UDP [2001:DB8:0::1];branch=b", ("2001:db8::1", 5060)),
    ],
)
def test_sent_by_has_the_default_port_and_no_case(value: str, sent_by: tuple[str, int]) -> None:
    assert parse_via(value).sent_by == sent_by


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7 INVITE", (7, "INVITE")), (" 0009\t ACK ", (9, "ACK")), ("2147483647 X-odd.1", (2147483647, "X-odd.1"))],
)
def test_parts_of_a_cseq(value: str, expected: tuple[int, str]) -> None:
    assert parse_cseq(value) == expected


@pytest.mark.parametrize(
    "value", ["", "7", "INVITE", "-1 INVITE", "2147483648 INVITE", "7 IN VITE", "7INVITE", "٧ ACK"]
)
def test_what_is_no_cseq_says_so(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_cseq(value)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("<sip:a@b>", ""),
        ("<sip:a@b>;tag=x", "x"),
        ("sip:a@b;tag=x", "x"),
        ('"A" <sip:a@b> ; Tag = x ;y=1', "x"),
        ("<sip:a@b;tag=no>", ""),
        ('"<sip:c>;tag=no" <sip:a@b>;tag=x', "x"),
        ("<sip:a@b>;nottag=1;tagged=2", ""),
        ('<sip:a@b>;x="a>b";tag=x', "x"),
        ('<sip:a@b>;tag=x;y="a>b"', "x"),
        ('<sip:a@b>;y=";tag=no";tag=x', "x"),
        ('"never closed <sip:a@b>;tag=x', "x"),
        ('sip:a@b;y="q>";tag=x', "x"),
        ('sip:a@b;y="<";tag=x', "x"),
        ('"A;tag=no" <sip:a@b;tag=no>;y="q";tag=x', "x"),
        ('<sip:a@b;tag=no>;y="q"', ""),
        ('<sip:a@b>"', ""),
        ('"never closed;tag=no', ""),
    ],
)
def test_the_tag_of_an_address(value: str, tag: str) -> None:
    assert find_tag(value) == tag


@pytest.mark.parametrize(
    ("value", "uri"),
    [
        ("<sip:a@b;x=1>;tag=y", "sip:a@b;x=1"),
        ("sip:a@b;tag=y", "sip:a@b"),
        ("Alice <sip:a@b>", "sip:a@b"),
        ('"A <sip:no@no> \\" <" <sip:a@b>', "sip:a@b"),
        (' "A"<sip:a@b>', "sip:a@b"),
        ("< sip:a@b >", "sip:a@b"),
        ("*", "*"),
        ("", ""),
    ],
)
def test_the_uri_of_an_address(value: str, uri: str) -> None:
    assert find_uri(value) == uri


@pytest.mark.parametrize("value", ["<sip:a@b", '"Alice <sip:a@b>', '"Alice\\'])
def test_an_address_that_never_ends_says_so(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        find_uri(value)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ("a,,b", ["a", "", "b"]),
        ('"x, y" <sip:a>, <sip:b,c>;q=1,"\\",",d', ['"x, y" <sip:a>', "<sip:b,c>;q=1", '"\\","', "d"]),
        ('<sip:a>;x="<", <sip:b>', ['<sip:a>;x="<"', "<sip:b>"]),
        ('"never closed, b', ['"never closed, b']),
        ("<never closed, b", ["<never closed, b"]),
    ],
)
def test_commas_separate_outside_quotes_and_brackets_only(value: str, parts: list[str]) -> None:
    assert split_values(value) == parts


@given(st.text(alphabet='ab,"\\<>; ='))
def test_splitting_loses_nothing_but_space(value: str) -> None:
    joined = ",".join(split_values(value))
    assert joined.replace(" ", "") == value.replace(" ", "")


@pytest.mark.timeout(20)  # reading in quadratic time takes half a minute here
@pytest.mark.parametrize("filler", [" ", "\t", ";", ",", '"', "\\", "<", ">", "=", ":", "a", "1", '"<', "; ", ";tag "])
def test_a_value_as_long_as_a_datagram_is_read_in_one_go(filler: str) -> None:
    long = filler * (60_000 // len(filler))
    for read in (parse_via, parse_cseq, find_tag, find_uri, split_values):
        for value in (
            long,
            f"{long}(",
            f"SIP/2.0/UDP h{long}(",
            f"SIP/2.0/UDP h:1{long}(",
            f"1{long}(",
            f"<sip:a>{long}(",
        ):
            with suppress(RemoteProtocolError):
                read(value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_via, parse_cseq, find_tag, find_uri, split_values):
        for value in (text, f"<sip:a>;{text}", f'"{text}', f"SIP/2.0/UDP h;{text}", f"1 {text}"):
            with suppress(RemoteProtocolError):
                read(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 18000;duration=3600", 18000),
        ("120 (I'm in a meeting)", 120),
        (None, 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("9e23", 9),
        ("9" * 400, 2**31),
        ("٣", 0),
    ],
)
def test_retry_after_is_read_and_bounded(text: str | None, seconds: int) -> None:
    assert parse_retry_after(text) == seconds

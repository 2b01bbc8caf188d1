"""RFC 4475 §3.1.2 in cases of our own: broken messages get their refusal, or silence, and are never forwarded."""

from __future__ import annotations

import pytest

from sip.message import Request
from tests.sip import wire
from tests.torture.stand import T1, Stand, judge

VIA = "SIP/2.0/UDP 192.0.2.99:5099"


def with_lines(*lines: str, method: str = "INVITE", start: str = "") -> bytes:
    """A plain call, but for these lines, each in the place of those of the same name."""
    names = {line.partition(":")[0].strip().lower() for line in lines}
    plain = wire.request_lines(method, via=VIA)
    kept = [line for line in plain[1:] if line.partition(":")[0].lower() not in names]
    return wire.encode([start or plain[0], *kept, *lines])


def check(data: bytes, *allowed: str) -> None:
    assert str(judge(data)) in allowed


# --------------------------------------------------------------------------- 3.1.2.1: separators that separate nothing


@pytest.mark.parametrize("tail", [";;,;,,", ";;branch=z9hG4bK1", ";branch=z9hG4bK1;", ";branch=z9hG4bK1; ;x", ";=x"])
def test_a_via_with_stray_separators_cannot_be_answered(tail: str) -> None:
    check(with_lines(f"Via: {VIA}{tail}"), "silence")


@pytest.mark.parametrize(
    "value",
    [
        "<sip:a@example.com>;;tag=t", "<sip:a@example.com>;tag=t;", "<sip:a@example.com>,", ",<sip:a@example.com>",
        "<sip:a@example.com>;tag=t,<sip:b@example.com>;tag=u", "", ";tag=t", "<>;tag=t", "<sip:a@example.com",
        "sip:a@example.com>;tag=t", "<sip:a@example.com>>;tag=t", "<<sip:a@example.com>>;tag=t", "a@example.com;tag=t",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["From", "To"])
def test_an_address_with_stray_separators_is_refused(name: str, value: str) -> None:
    check(with_lines(f"{name}: {value}"), "400")


# --------------------------------------------------------------------------- 3.1.2.2 and .3: Content-Length


@pytest.mark.parametrize(
    "length", ["4", "9999", "99999999999999999999", "-1", "-999", "0x3", "3.0", "three", "3 3", "", "+3"]
)
@pytest.mark.parametrize("name", ["Content-Length", "l"])
def test_a_length_that_is_not_true_is_refused(name: str, length: str) -> None:
    check(with_lines(f"{name}: {length}") + b"abc", "400")


# --------------------------------------------------------------------------- 3.1.2.4 and .5: numbers that are too large


@pytest.mark.parametrize(
    "number", ["2147483648", "4294967296", "36893488147419103232", "9" * 5000, "-1", "1.5", "0x1", ""]
)
def test_a_cseq_out_of_range_is_refused(number: str) -> None:
    check(with_lines(f"CSeq: {number} INVITE"), "400")


@pytest.mark.parametrize("hops", ["-1", "x", "", "1 2", "7;x", "\u0667"])
def test_a_hop_count_that_is_no_number_is_refused(hops: str) -> None:
    check(with_lines(f"Max-Forwards: {hops}"), "400")


@pytest.mark.parametrize("line", ["Expires: " + "9" * 300, "Min-SE: 18446744073709551616", "Retry-After: " + "9" * 99])
def test_a_large_number_in_what_we_do_not_read_is_none_of_our_business(line: str) -> None:
    check(with_lines(line), "forwarded")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"7 INVITE", b"9292394834772304023312 INVITE"),
        (b"7 INVITE", b"-7 INVITE"),
        (b" 200 ", b" 4294967301 "),  # 3.1.2.19
        (b" 200 ", b" 2000 "),
        (b" 200 ", b" 20 "),
        (b" 200 ", b" 000 "),
        (b" 200 ", b" 700 "),
        (b" 200 ", b" -200 "),
        (b"SIP/2.0 200", b"SIP/3.0 200"),
        (b"Call-ID:", b"X-Call-ID:"),
    ],
)
def test_a_broken_response_is_dropped_and_the_call_goes_on(old: bytes, new: bytes) -> None:
    stand = Stand()
    (forwarded,) = stand.judge(with_lines()).forwarded
    good = wire.answer(forwarded, 200)
    assert old in good
    assert stand.judge(good.replace(old, new, 1), T1).is_silence
    assert stand.judge(good, T1).statuses == [200]


def test_a_huge_retry_after_of_a_trunk_sets_no_timer_of_ours() -> None:
    stand = Stand()
    (forwarded,) = stand.judge(with_lines()).forwarded
    verdict = stand.judge(wire.answer(forwarded, 503, extra=["Retry-After: 949302838503028349304023988"]), T1)
    assert verdict.statuses == [500]
    assert stand.engine.next_deadline() < 10.0


# --------------------------------------------------------------------------- 3.1.2.6 and .13 to .15: addresses


@pytest.mark.parametrize(
    "value",
    [
        '"Mr. J. User <sip:j@example.com>;tag=t',
        'Mr. "J" User <sip:j@example.com>;tag=t',
        '"a"" <sip:j@example.com>;tag=t',
        '"a\\" <sip:j@example.com>;tag=t',
        "Bell, Alexander <sip:a@example.com>;tag=t",
        "a@b <sip:a@example.com>;tag=t",
        '"Bell" < sip:a@example.com>;tag=t',
        '"Bell" <sip:a@example.com >;tag=t',
        '"Bell" <sip:a b@example.com>;tag=t',
        "sip:a@example.com?Route=%3Csip:x%3E;tag=t",
        "sip:a@example.com, sip:b@example.com;tag=t",
        '<sip:a@example.com>;tag="t',
        "<no-scheme>;tag=t",
    ],
)
@pytest.mark.parametrize("name", ["From", "To", "f", "t"])
def test_an_address_that_must_be_guessed_is_refused(name: str, value: str) -> None:
    long = {"f": "From", "t": "To"}.get(name, name)
    data = with_lines(f"{long}: {value}").replace(f"\r\n{long}:".encode(), f"\r\n{name}:".encode())
    check(data, "400")


# --------------------------------------------------------------------------- 3.1.2.7 to .11: the request line


@pytest.mark.parametrize(
    "start",
    [
        "INVITE <sip:a@192.0.2.10> SIP/2.0",
        "INVITE sip:a@192.0.2.10; lr SIP/2.0",
        "INVITE sip:a @192.0.2.10 SIP/2.0",
        "INVITE  sip:a@192.0.2.10  SIP/2.0",
        "INVITE sip:a@192.0.2.10  SIP/2.0",
        "INVITE sip:a@192.0.2.10 SIP/2.0  ",
        "INVITE sip:a@192.0.2.10\tSIP/2.0",
        "INVITE sip:a@192.0.2.10",
        "INVITE SIP/2.0",
        " INVITE sip:a@192.0.2.10 SIP/2.0",
        "INV(ITE sip:a@192.0.2.10 SIP/2.0",
        "INVITE\x00 sip:a@192.0.2.10 SIP/2.0",
        "\u0406NVITE sip:a@192.0.2.10 SIP/2.0",
        "INVITE sip:a@192.0.2.10?Route=%3Csip:203.0.113.1%3E SIP/2.0",
        "INVITE sip:a@192.0.2.10;x?Subject=s SIP/2.0",
        "INVITE sip:a@ SIP/2.0",
        "INVITE sip:@192.0.2.10 SIP/2.0",
        "INVITE sip:a@192.0.2.10:99999 SIP/2.0",
        "INVITE sip:a@[::1 SIP/2.0",
        "INVITE sip SIP/2.0",
    ],
)
def test_a_broken_request_line_is_refused_or_dropped(start: str) -> None:
    check(with_lines(start=start), "400", "silence")


@pytest.mark.parametrize(
    "start", ["OPTIONS sip:a@h?Route=%3Csip:x%3E SIP/2.0", "BYE sip:a@h?Route=%3Csip:x%3E SIP/2.0"]
)
def test_a_route_within_the_request_uri_is_refused_in_any_request(start: str) -> None:
    check(with_lines("To: <sip:b@example.com>;tag=b", "CSeq: 7 " + start.split(maxsplit=1)[0], start=start), "400")


@pytest.mark.parametrize("version", ["SIP/7.0", "SIP/1.0", "SIP/2.1", "sip/3.0", "SIP/20.0"])
def test_another_version_is_told_so(version: str) -> None:  # 3.1.2.16
    check(with_lines(start=f"INVITE sip:a@192.0.2.10 {version}"), "505")
    check(
        with_lines(f"Via: {version}/UDP 192.0.2.99;branch=z9hG4bK1", start=f"OPTIONS sip:a@h {version}"),
        "505",
        "silence",
    )


# --------------------------------------------------------------------------- 3.1.2.12: what we do not read


@pytest.mark.parametrize(
    "line",
    [
        "Date: Fri, 01 Jan 2010 16:00:00 EST",
        "Date: yesterday",
        "Contact: <sip:a@h>;;;;",
        "Accept: ,,",
        "Warning: x",
        "Content-Type:",
    ],
)
def test_a_fault_in_what_is_not_ours_to_read_passes(line: str) -> None:
    (forwarded,) = judge(with_lines(line)).forwarded
    assert line in forwarded.lines


# --------------------------------------------------------------------------- 3.1.2.17 and .18: which method


@pytest.mark.parametrize("method", ["BYE", "INVITE ", "invite", "INVITE X", "NEWMETHOD", ""])
def test_cseq_must_name_the_method(method: str) -> None:
    check(with_lines(f"CSeq: 7 {method}"), *(["forwarded"] if method == "INVITE " else ["400"]))


@pytest.mark.parametrize("method", ["OPTIONS", "CANCEL", "REGISTER", "NEWMETHOD"])
def test_nor_may_another_method_say_invite(method: str) -> None:
    check(with_lines("CSeq: 8 INVITE", method=method), "400", "501")


# --------------------------------------------------------------------------- smuggling


@pytest.mark.parametrize("end", ["\n", "\r", "\n\n", "\r\r\n"])
@pytest.mark.parametrize("place", ["X: 1{}Route: <sip:203.0.113.1;lr>", "Subject: 1{} folded"])
def test_a_line_end_that_is_none_is_refused(end: str, place: str) -> None:
    check(with_lines(place.format(end)), "silence", "400")


def test_no_refusal_is_larger_than_what_it_refuses_by_much() -> None:
    data = with_lines("CSeq: x", *[f"X-{index}: {'y' * 100}" for index in range(30)])
    (refusal,) = judge(data).raw
    assert len(refusal) < 700


def test_an_ack_is_never_answered() -> None:
    for line in ("CSeq: 7 INVITE", "Max-Forwards: x", "Content-Length: 99", "From: ,"):
        assert judge(with_lines(line, method="ACK")).is_silence


def test_what_was_refused_leaves_nothing_behind() -> None:
    stand = Stand()
    for line in ("CSeq: x", "Content-Length: -1", "From: ,", "Max-Forwards: x"):
        stand.judge(with_lines(line))
    stand.wait(100.0)
    assert stand.engine.next_deadline() == float("inf")
    assert isinstance(stand.judge(with_lines()).forwarded[0], Request)

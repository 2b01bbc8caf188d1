"""RFC 4475 §3.1.1 in cases of our own: odd and yet valid. A call goes on unharmed, anything else is understood."""

from __future__ import annotations

import pytest

from sip.message import Request
from sip.parser import parse_message, validate
from sip.transaction import Hop
from tests.sip import wire
from tests.torture.stand import SENDER, T1, Stand, answers, judge, message, opaque

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.99\r\ns=-\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
OWNED = ("via", "max-forwards", "record-route", "route", "max-breadth")


def invite(*extra: str, uri: str = "sip:+15557000@192.0.2.10", **options: object) -> bytes:
    return wire.request("INVITE", uri, via="SIP/2.0/UDP 192.0.2.99:5099", extra=extra, **options)


def passes(data: bytes) -> Request:
    """The call that goes on; whatever is not ours to change has not changed."""
    verdict = judge(data)
    assert str(verdict) == "forwarded"
    assert opaque(verdict.raw[-1], OWNED) == opaque(data, OWNED)
    (forwarded,) = verdict.forwarded
    validate(forwarded)
    return forwarded


# --------------------------------------------------------------------------- 3.1.1.1: folding, blanks, short names

TORTUOUS = message(
    """
INVITE sip:+15557000@192.0.2.10;odd SIP/2.0
TO :
  "Nobody \\\\\\" \\<" \t<sip:+15557000@example.com> ; odd
FrOm\t: "A" <sip:alice@example.com>
 ;
\ttag = odd-1
mAX-fORWARDS: 00017
i: odd-1@192.0.2.99
L   : 3
CSEQ: 0009
   INVITE
V  : SIP  /   2.0
 /UDP
    192.0.2.99 : 5099 ; branch = z9hG4bKodd ,
 SIP/2.0/TCP\tupper.example.com ; received = 192.0.2.98
Via: SIP / 2.0 / UDP 192.0.2.97;branch=z9hG4bKlower
s :
New: first
 second
Odd: ;;,,;;,;
m:"Odd \\"<\\"" <sip:alice@192.0.2.99> ; odd =
   value ; q = 0.33
""",
    b"abc",
)


def test_a_tortuous_invite_is_a_call() -> None:
    forwarded = passes(TORTUOUS)
    assert (forwarded.get("max-forwards"), forwarded.cseq) == ("16", (9, "INVITE"))
    assert forwarded.from_tag == "odd-1"
    vias = forwarded.get_all("via")
    assert len(vias) == 4
    assert "upper.example.com" in vias[2]
    assert b"Odd: ;;,,;;,;\r\n" in forwarded.encode()


def test_its_answer_finds_the_way_back() -> None:
    stand = Stand()
    (forwarded,) = stand.judge(TORTUOUS).forwarded
    back = stand.judge(answers(forwarded, 200), T1)
    ((answer, hop),) = back.passed_back
    assert (answer.status, hop) == (200, SENDER)
    assert len(answer.get_all("via")) == 3
    assert answer.via.branch == "z9hG4bKodd"


@pytest.mark.parametrize("short", "v f t i l m c s k".split())
def test_a_short_name_is_as_good_as_a_long_one(short: str) -> None:
    long = {
        "v": "Via", "f": "From", "t": "To", "i": "Call-ID", "l": "Content-Length", "m": "Contact", "c": "Content-Type",
        "s": "Subject", "k": "Supported",
    }[short]  # fmt: skip
    data = invite("Content-Length: 0", "Contact: <sip:a@192.0.2.99>", "Content-Type: application/sdp", "Subject: s",
                  "Supported: timer")  # fmt: skip
    passes(data.replace(f"\r\n{long}: ".encode(), f"\r\n{short}:".encode()))
    passes(data.replace(f"\r\n{long}: ".encode(), f"\r\n{short.upper()} \t: ".encode()))


@pytest.mark.parametrize("hops", ["1", "70", "255", "0068", "000000000000000001", "256", "999999", "9" * 5000])
def test_a_hop_count_is_a_number_however_it_is_written(hops: str) -> None:
    left = int(hops) - 1 if len(hops) < 30 and int(hops) <= 255 else 70
    assert passes(invite(hops=hops)).get("max-forwards") == str(left)


# --------------------------------------------------------------------------- 3.1.1.2 and .5: odd characters

ODD_METHOD = "Odd-!%*_+`.'~%49NVITE"


@pytest.mark.parametrize("method", [ODD_METHOD, "INVITEX", "invite", "%49NVITE", "A", "R" * 300])
def test_a_method_that_nobody_knows_is_not_implemented(method: str) -> None:
    verdict = judge(wire.request(method, via="SIP/2.0/UDP 192.0.2.99:5099"))
    assert str(verdict) == "501"
    assert "INVITE" in (verdict.passed_back[0][0].get("allow") or "")


@pytest.mark.parametrize(
    "lines",
    [
        ['To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:+15557000@example.com>'],
        ["To: tok1~` tok2'+_ *%!.- <sip:+15557000@example.com>"],
        ['From: "%Z%45 100%" <sip:a%20b@example.com>;tag=t', "Subject: %"],
        ['From: <sip:a@example.com>;odd="\u0440\u0430\u0431\u043e\u0442";tag=_-.!%*+`\'~'],
        ['From: "J. O\'Hara, (sales)" <sip:a@example.com>;tag=t'],
        ["From: caller<sip:caller@example.com>;tag=323"],  # 3.1.1.6
        ["From: Zo\u00eb <sip:a@example.com>;tag=t"],
        ["From: sip:anonymous@anonymous.invalid;tag=t", "Privacy: id"],
        ["From: <tel:+15550199;phone-context=x>;tag=t"],
        ['Call-ID: odd-!.*%_+`\'~(][<>:\\/"?{}@(][<>:\\/"?{}'],
        ["X-!%*_+`'~.-: \ufeff\u5927\u505c\u96fb"],
        ["C%6Fntact: <sip:not@a.contact>"],
        ["Contact: <sip:a@192.0.2.99>;n%61me=v%61lue%25%34%31;%6C%72"],
    ],
)
def test_odd_characters_pass_unharmed(lines: list[str]) -> None:
    name = lines[0].partition(":")[0].lower()
    kept = [
        line
        for line in wire.request_lines(via="SIP/2.0/UDP 192.0.2.99:5099")
        if not line.lower().startswith(f"{name}:")
    ]
    passes(wire.encode([*kept, *lines]))


# --------------------------------------------------------------------------- 3.1.1.3, .4 and .9: escapes in URIs


@pytest.mark.parametrize(
    ("user", "did"),
    [
        ("sips%3Auser%40example.com", "sips:user@example.com"),
        ("%00", "\0"),
        ("a%00b", "a\0b"),
        ("%2B15557000", "+15557000"),
        ("%252B1", "%2B1"),  # decoded once, never twice
        ("user;par=u%40example.net", "user"),
        ("1_odd.URI~(to-be!sure)&isn't+it$/crazy?,/", "1_odd.URI~(to-be!sure)&isn't+it$/crazy?,/"),
        ("a:secret", "a"),
    ],
)
def test_the_number_called_is_decoded_exactly_once(user: str, did: str) -> None:
    stand = Stand()
    verdict = stand.judge(invite(uri=f"sip:{user}@192.0.2.10;odd=1"))
    assert str(verdict) == "forwarded"
    (run,) = stand.engine.plane._calls.by_offer.values()
    assert run.offer.did == did


def test_a_parameter_of_the_user_is_none_of_the_uri() -> None:
    passes(invite(uri="sip:+15557000;transport=tcp;maddr=203.0.113.1@192.0.2.10"))


# --------------------------------------------------------------------------- 3.1.1.7 and .8: lengths


def test_long_values_are_cut_nowhere() -> None:
    long = "x" * 700
    data = message(
        f"""
INVITE sip:+15557000@192.0.2.10 SIP/2.0
To: "{long}" <sip:{long}@example.com>;odd={long}
From: <sip:{long}@example.com>;tag={long}
Call-ID: {long}@192.0.2.99
CSeq: 2147483647 INVITE
Via: SIP/2.0/UDP 192.0.2.99:5099;branch=z9hG4bK{long};odd={long}
{chr(10).join(f"Via: SIP/2.0/TCP {'h' * 60}{index}.example.com;branch=z9hG4bK{index}" for index in range(40))}
Contact: <sip:{long}@192.0.2.99>
{long}: {long}
Max-Forwards: 70
"""
    )
    forwarded = passes(data)
    assert (len(forwarded.get_all("via")), len(forwarded.from_tag)) == (42, 700)


@pytest.mark.parametrize("tail", [b"\r\n\r\n", b"\x00", invite(call_id="smuggled", branch="z9hG4bK-smuggled")])
def test_what_follows_the_message_in_its_datagram_is_nothing(tail: bytes) -> None:
    stand = Stand()
    verdict = stand.judge(invite("Content-Length: 3") + b"abc" + tail)
    (forwarded,) = verdict.forwarded
    assert forwarded.body == b"abc"
    assert len(stand.engine.plane) == 1


def test_empty_lines_before_the_message_are_nothing() -> None:
    assert str(judge(b"\r\n\r\n\r\n" + invite())) == "forwarded"


# --------------------------------------------------------------------------- 3.1.1.10 and .11: transports, bodies


def test_lower_vias_of_any_transport_do_not_matter() -> None:
    odd = [
        f"Via: SIP/2.0/{name} h{name}.example.com;branch=z9hG4bK1" for name in ("SCTP", "TLS", "UNKNOWN", "TCP", "WS")
    ]
    assert len(passes(invite(*odd)).get_all("via")) == 7


@pytest.mark.parametrize("transport", ["TCP", "TLS", "UNKNOWN", "udp"])
def test_the_top_via_may_name_any_transport(transport: str) -> None:
    """It came by UDP, so that is where the answer goes (RFC 3261 §18.2.2 by the transport of the request)."""
    data = invite().replace(b"SIP/2.0/UDP", f"SIP/2.0/{transport}".encode())
    verdict = judge(data)
    assert verdict.passed_back[0][0].status == 100
    assert verdict.passed_back[0][1].host == SENDER.host


def test_a_body_of_any_bytes_is_kept() -> None:
    body = b"--odd\r\n\r\n" + bytes(range(256)) + b"\r\n\r\nINVITE sip:x SIP/2.0\r\n--odd--"
    forwarded = passes(invite("Content-Type: multipart/mixed;boundary=odd", f"Content-Length: {len(body)}") + body)
    assert forwarded.body == body


# --------------------------------------------------------------------------- 3.1.1.12 and .13: responses


@pytest.mark.parametrize("reason", ["", "= 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e", "O K  ", "\x07", "(,;<>)"])
@pytest.mark.parametrize("status", [183, 200, 486, 699])
def test_a_reason_phrase_is_anything_or_nothing(status: int, reason: str) -> None:
    stand = Stand()
    (forwarded,) = stand.judge(invite()).forwarded
    data = wire.answer(forwarded, status, reason=reason)
    passed = [sent for sent in stand.judge(data, T1).raw if sent.startswith(b"SIP/2.0")]
    line = f"SIP/2.0 {status} {reason}\r\n".encode()
    assert [sent.startswith(line) for sent in passed] == [True]


def test_a_response_that_nobody_waits_for_goes_nowhere() -> None:
    other = parse_message(invite(branch="z9hG4bK-never-sent"))
    assert isinstance(other, Request)
    assert judge(wire.answer(other, 200), Hop("192.0.2.98", 5060)).is_silence

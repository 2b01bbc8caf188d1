"""What is a number, what is a secret, and what stands in its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.masking import mask_number, mask_numbers, mask_secrets, mask_shown, mask_within, trace_of


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("INVITE sip:+15550100@192.0.2.1:5060 SIP/2.0", "INVITE sip:…00@192.0.2.1:5060 SIP/2.0"),
        ("call to 4930123456 failed", "call to …56 failed"),
        ("tel:%2B4930123456;x", "tel:…56;x"),
        ("+1-555-010-0199 is busy", "…99 is busy"),
        ("+49(30)123456", "…56"),
        ("+15550100 500 after", "…00 500 after"),
        ("<sip:12345@pbx>", "<sip:…45@pbx>"),
        ("<sips:0171234567@h>", "<sips:…67@h>"),
        ("SIP:0171234567@h", "SIP:…67@h"),
        ("<sip:0171234567;phone-context=+49@h>", "<sip:…67;phone-context=+49@h>"),
        ("sip:0171-23(45)67@h", "sip:…67@h"),
        ("<sip:192.0.2.100;transport=udp>", "<sip:192.0.2.100;transport=udp>"),
        ("'+15550100'", "'…00'"),
        ("+15550100, +15550101", "…00, …01"),
        ("a-15550100", "a-15550100"),
        ("1763700000.5 s", "1763700000.5 s"),
        ("2026-11-28T15:52:34.123456Z", "2026-11-28T15:52:34.123456Z"),
        (
            "udp:127.0.0.1:5060, 200 OK, line 1234, extension 100",
            "udp:127.0.0.1:5060, 200 OK, line 1234, extension 100",
        ),
        ("z9hG4bK1234567abc 68abbed1396d 0x7f1234567890", "z9hG4bK1234567abc 68abbed1396d 0x7f1234567890"),
        ("outbound +1 from hq", "outbound +1 from hq"),
        ("", ""),
    ],
)
def test_numbers_lose_all_but_two_digits(text: str, masked: str) -> None:
    assert mask_numbers(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        'password: "hunter2"', "password: hunter2", "{'password': 'hunter2'}", "secret=hunter2;", '"token": "hunter2"',
        'Digest username="anna", response="hunter2", uri="sip:x"', "cnonce=hunter2", r'password: \"hunter2\"',
        'password: "hunter2',
    ],
)  # fmt: skip
def test_secrets_are_gone(text: str) -> None:
    assert "hunter2" not in mask_secrets(text)
    assert "***" in mask_secrets(text)


def test_a_call_id_loses_the_numbers_of_its_call() -> None:
    assert mask_within("x15550100y-8675309z@h", "+15550100", "8675309") == "x…00y-…09z@h"
    assert mask_within("1-100@192.0.2.1", "100", "") == "1-100@192.0.2.1"


def test_short_numbers_show_nothing() -> None:
    assert [mask_number(number) for number in ("", "100", "+15550100", "anna-home")] == ["…", "…", "…00", "…me"]


def test_a_trace_has_places_and_nothing_that_was_said() -> None:
    try:
        try:
            int("anna@example.com")
        except ValueError as error:
            raise KeyError("Your code is 481516") from error
    except KeyError as error:
        said = trace_of(error)
    assert "test_masking.py" in said
    assert said.count("came of") == 1
    assert said.endswith("ValueError")
    assert "KeyError" in said
    assert "invalid literal" not in said


# --------------------------------------------------------------------------- who is shown what of calls

DID, CALLER, MOBILE = "+15557000", "+15550001", "+12125550147"
OURS = frozenset((DID,))


def test_who_only_looks_sees_our_numbers_and_nobody_elses() -> None:
    call = {
        "call": f"x-{CALLER}@host;z9hG4bK1;192.0.2.1",
        "did": DID,
        "caller": CALLER,
        "chain": "sales-5557000",
        "attempts": [
            {"path": "anna-5550100 via a", "cause": "NO_REPLY", "why": f"forwarded for {CALLER[1:]} to {MOBILE}"}
        ],
        "decisions": [{"record": {"offer_key": f"x-{CALLER}@host", "seed": 4155550100}}],
        "status": 200,
        "winner": None,
    }
    shown = mask_shown(call, OURS)
    assert (shown["did"], shown["caller"], shown["chain"]) == (DID, "…01", "sales-5557000")
    assert shown["attempts"] == [{"path": "anna-5550100 via a", "cause": "NO_REPLY", "why": "forwarded for …01 to …47"}]
    assert (shown["call"], shown["status"], shown["winner"]) == ("x-…01@host;z9hG4bK1;192.0.2.1", 200, None)
    assert CALLER[1:] not in json.dumps(shown)
    outward = {"did": MOBILE, "caller": DID, "call": f"{MOBILE[1:]}@host"}
    assert mask_shown(outward, OURS) == {"did": "…47", "caller": "…00", "call": "…47@host"}, "who is called from here"
    assert mask_shown(call)["did"] == "…00", "whose it is, is not known"
    assert mask_shown({"data": {"did": DID, "why": f"{CALLER} hung up"}}, OURS)["data"] == {
        "did": DID,
        "why": "…01 hung up",
    }
    assert mask_shown([{"caller": "", "did": "", "why": ""}, 3, None]) == [
        {"caller": "", "did": "", "why": ""},
        3,
        None,
    ]


@given(
    st.recursive(
        st.sampled_from([CALLER, MOBILE, f"from {CALLER[1:]} to {MOBILE}", f"sip:{MOBILE}@h", "plain", 7, None, ""]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["did", "why", "call", "data", "attempts"]), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_no_number_of_anybody_else_is_left_wherever_it_stands(data: Any) -> None:
    said = json.dumps(mask_shown({"caller": CALLER, "did": MOBILE, "more": data}, OURS))
    assert CALLER[1:] not in said
    assert MOBILE[1:] not in said

"""What is a number, what is a secret, and what stands in its place."""

from __future__ import annotations

import pytest

from controller.masking import mask_number, mask_numbers, mask_secrets, mask_within, trace_of


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

"""Who may command, what, and where the answer goes: nobody else, nothing else, nowhere else."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.ops.mqtt.commands import KNOWN, MAX_BYTES, Letter, Office, Order, RefusedError
from controller.ops.mqtt.topics import topics_of
from controller.ops.throttle import WITHIN, WRONG
from controller.types.ops import Mqtt, OpsToken

TOPICS = topics_of(Mqtt("localhost", 1883, name="office"))


def token(name: str, *, operator: bool) -> OpsToken:
    return OpsToken(name, hashlib.sha256(f"token of {name}".encode()).hexdigest(), operator)


TOKENS = [token("anna", operator=True), token("ben", operator=False)]


def read(one: Letter) -> Order:
    """By an office that nobody has asked before."""
    return Office(TOPICS, TOKENS).read(one, 0.0)


def letter(data: Any, command: str = "drain", **more: Any) -> Letter:
    payload = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Letter(f"callward/office/command/{command}", payload, **more)


def test_an_operator_is_known_by_payload_or_property() -> None:
    expected = Order("drain", "anna", {"trunk": "a"}, "7")
    assert read(letter({"trunk": "a", "token": "token of anna", "id": "7"})) == expected
    assert read(letter({"trunk": "a", "id": "7"}, token="token of anna")) == expected
    drill = read(letter({"trunk": "a"}, "drill", token="token of anna"))
    assert (drill.command, drill.more) == ("drill", {"trunk": "a"})


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (letter({"trunk": "a"}), "token"),
        (letter({"trunk": "a", "token": "token of ben"}), "token"),
        (letter({"trunk": "a", "token": ["token of anna"]}), "token"),
        (letter({"trunk": "a", "token": "token of anna"}, retained=True), "retained"),
        (letter({"trunk": 5, "token": "token of anna"}), "'trunk'"),
        (letter({"trunk": "", "token": "token of anna"}), "'trunk'"),
        (letter({"token": "token of anna"}), "'trunk'"),
        (letter({"token": "token of anna"}, "reload"), "unknown command"),
        (letter({"token": "token of anna"}, ""), "unknown command"),
        (letter([1, 2]), "JSON"),
        (letter(b"\xff\xfe"), "JSON"),
        (letter(b"[" * MAX_BYTES), "JSON"),
        (letter(b" " * (MAX_BYTES + 1)), "bytes"),
    ],
)
def test_refused_with_a_reason(one: Letter, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        read(one)


@given(payload=st.binary(max_size=300), command=st.text(max_size=20))
def test_nothing_gets_through_without_a_token(payload: bytes, command: str) -> None:
    with pytest.raises(RefusedError):
        read(letter(payload, command))


@given(
    data=st.dictionaries(
        st.sampled_from(["trunk", "token", "id", "x"]),
        st.one_of(st.text(max_size=30), st.integers(), st.none(), st.lists(st.text(max_size=3), max_size=2)),
    ),
    command=st.sampled_from([*KNOWN, "stop"]),
)
def test_no_json_gets_through_without_a_token(data: dict[str, Any], command: str) -> None:
    with pytest.raises(RefusedError):
        read(letter(data, command))


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("callward/office/answer/watcher", "callward/office/answer/watcher"),
        ("", "callward/office/answer"),
        ("callward/office/trunk/a", "callward/office/answer"),
        ("callward/office/answer", "callward/office/answer"),
        ("callward/office/answer/#", "callward/office/answer"),
        ("homeassistant/sensor/x/config", "callward/office/answer"),
        ("$SYS/broker", "callward/office/answer"),
    ],
)
def test_answers_stay_below_our_own(asked: str, goes: str) -> None:
    assert Office(TOPICS, TOKENS).answer_topic(letter({}, response_topic=asked)) == goes


def test_no_token_is_in_what_may_be_logged() -> None:
    one = letter({"token": "token of anna"}, token="token of anna")
    assert "token of" not in repr(one)


def test_guessing_is_slow_and_floods_nobody_and_who_was_right_before_is_heard() -> None:
    office = Office(TOPICS, [*TOKENS, token("eve", operator=True)])
    right = letter({"trunk": "a", "token": "token of anna"})
    assert office.read(right, 0.0).operator == "anna"
    quiet = []
    for number in range(WRONG + 5):
        with pytest.raises(RefusedError) as caught:
            office.read(letter({"trunk": "a", "token": f"guess {number}"} if number % 2 else b"junk"), 1.0)
        quiet.append(caught.value.quiet)
    assert quiet == [False] * WRONG + [True] * 5
    assert office.read(right, 2.0).operator == "anna"
    with pytest.raises(RefusedError):
        office.read(letter({"trunk": "a", "token": "token of eve"}), 2.0)  # a guess that is right is not told so
    assert office.read(letter({"trunk": "a", "token": "token of eve"}), 2.0 + WITHIN + 0.1).operator == "eve"

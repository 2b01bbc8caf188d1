"""Test calls over trunks that ask for credentials, and for each request of a call if they like."""

from __future__ import annotations

import pytest

from controller.types import Auth
from sip import digest
from sip.digest import Algorithm
from sip.message import Request
from tests.sip import wire
from tests.test_deep import DEGRADED, UP, Answers, Far, Scene, say

AUTH = Auth("u", "hunter2")


def asking(nonces: list[str], *, password: str = "hunter2", ringing: bool = False) -> Far:
    """A far end that wants each nonce once, and a password; what it lets in is as any call."""
    used: set[str] = set()
    calls: dict[str, int] = {}

    def far(request: Request) -> Answers:
        if request.method in ("ACK", "CANCEL"):
            return []
        assert calls.setdefault(request.call_id, 0) < request.cseq[0], "in order (RFC 3261 §12.2.2)"
        calls[request.call_id] = request.cseq[0]
        for found in digest.parse_credentials(request, proxy=True):
            ha1 = digest.hash_a1(found.algorithm, "u", "r", password)
            if found.nonce not in used and digest.verify(found, ha1, request.method, request.body):
                used.add(found.nonce)
                return say(request, 180, 200) if request.method == "INVITE" else say(request, 200)
        line = digest.make_challenge("r", nonces.pop(0), Algorithm.SHA256, proxy=True)
        return [(0.01, wire.answer(request, 407, "far", extra=[line]))]

    return far


def test_a_test_call_is_let_in_and_so_is_its_end() -> None:
    scene = Scene(asking([f"n{number}" for number in range(20)]), auth=AUTH).run(110.0)
    assert [*scene.calls().values()] == [
        ["INVITE", "ACK", "INVITE", "ACK", "BYE", "BYE"],
        ["INVITE", "ACK", "INVITE", "ACK", "BYE", "BYE"],
    ]
    assert [item.new for item in scene.news] == [UP]
    assert len(scene.begins()) == 2


def test_a_wrong_password_is_an_outcome_and_is_said() -> None:
    scene = Scene(asking([f"n{number}" for number in range(40)], password="another"), auth=AUTH)
    scene.observe("PROBE_OK", alive=True)
    scene.run(80.0)
    assert scene.state() is DEGRADED
    assert set(scene.accounts.refused) == {("t0", "credentials refused in the realm 'r'")}
    assert scene.news[-1].why.startswith("2 test calls to 9196 in a row failed: 407")


def test_a_challenge_is_the_outcome_where_there_is_no_account() -> None:
    scene = Scene(asking([f"n{number}" for number in range(40)]))
    scene.observe("PROBE_OK", alive=True)
    scene.run(80.0)
    assert {tuple(methods) for methods in scene.calls().values()} == {("INVITE", "ACK")}
    assert scene.state() is DEGRADED


@pytest.mark.parametrize("status", [401, 407])
def test_nothing_is_answered_once_the_call_took_too_long(status: int) -> None:
    line = digest.make_challenge("r", "n", Algorithm.SHA256, proxy=status == 407)

    def far(request: Request) -> Answers:
        return [(11.0, wire.answer(request, status, extra=[line]))] if request.method == "INVITE" else []

    scene = Scene(far, auth=AUTH).run(80.0)
    assert all(methods.count("INVITE") == 1 for methods in scene.calls().values())
    assert scene.state() is not UP

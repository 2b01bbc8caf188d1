"""The table of calls that are up, as the plane feeds it: who may end a call there, and who may not."""

from __future__ import annotations

import pytest

from controller.planes.sessions import session_of
from sip.message import Request
from tests.planes.bench import T1, Bench, requests
from tests.sip import wire


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90", 90.0),
        ("1800;refresher=uac", 1800.0),
        (" 120 ; x=y", 120.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("9" * 30, 0.0),
        ("0", 0.0),
        ("86401", 0.0),
        ("٩٠", 0.0),
        ("90,80", 0.0),
    ],
)
def test_how_long_a_session_lasts(value: str, seconds: float) -> None:
    (invite,) = requests(Bench().call())
    for name in ("Session-Expires", "x"):
        answer = wire.answered(wire.answer(invite, 200, extra=[f"{name}: {value}"]))
        assert session_of(answer) == seconds


def test_no_header_is_no_session_timer() -> None:
    (invite,) = requests(Bench().call())
    assert session_of(wire.answered(wire.answer(invite, 200))) == 0.0


class Up(Bench):
    """A call is up by t1, and counted."""

    def __init__(self) -> None:
        super().__init__()
        (invite,) = requests(self.call())
        sent = self.answer(invite, 200, extra=["Contact: <sip:callee@192.0.2.21>", "Session-Expires: 90"])
        (answer,) = [message for message, _ in sent if not isinstance(message, Request)]
        self.routes = [f"Route: {value}" for value in answer.get_all("record-route")]

    @property
    def lines(self) -> int:
        return sum(self.switchboard.usage.held.values())

    def within(self, method: str, **options: object) -> list[Request]:
        settings = {"uri": "sip:callee@192.0.2.21", "to_tag": "callee", "extra": self.routes, "cseq": 8} | options
        return requests(self.receive(wire.request(method, branch=f"z9hG4bK-{method}", **settings)), method)  # type: ignore[arg-type]


def test_a_bye_with_our_route_ends_the_call() -> None:
    bench = Up()
    assert (bench.lines, len(bench.switchboard.usage.up)) == (1, 1)
    assert bench.within("BYE")
    assert (bench.lines, len(bench.switchboard.usage.up)) == (0, 0)
    (answered, talked) = [sign.code for sign in bench.plane.evidence.signs][-2:]
    assert (answered, talked) == ("ANSWERED", "TALKED")


def test_a_bye_that_is_forged_ends_nothing() -> None:
    bench = Up()
    assert not bench.within("BYE", extra=[])
    assert not bench.within("BYE", extra=[bench.routes[0].replace("sip:", "sip:x", 1)])
    assert not bench.within("BYE", to_tag="another")
    assert bench.lines == 1


def test_a_refresh_counts_when_it_is_accepted() -> None:
    bench = Up()
    (up,) = bench.switchboard.usage.up.copy().values()
    assert (up.heard, up.session) == (0.0, 122.0)
    bench.now = 60.0
    (refresh,) = bench.within("UPDATE")
    (up,) = bench.switchboard.usage.up.copy().values()
    assert up.heard == 0.0, "not before the other side has agreed"
    bench.now = 61.0
    bench.answer(refresh, 200, T1, extra=["Session-Expires: 120"])
    (up,) = bench.switchboard.usage.up.copy().values()
    assert (up.heard, up.session) == (61.0, 61.0 + 120.0 + 32.0)


def test_a_refused_refresh_changes_nothing() -> None:
    bench = Up()
    bench.now = 60.0
    (refresh,) = bench.within("UPDATE")
    bench.answer(refresh, 491, T1)
    (up,) = bench.switchboard.usage.up.copy().values()
    assert up.heard == 0.0

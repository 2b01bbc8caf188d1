"""Who comes in: limits, numbers that get nothing, blocks that are pumped, operators that reports have named."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controller import clock
from controller.api.admission import Admission
from controller.api.preparing import read_number
from controller.api.problems import Problem
from controller.messages.region import REPORT, Number
from controller.messages.request import Request
from controller.store.base import Facts
from controller.types.cascades import LIMITED
from controller.types.messages import Messaging
from tests.api.harness import running
from tests.messages.playbook import EPOCH, Case

PHONE = "+4915123456789"


def test_a_limit_is_said_with_the_time_to_come_again() -> None:
    async def main() -> None:
        async with running(limits={"ip": (2.0, 60.0)}) as api:
            keys = {"limit_keys": {"ip": "192.0.2.7"}}
            assert [(await api.send(**keys))[0] for _ in range(2)] == [202, 202]
            status, problem, headers = await api.send(**keys)
            assert (status, problem["code"], headers["Retry-After"]) == (429, "limited", "30")
            assert "192.0.2.7" not in str(problem)
            assert (await api.send(limit_keys={"ip": "192.0.2.8"}))[0] == 202

    asyncio.run(main())


@pytest.mark.parametrize(
    ("phone", "why"),
    [("+19005551234", "premium-rate"), ("+18005551234", "toll-free"), ("+447700900001", "no such numbers")],
)
def test_numbers_that_get_nothing_are_said_without_them(phone: str, why: str) -> None:
    async def main() -> None:
        async with running() as api:
            status, problem, _ = await api.send(to={"phone": phone})
            assert status == 422
            assert problem["errors"][0]["pointer"] == "#/to/phone"
            assert why in str(problem)
            assert phone[1:] not in str(problem)

    asyncio.run(main())


def admission(**settings: object) -> Admission:
    return Admission(Messaging({}, {}, **settings))  # type: ignore[arg-type]


def numbered(phone: str = PHONE) -> Number:
    number = read_number(Request("acme", phone=phone))
    assert number is not None
    return number


def play(desk: Admission, name: str, number: Number, at: float, *, verified: bool) -> None:
    """One cascade that is delivered, and whose window is over before the next."""
    case = Case("sms/sms-1").begin().accepted(1).at(3).delivered(1)
    if verified:
        case.at(9).verified()
    cascade = replace(case.cascade, id=name, terms=replace(case.cascade.terms, expires=at + 180.0))
    desk.begun(cascade, number, b"person", at)
    desk.notice(cascade)


def test_a_block_that_is_pumped_raises_the_risk_of_every_request_to_it() -> None:
    desk, number, other = admission(), numbered(), numbered("+12015550123")
    for code in range(60):
        play(desk, f"good-{code}", other, EPOCH + 200.0 * code, verified=code % 5 > 0)
    now = EPOCH + 200.0 * 60
    assert desk.risk(Request("acme", fraud_score=0.1), number, now) == 0.1
    for code in range(20):
        play(desk, f"pumped-{code}", number, now + 200.0 * code, verified=False)
    now += 200.0 * 20
    assert desk.risk(Request("acme", fraud_score=0.1), number, now) >= 0.9
    assert desk.risk(Request("other", fraud_score=0.1), number, now) == 0.1
    assert desk.risk(Request("acme", fraud_score=0.1), other, now) < 0.5
    desk.adopt(Messaging({}, {}))
    assert desk.risk(Request("acme"), number, now) >= 0.9, "a reload forgets no suspicion"


def test_the_operator_that_a_report_names_is_known_for_the_next_message() -> None:
    desk, number, now = admission(), numbered(), clock.epoch()
    case = Case("sms/sms-1").begin()
    desk.begun(case.cascade, number, b"person", now)
    desk.learn("c1", Facts(operator="26201", operator_source="guess"), now)
    assert desk.refine(number, b"person", now) == number, "a guess is nothing new"
    desk.learn("c1", Facts(operator="26203", operator_source=REPORT), now)
    known = desk.refine(number, b"person", now)
    assert (known.operator, known.source, known.region) == ("26203", REPORT, ("DE", "DE/26203"))
    assert desk.refine(number, b"somebody else", now) == number


def test_whoever_is_refused_by_a_limit_hears_of_that_one() -> None:
    desk, number = admission(max_per_prefix=(1.0, 60.0)), numbered()
    desk.admit(Request("acme"), number, 0.0)
    with pytest.raises(Problem, match="block of numbers"):
        desk.admit(Request("other"), number, 0.0)
    desk.admit(Request("other"), None, 0.0)


def test_who_finds_nobody_free_is_told_to_come_again() -> None:
    async def main() -> None:
        async with running(limits={"ip": (1.0, 3600.0)}) as api:
            api.hands.barred = {"sms-1": LIMITED, "sms-2": LIMITED}
            assert (await api.send())[0] == 202  # there is mail
            api.hands.barred["mail"] = LIMITED
            status, problem, headers = await api.send(key="k", limit_keys={"ip": "192.0.2.1"})
            assert (status, problem["code"], headers["Retry-After"]) == (503, "busy", "1")
            assert len(await api.ids()) == 1
            api.hands.barred = {}
            assert (await api.send(key="k", limit_keys={"ip": "192.0.2.1"}))[0] == 202  # it did not count

    asyncio.run(main())

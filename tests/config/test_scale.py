"""Large dialplans: ten times the numbers take ten times the work, counted in function calls and not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

from bench.config import customers
from tests.config.sample import SAMPLE, compiled, found


def with_routes(count: int, line: str) -> str:
    return SAMPLE + "".join(line.format(n=n) for n in range(count))


GOOD = '  - {{did: "+1666{n:07d}", chain: sales}}\n'
BAD = '  - {{did: "1666-{n:07d}", chian: sales}}\n'


def calls_made(step: Callable[[str], object], text: str) -> int:
    """How many functions a step calls for a text, those in C included."""
    count = 0

    def profile(_: FrameType, event: str, __: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        step(text)
    finally:
        sys.setprofile(before)
    return count


def test_ten_thousand_dids_compile() -> None:
    assert len(compiled(with_routes(10_000, GOOD)).routes) == 10_001


def test_ten_thousand_errors_are_all_found() -> None:
    assert len(found(with_routes(10_000, BAD))) == 20_000


def test_ten_times_the_dids_are_ten_times_the_work() -> None:
    few, many = (calls_made(compiled, with_routes(n, GOOD)) for n in (200, 2000))
    assert many < 11 * few


def test_ten_times_the_errors_are_ten_times_the_work() -> None:
    few, many = (calls_made(found, with_routes(n, BAD)) for n in (200, 2000))
    assert many < 11 * few


def waiting(count: int) -> str:
    """Customers whose numbers have limits, and stages that wait for these."""
    text = customers(count).replace(
        "- {ring: [answering]}", "- {ring: [answering], when: {overflow: did}}\n    - {ring: [answering]}"
    )
    return text.replace("chain: of-0}", "chain: of-0, limits: {calls: 5}}")


def test_ten_times_the_customers_are_ten_times_the_work() -> None:
    """Chains, endpoints, conditions and all that is looked for in them."""
    assert found(waiting(100)) == []
    few, many = (calls_made(compiled, waiting(count)) for count in (200, 2000))
    assert many < 11 * few

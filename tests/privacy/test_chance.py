"""Random bytes: as many as asked for, and none twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from controller.privacy.chance import POOL, Chance


def test_nothing_is_given_out_twice_to_whichever_thread() -> None:
    chance = Chance()
    with ThreadPoolExecutor(4) as threads:
        given = list(threads.map(lambda _: chance(12), range(4000)))
    assert {len(each) for each in given} == {12}
    assert len(set(given)) == 4000


def test_more_than_there_is_at_once() -> None:
    chance = Chance()
    chance(1)
    assert len(chance(2 * POOL)) == 2 * POOL
    assert chance(8) != chance(8)

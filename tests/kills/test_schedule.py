from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from tests.kills.drill import TRUNKS
from tests.kills.schedule import AT_ONCE, REST, Kind, plan_kills


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_way_is_left_for_every_call_at_all_times(seed: int) -> None:
    kills = plan_kills(seed, TRUNKS, 100, 1200.0)
    assert len(kills) == 100
    for moment in (kill.begin for kill in kills):  # when most are dead, one has just begun to be
        dead = {kill.trunk for kill in kills if kill.begin <= moment < kill.end + 1}
        assert len(dead) <= AT_ONCE
    for trunk in TRUNKS:
        mine = [kill for kill in kills if kill.trunk == trunk.name]
        assert all(later.begin >= earlier.end + REST for earlier, later in pairwise(mine))


def test_all_kinds_of_death_come_equally_often_and_resets_only_over_tcp() -> None:
    kills = plan_kills(1, TRUNKS, 90, 1200.0)
    assert set(Counter(kill.kind for kill in kills).values()) == {10}
    assert set(Kind) == {kill.kind for kill in kills}
    tcp = {trunk.name for trunk in TRUNKS if trunk.transport == "tcp"}
    assert {kill.trunk for kill in kills if kill.kind is Kind.RST} <= tcp


def test_the_seed_replays_the_deaths() -> None:
    assert plan_kills(7, TRUNKS, 10, 120.0) == plan_kills(7, TRUNKS, 10, 120.0)
    assert plan_kills(7, TRUNKS, 10, 120.0) != plan_kills(8, TRUNKS, 10, 120.0)


def test_more_deaths_than_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        plan_kills(1, TRUNKS, 100, 60.0)

"""Pumping: blocks of numbers that only cost are found, and nothing else is taken for one."""

from __future__ import annotations

import random

import pytest

from controller.messages.pumping import BLOCKS, HALF_LIFE, Pumping

WINDOW = 180.0


class Traffic:
    """Cascades one after the other, each over when the next comes."""

    def __init__(self) -> None:
        self.pumping = Pumping()
        self.now = 1.7e9
        self.count = 0

    def send(self, block: str, *, verified: bool, delivered: bool = True, tenant: str = "acme") -> float:
        self.count += 1
        name = f"c{self.count}"
        self.pumping.begun(name, tenant, block, self.now + WINDOW, self.now)
        if delivered:
            self.pumping.delivered(name)
        if verified:
            self.pumping.verified(name)
        self.now += WINDOW
        return self.pumping.suspicion(tenant, block, self.now)

    def usual(self, share: float = 0.8, codes: int = 200) -> Traffic:
        dice = random.Random(7)
        for code in range(codes):
            self.send(f"DE-{code % 40}", verified=dice.random() < share)
        return self


def test_a_block_whose_codes_nobody_types_in_is_narrowed_and_then_refused() -> None:
    traffic = Traffic().usual()
    levels = [traffic.send("XX-1", verified=False) for _ in range(40)]
    narrowed = next(code for code, level in enumerate(levels, 1) if level >= 0.5)
    refused = next(code for code, level in enumerate(levels, 1) if level >= 0.9)
    assert narrowed <= 6
    assert refused <= 15
    assert traffic.pumping.suspects(traffic.now)[0][:2] == ("acme", "XX-1")


def test_other_blocks_and_other_tenants_stay_clean() -> None:
    traffic = Traffic().usual()
    for _ in range(40):
        traffic.send("XX-1", verified=False)
    assert traffic.pumping.suspicion("acme", "DE-1", traffic.now) < 0.5
    assert traffic.pumping.suspicion("other", "XX-1", traffic.now) == 0.0


def test_a_provider_that_delivers_nothing_makes_no_suspicion() -> None:
    traffic = Traffic().usual()
    assert max(traffic.send("DE-1", verified=False, delivered=False) for _ in range(100)) < 0.5


def test_a_tenant_that_never_tells_is_never_judged() -> None:
    traffic = Traffic()
    assert max(traffic.send("XX-1", verified=False) for _ in range(300)) == 0.0


def test_pumping_does_not_become_usual() -> None:
    traffic = Traffic().usual()
    for _ in range(2000):
        traffic.send("XX-1", verified=False)
    assert max(traffic.send("XX-2", verified=False) for _ in range(20)) >= 0.9


def test_suspicion_fades_and_codes_that_are_typed_in_end_it() -> None:
    traffic = Traffic().usual()
    while traffic.send("XX-1", verified=False) < 0.9:
        pass
    high = traffic.pumping.suspicion("acme", "XX-1", traffic.now)
    assert traffic.pumping.suspicion("acme", "XX-1", traffic.now + HALF_LIFE) < 0.62 < high
    levels = [traffic.send("XX-1", verified=True) for _ in range(10)]
    assert levels[-1] == 0.0


@pytest.mark.parametrize("seed", range(5))
def test_usual_traffic_is_seldom_suspected_and_never_refused(seed: int) -> None:
    dice = random.Random(seed)
    traffic = Traffic().usual()
    levels = [traffic.send(f"DE-{dice.randrange(40)}", verified=dice.random() < 0.8) for _ in range(4000)]
    assert sum(level >= 0.5 for level in levels) < 0.005 * len(levels)
    assert max(levels) < 0.9


def test_the_memory_is_bounded() -> None:
    traffic = Traffic().usual()
    for block in range(BLOCKS + 500):
        traffic.send(f"XX-{block}", verified=False)
    assert len(traffic.pumping._blocks) <= BLOCKS
    assert len(traffic.pumping._pending) <= 1

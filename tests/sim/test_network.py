from __future__ import annotations

import random
from math import inf

import pytest

from controller.scenario.network import Fate, Link, Network, Packet, Port
from sip.transaction import Hop

A, B = Hop("192.0.2.1", 5060), Hop("192.0.2.2", 5060)


class Post:
    """A core that sends what it is told and keeps what it gets."""

    def __init__(self) -> None:
        self.outbox: list[tuple[bytes, Hop]] = []
        self.got: list[tuple[float, bytes]] = []
        self.refused: list[tuple[float, bytes, Hop]] = []
        self.woken: list[float] = []
        self.wake = inf

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        self.got.append((now, data))

    def unreachable(self, quoted: bytes, hop: Hop, now: float) -> None:
        self.refused.append((now, quoted, hop))

    def next_deadline(self) -> float:
        return self.wake

    def handle_timer(self, now: float) -> None:
        self.woken.append(now)
        self.wake = inf


def pair(link: Link, seed: int = 1) -> tuple[Network, Post, Post]:
    network = Network(random.Random(seed), link)
    a, b = Post(), Post()
    network.join(a, A)
    network.join(b, B)
    return network, a, b


def send(network: Network, post: Post, count: int = 1, data: bytes = b"x") -> None:
    post.outbox += [(data + str(i).encode(), B) for i in range(count)]
    network.settle(A)


def test_a_packet_takes_its_time() -> None:
    network, a, b = pair(Link(delay=0.03))
    send(network, a)
    network.run_until(0.029)
    assert not b.got
    network.run_until(1.0)
    assert b.got == [(0.03, b"x0")]
    assert network.now == 1.0


def test_jitter_lets_packets_overtake_each_other() -> None:
    network, a, b = pair(Link(delay=0.01, jitter=0.05))
    send(network, a, 50)
    network.run_until(1.0)
    assert len(b.got) == 50
    assert [data for _, data in b.got] != [f"x{i}".encode() for i in range(50)]
    assert all(0.01 <= when <= 0.06 for when, _ in b.got)


def test_without_jitter_the_order_stays() -> None:
    network, a, b = pair(Link())
    send(network, a, 50)
    network.run_until(1.0)
    assert [data for _, data in b.got] == [f"x{i}".encode() for i in range(50)]


def test_loss_and_duplicates_follow_their_chances() -> None:
    network, a, b = pair(Link(loss=0.2, duplicate=0.1))
    send(network, a, 5000)
    network.run_until(1.0)
    assert 0.85 < len(b.got) / 5000 / (0.8 * 1.1) < 1.15
    assert len({data for _, data in b.got}) < len(b.got)


def test_a_late_packet_is_held_back() -> None:
    network, a, b = pair(Link(delay=0.01, reorder=0.5, held=0.2))
    send(network, a, 100)
    network.run_until(1.0)
    assert {round(when, 3) for when, _ in b.got} == {0.01, 0.21}


def test_a_closed_port_sends_the_start_of_the_packet_back() -> None:
    network, a, b = pair(Link(delay=0.02))
    network.ports[B] = Port.CLOSED
    send(network, a, 1, b"y" * 900)
    network.run_until(1.0)
    assert not b.got
    assert a.refused == [(0.04, b"y" * 520, B)]


@pytest.mark.parametrize("port", [Port.GONE, Port.DEAF])
def test_a_black_hole_says_nothing(port: Port) -> None:
    network, a, b = pair(Link())
    seen: list[Packet] = []
    network.on_packet = seen.append
    network.ports[B] = port
    send(network, a)
    network.run_until(1.0)
    assert (b.got, a.refused, seen[0].fate) == ([], [], Fate.SWALLOWED)


@pytest.mark.parametrize(("port", "arrives"), [(Port.GONE, False), (Port.DEAF, True), (Port.CLOSED, True)])
def test_a_line_that_is_cut_is_cut_both_ways(port: Port, arrives: bool) -> None:
    network, a, b = pair(Link())
    network.ports[B] = port
    b.outbox.append((b"z", A))
    network.settle(B)
    network.run_until(1.0)
    assert bool(a.got) is arrives


def test_nobody_at_an_address_is_a_black_hole() -> None:
    network, a, _ = pair(Link())
    a.outbox.append((b"x", Hop("192.0.2.99", 5060)))
    network.settle(A)
    network.run_until(1.0)
    assert not a.refused


def test_each_direction_may_have_its_own_link() -> None:
    network, a, b = pair(Link(delay=0.01))
    network.links[A, B] = Link(loss=1.0)
    send(network, a)
    b.outbox.append((b"z", A))
    network.settle(B)
    network.run_until(1.0)
    assert (b.got, a.got) == ([], [(0.01, b"z")])


def test_a_core_is_woken_once_at_its_deadline() -> None:
    network, a, _ = pair(Link())
    a.wake = 5.0
    network.settle(A)
    a.wake = 3.0
    network.settle(A)
    network.run_until(10.0)
    assert a.woken == [3.0]


def test_the_same_dice_give_the_same_day() -> None:
    def day(seed: int) -> str:
        network, a, _ = pair(Link(jitter=0.1, loss=0.1, duplicate=0.1, reorder=0.1), seed)
        for moment in range(10):
            network.at(float(moment), send, network, a, 20)
        network.run_until(20.0)
        return network.digest()

    assert day(1) == day(1)
    assert day(1) != day(2)

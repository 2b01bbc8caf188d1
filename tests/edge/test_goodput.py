"""What overload control is worth: a model of the pump in virtual time, with more calls than it can carry.

One queue of bounded length, served in turns; a call costs its time, a refusal a tenth, a repetition less. Callers repeat
their INVITE as RFC 3261 §17.1.1.2 says and hang up when nothing has come for a while. A call is good if it is served
while its caller still waits.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

import pytest

from controller.edge.fairness import Fairness
from controller.edge.pressure import Pressure

CALL, REFUSAL, COPY = 0.002, 0.0002, 0.00005  # seconds of work
BUFFER, TURN = 4_000, 32  # messages
PATIENCE = 4.0  # seconds until a caller hangs up
REPEATS = (0.5, 1.5, 3.5)  # seconds after the first INVITE
CAPACITY = 1 / CALL  # calls a second


def goodput(rate: float, seconds: float, *, control: bool, patience: float = PATIENCE) -> float:
    """Good calls a second, as a share of what could be carried, over the second half."""
    pressure, fairness = Pressure(), Fairness()
    arrivals = [(number / rate, number) for number in range(int(rate * seconds))]
    queue: deque[int] = deque()
    began: dict[int, float] = {}
    answered: set[int] = set()
    refused: set[int] = set()
    now, good = 0.0, 0
    while now < seconds:
        while arrivals and arrivals[0][0] <= now:
            when, number = heappop(arrivals)
            if number not in began:
                began[number] = when
                for repeat in REPEATS:
                    heappush(arrivals, (when + repeat, number))
            elif number in answered or number in refused:
                continue  # it has heard something, and repeats no more
            if len(queue) < BUFFER:
                queue.append(number)
        for _ in range(min(TURN, len(queue))):
            number = queue.popleft()
            if number in answered:
                now += COPY
            elif number in refused or (control and pressure.shed and fairness.turns_away("", pressure.shed, now)):
                refused.add(number)
                now += REFUSAL
            else:
                answered.add(number)
                now += CALL
                good += now > seconds / 2 and now - began[number] <= patience
        pressure.see_queue(len(queue) / BUFFER, now)
        if not queue:
            now = max(now, arrivals[0][0] if arrivals else seconds)
    return good / (seconds / 2) / CAPACITY


@pytest.mark.parametrize("times", [0.5, 0.9])
def test_what_can_be_carried_is_carried(times: float) -> None:
    for control in (True, False):
        assert goodput(times * CAPACITY, 20.0, control=control) == pytest.approx(times, abs=0.02)


@pytest.mark.parametrize(("times", "least"), [(1.2, 0.85), (1.5, 0.75), (2.0, 0.7), (3.0, 0.6), (5.0, 0.2)])
def test_most_of_what_can_be_carried_is_carried_though_more_comes(times: float, least: float) -> None:
    """At five times the refusals alone take half of the time, and the share stands at its upper end."""
    assert goodput(times * CAPACITY, 30.0, control=True) >= least


def test_without_it_nobody_who_is_served_still_waits() -> None:
    """Why it is there: where the queue is longer than callers wait, all the work is for those who have gone."""
    assert goodput(2.0 * CAPACITY, 30.0, control=False) < 0.1


def test_it_lets_go_when_it_is_over() -> None:
    pressure, now = Pressure(), 0.0
    while now < 3.0:
        now += 0.02
        pressure.see_queue(0.6, now)
    assert pressure.shed > 0.9
    calm = now
    while pressure.shed:
        now += 0.02
        pressure.see_queue(0.0, now)
    assert now - calm < 3.0

"""Providers that do everything wrong, all at once: what an adapter says is what the provider's own book says."""

import asyncio

import pytest

from controller.channels.base import Accepted, Refused, Submission, Unclear
from controller.channels.http.template import values_of_key
from controller.simulate.base import Fates, Faults
from controller.types.words import Milestone
from tests.channels.hooks import Pair, message, pair
from tests.channels.providers import ALL

FAULTS = Faults(
    refuse=0.1,
    throttle=0.1,
    fail=0.1,
    drop=0.01,
    cut=0.1,
    undelivered=0.2,
    silent=0.1,
    lie=0.1,
    duplicate=0.2,
    reorder=0.2,
    forge=0.2,
    early=0.2,
    read=0.3,
    report_delay=(0.0, 0.02),
    delay=(0.0, 0.02),
)
#: One channel of each preset: a provider of the house is called as its preset.
EACH = list({preset: (preset, channel) for preset, channel in ALL}.values())
AT_ONCE = 24


async def send_all(both: Pair, count: int) -> dict[tuple[str, str], Submission]:
    answers: dict[tuple[str, str], Submission] = {}
    gate = asyncio.Semaphore(AT_ONCE)

    async def send(preset: str, key: str) -> None:
        async with gate:
            channel = dict(EACH)[preset]
            answers[preset, key] = await both.adapter(preset).submit(message(channel, key))

    await asyncio.gather(*(send(EACH[n % len(EACH)][0], f"c{n}:0:1") for n in range(count)))
    await both.simulator.settled()
    return answers


def audit(both: Pair, answers: dict[tuple[str, str], Submission]) -> None:
    """The adapter's words against the provider's journal."""
    assert both.simulator.malformed == []
    journal = both.simulator.journal
    taken = {got.provider: set[str]() for got in journal.entries}
    refs = {}
    for got in journal.taken():
        taken[got.provider].add(got.send_key)
        refs[got.provider, got.send_key] = got.ref
    for (preset, key), answer in answers.items():
        known = message_key(both, preset, key)
        match answer:
            case Accepted():
                assert known in taken[preset]
                assert answer.ref in {refs[preset, known], known}
            case Refused():
                assert known not in taken[preset]
            case Unclear():
                assert known in taken[preset]  # here only lost answers are unclear
    forged = [hook for hook in both.simulator.hooks if hook.forged]
    assert forged
    assert {hook.status for hook in forged} == {403}
    assert {hook.status for hook in both.simulator.hooks if not hook.forged} == {200}
    assert len(both.house.forged) == len(forged)
    whose = {ref: key for (_, key), ref in refs.items()} | {key: key for _, key in refs}
    assert all(report.ref in whose for report in both.house.reports())
    _audit_reports(both, whose)


def _audit_reports(both: Pair, whose: dict[str, str]) -> None:
    """The furthest report of each message is what its provider said of it, lies included."""
    said: dict[str, set[bool]] = {}
    for report in both.house.reports():
        good = report.milestone is not None and report.milestone >= Milestone.ANSWERED
        if good or report.milestone is None:
            said.setdefault(whose[report.ref], set()).add(good)
    for got in both.simulator.journal.taken():
        words = {report.word for report in got.fate.reports if not report.forged}
        if words:
            assert said[got.send_key] == {"failed" not in words}


def message_key(both: Pair, preset: str, key: str) -> str:
    """What a provider knows our key as: Google's is a UUID made from it."""
    return str(values_of_key(key)["uuid"]) if preset == "rbm" else key


def play(count: int, seed: int) -> None:
    async def run() -> None:
        async with pair(*EACH, fates=Fates(FAULTS, seed), http={"timeout": "2s"}) as both:
            answers = await send_all(both, count)
            assert len(answers) == count
            assert {type(answer) for answer in answers.values()} == {Accepted, Refused, Unclear}
            audit(both, answers)

    asyncio.run(run())


def test_what_is_said_of_messages_is_what_became_of_them() -> None:
    play(360, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 6))
def test_the_same_for_thousands(seed: int) -> None:
    play(4000, seed)

"""Row M7 end to end: what becomes of messages decides who carries the next, market by market, in a real daemon."""

from __future__ import annotations

from pathlib import Path

from controller.simulate.base import Fate, FatedReport, Fates, Word
from tests.broker.stage import Client, Stage, provider, run
from tests.broker.test_policy_daemon import AMERICAN, GERMAN, SMS, Asked

#: Taken, and reported as failed: the network's fault.
LOST = Fate(reports=(FatedReport(0.0, Word.SENT), FatedReport(0.0, Word.FAILED)), delivered=False, code="expired")


def test_m7_a_provider_that_fails_in_one_country_is_left_there_and_nowhere_else(tmp_path: Path, free_port: int) -> None:
    """'cheap' delivers nothing in the US, where 'dear' takes over after nine failures at most; Germany stays with it."""

    def prepare(here: Stage) -> None:
        for name, cost in (("cheap", 0.01), ("dear", 0.02)):
            here.plan["providers"][name] = provider(SMS, here.http.url, name, cost=cost)
        here.plan["cascades"] = {"otp": [{"send": SMS, "order": "best", "wait": "10s"}]}
        here.plan["policies"] = [{"name": "base", "cascade": "otp"}]

    async def act(here: Stage, asker: Client) -> None:
        asked = Asked(asker)
        for turn in range(12):
            here.http.fate_of("cheap", Fates(script=[LOST]))
            await asked.send(f"us {turn}", AMERICAN)
            assert (await asked.ways())[f"us {turn}"][-1] == "dear"  # whoever is first, it arrives
            here.http.fate_of("cheap", Fates())
            await asked.send(f"de {turn}", GERMAN)
            await asked.ways()
        ways = await asked.ways()
        assert ways["us 0"] == ["cheap", "dear"]
        assert ways["us 11"] == ["dear"]
        assert sum(ways[f"us {turn}"][0] == "cheap" for turn in range(12)) <= 9
        assert all(ways[f"de {turn}"] == ["cheap"] for turn in range(12))
        (choice,) = (await asked.planned("us 11"))["choices"]
        assert choice["order"][0] == "dear"

    here = run(tmp_path, free_port, dict.fromkeys(("cheap", "dear"), SMS), act, prepare)
    told = [line for line in here.lines if line["event"] == "quality"]
    assert {(line["provider"], line["region"].split()[0]) for line in told} == {("cheap", "US")}, told

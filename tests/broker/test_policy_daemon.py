"""Rows M3, M4, M8, M9 and M15 end to end: the dialplan's word against what providers got from a real daemon."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.messages.planning import replay
from controller.simulate.base import Fates, Faults
from tests.broker.stage import Client, Stage, provider, run

GERMAN, AMERICAN, FRENCH = "+4915112345678", "+14155550123", "+33612345678"
SMS, VIBER = "sms", "viber"
#: What a provider gets as text here also says which number of ours it came from.
WITH_SENDER = {
    "json": {"id": "{key}", "channel": "{channel}", "to": "{to}", "from?": "{from}", "text": "{from|none} says {text}"}
}


@dataclass
class Asked:
    """Requests by a name of the test's, and how they ended."""

    asker: Client
    ids: dict[str, str] = field(default_factory=dict)

    async def send(self, name: str, phone: str, **body: Any) -> None:
        self.ids[name] = await self.asker.send(
            name.replace(" ", "-"), to={"phone": phone}, cascade=None, params={"code": name}, **body
        )

    async def ways(self) -> dict[str, list[str]]:
        """Whom each of them was sent by, in order, once all are over."""
        over = await self.asker.over(self.ids.values())
        return {name: [each["provider"] for each in over[one]["attempts"]] for name, one in self.ids.items()}

    async def reason(self, name: str) -> str:
        """Why one ended so."""
        return str((await self.asker.over([self.ids[name]]))[self.ids[name]]["reason"])

    async def planned(self, name: str) -> dict[str, Any]:
        """What the planner wrote down for one."""
        status, explained = await self.asker.ask("GET", f"/v1/cascades/{self.ids[name]}/explain")
        assert status == 200
        row = next(row for row in explained["history"] if row["event"] == "planned")
        decision: dict[str, Any] = row["decision"]
        assert explained["skipped"] == [
            {"what": name or "all of it", "why": why, "step": step} for step, name, _, why in decision["excluded"]
        ]
        return decision


def test_m3_policy_of_tenant_and_country_beats_that_of_the_tenant_and_of_the_country(
    tmp_path: Path, free_port: int
) -> None:
    """One request each; none names a cascade or a provider. Who got it is what the narrowest policy says."""

    def prepare(here: Stage) -> None:
        here.plan["cascades"] = {"any": [{"send": SMS}], "chat": [{"send": VIBER}, {"send": SMS}]}
        here.plan["policies"] = [
            {"name": "base", "cascade": "any", "only": ["base-1", "base-2"]},
            {"name": "germany", "country": "DE", "only": ["de-1", "de-2"]},
            {"name": "acme", "tenant": "acme", "only": ["acme-1", "acme-2"]},
            {"name": "acme-us", "tenant": "acme", "country": "US", "only": ["us-1", "us-2"]},
            {"name": "acme-us-premium", "tenant": "acme", "country": "US", "class": "premium", "only": ["us-2", "us-1"],
             "cascade": "best"},
            {"name": "acme-chat", "tenant": "acme", "country": "US", "use_case": "chat", "cascade": "chat",
             "only": ["viber", "us-1"]},
        ]  # fmt: skip
        here.plan["cascades"]["best"] = [{"send": SMS, "via": ["us-2", "us-1"]}]

    async def act(_: Stage, asker: Client) -> None:
        asked = Asked(asker)
        await asked.send("tenant and country", AMERICAN)
        await asked.send("tenant", GERMAN)
        await asked.send("class", AMERICAN, **{"class": "premium"})
        await asked.send("use case", AMERICAN, use_case="chat", max_attempts=1)
        assert await asked.ways() == {
            "tenant and country": ["us-1"],
            "tenant": ["acme-1"],  # a tenant's own word comes before that about a country
            "class": ["us-2"],
            "use case": ["viber"],
        }
        decision = await asked.planned("tenant and country")
        assert decision["policies"] == ["acme-us", "acme", "base"]
        assert decision["by"]["only"] == "acme-us"
        asked_before = {"to": {"phone": AMERICAN}, "text": "x", "use_case": "chat"}
        status, foreseen = await asker.ask("POST", "/v1/cascades/explain", asked_before)
        assert status == 200
        assert [[way["provider"] for way in step["providers"]] for step in foreseen["steps"]] == [["viber"], ["us-1"]]
        assert foreseen["decided_by"]["cascade"] == "acme-chat"
        own = {"channel": SMS, "routes": ["us-2"], "timeout_s": 5}  # the request is the narrowest of all
        await asked.send("request", AMERICAN, steps=[own])
        assert (await asked.ways())["request"] == ["us-2"]

    accounts = {name: SMS for layer in ("base", "de", "acme", "us") for name in (f"{layer}-1", f"{layer}-2")}
    here = run(tmp_path, free_port, {**accounts, "viber": VIBER}, act, prepare)
    assert len(here.journal.entries) == 5


def test_m8_nothing_is_sent_where_we_have_no_number_of_the_kind_that_is_wanted(tmp_path: Path, free_port: int) -> None:
    """Each provider has senders of its own; a rule for Germany wants mobile numbers. The sender is what the provider got."""

    def prepare(here: Stage) -> None:
        here.plan["cascades"] = {"otp": [{"send": SMS}]}
        here.plan["policies"] = [{"name": "germany", "country": "DE", "sender": ["mobile"]}]
        senders: dict[str, list[dict[str, Any]]] = {
            "name": [{"id": "Callward", "countries": ["DE", "FR"]}],
            "mobile": [{"id": "+4915112345670", "kind": "mobile", "countries": ["DE"]}],
            "spare": [{"id": "+4915112345671", "kind": "mobile", "countries": ["DE"]}],
            "short": [{"id": "12345", "countries": ["US"]}],
        }
        for name, each in senders.items():
            here.plan["providers"][name] = provider(SMS, here.http.url, name, senders=each, http=WITH_SENDER)

    async def act(_: Stage, asker: Client) -> None:
        asked = Asked(asker)
        for name, phone in (("german", GERMAN), ("french", FRENCH), ("american", AMERICAN)):
            await asked.send(name, phone)
        assert await asked.ways() == {"german": ["mobile"], "french": ["name"], "american": ["short"]}
        excluded = {row[1]: row[3] for row in (await asked.planned("german"))["excluded"]}
        assert excluded["name"] == "it has no sender for DE of the kinds that policy 'germany' wants"
        assert excluded["short"] == "it has no sender for DE of the kinds that policy 'germany' wants"

    here = run(tmp_path, free_port, dict.fromkeys(("name", "mobile", "spare", "short"), SMS), act, prepare)
    sent = {got.provider: got.text.partition(" says ")[0] for got in here.journal.entries}
    assert sent == {"mobile": "+4915112345670", "name": "Callward", "short": "12345"}


def test_m9_m15_costs_classes_and_upstreams_decide(tmp_path: Path, free_port: int) -> None:
    """What costs too much is not used, and ends a cascade whose money is spent; premium requests go to premium providers,
    and so does what may be fraud; after a failure comes a provider of another upstream, whatever the order. Each
    decision replays to its order (M4)."""

    def prepare(here: Stage) -> None:
        costs = {"cheap": 0.01, "dear": 0.3, "cousin": 0.02, "stranger": 0.02, "gold": 0.05}
        upstreams = {"cheap": "agg-1", "cousin": "agg-1", "stranger": "agg-2", "dear": "agg-3", "gold": "agg-4"}
        for name, cost in costs.items():
            more: dict[str, Any] = {"cost": cost, "upstream": upstreams[name]}
            here.plan["providers"][name] = provider(SMS, here.http.url, name, **more)
        here.plan["providers"]["gold"]["class"] = "premium"
        here.plan["policies"] = [{"name": "base", "cascade": "otp", "max_cost": 0.2}]
        here.plan["cascades"] = {
            "otp": [{"send": SMS, "via": ["dear", "cheap", "cousin", "stranger", "gold"]}],
            "best": [{"send": SMS, "order": "best"}],
        }
        here.plan["policies"].append({"name": "best", "use_case": "best", "cascade": "best"})
        here.http.fate_of("cheap", Fates(Faults(cut=1.0, lost=1.0)))
        here.plan["cascades"]["otp"][0]["wait"] = "600ms"

    async def act(_: Stage, asker: Client) -> None:
        asked = Asked(asker)
        await asked.send("upstream", GERMAN)
        await asked.send("spent", GERMAN, max_cost=0.025)
        await asked.send("premium", GERMAN, **{"class": "premium"})
        await asked.send("fraud", GERMAN, fraud_score=0.6)
        await asked.send("best", GERMAN, use_case="best")
        ways = await asked.ways()
        assert ways["upstream"] == ["cheap", "stranger"]  # 'cousin' is the next, and fails together with 'cheap'
        assert ways["spent"] == ["cheap"]
        assert await asked.reason("spent") == "MAX_COST"
        assert ways["premium"] == ["gold"]
        assert ways["fraud"] == ["gold"]
        assert "dear" not in {name for way in ways.values() for name in way}
        excluded = (await asked.planned("upstream"))["excluded"]
        assert [1, "dear", "MAX_COST", "it costs 0.3, and the limit is 0.2"] in excluded
        for name in asked.ids:
            decision = await asked.planned(name)
            assert [list(order) for order in replay(decision)] == [each["order"] for each in decision["choices"]]
        assert (await asked.planned("best"))["choices"][0]["record"]

    run(tmp_path, free_port, dict.fromkeys(("dear", "cheap", "cousin", "stranger", "gold"), SMS), act, prepare)

"""Cascades for whoever operates the machine: the latest of all tenants, and one of them, out of the real store."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from controller import clock
from controller.broker.looking import Looking, find_tenants
from controller.config import load
from controller.messages.ids import make_id
from controller.store.base import StoreError
from controller.top.seen import Seen
from controller.top.words import ended
from controller.types import Dialplan, Route
from controller.types.messages import ApiToken, Messaging, Missed
from tests.broker.world import PHONE, Carrier, Life, World, three_steps

DIALPLANS = Path(__file__).parents[2] / "dialplans"


def plan_of(*tenants: str, missed: str = "") -> Dialplan:
    messaging = Messaging({}, {}, tokens=tuple(ApiToken(name, "0" * 64, name) for name in tenants))
    told = Missed("otp", ("CALLER",), "otp", tenant=missed) if missed else None
    return Dialplan(
        version="v",
        listen=(),
        trunks={},
        chains={},
        routes={"+1": Route("+1", "sales", missed=told)},
        messaging=messaging,
    )


def test_the_latest_of_all_tenants_and_one_with_all_that_became_of_it(tmp_path: Path) -> None:
    here = World(tmp_path, {name: Carrier(name) for name in ("one", "two", "three")}, three_steps())
    here.carriers["one"].reports = False  # the first step times out

    async def main() -> None:
        life = Life(here)
        async with life:
            names = [make_id(clock.epoch() + number, bytes(10)) for number in range(3)]
            for name in names:
                await life.accept(name)
            looking = Looking(life.store, lambda: plan_of("acme", "other"))
            answer = await looking.cascades({})
            assert {row["id"] for row in answer["cascades"]} == set(names)
            assert {row["status"] for row in answer["cascades"]} == {"active"}
            assert ended(_seen(answer).data).who == "under way"
            await life.over(names)
            answer = await looking.cascades({"limit": 2})
            assert len(answer["cascades"]) == 2
            first = answer["cascades"][0]
            assert (first["tenant"], first["status"], len(first["attempts"])) == ("acme", "completed", 2)
            assert ended(_seen(answer).data).text == "two after one"
            found = (await looking.cascade({"id": names[0]}))["explanation"]
            assert [row["event"] for row in found["history"]][-1] == "completed"
            assert PHONE not in json.dumps([answer, found])
            for unknown in ("nonsense", make_id(1.0, bytes(10))):
                assert not (await looking.cascade({"id": unknown}))["ok"]
            assert (await Looking(life.store, lambda: plan_of("other")).cascades({}))["cascades"] == []

    asyncio.run(main())


def _seen(answer: dict[str, Any]) -> Any:
    """As `callward top` has the newest of them."""
    seen = Seen()
    seen.take_cascades(answer["cascades"])
    return seen.cascades()[0]


def test_a_store_that_is_lost_is_said(tmp_path: Path) -> None:
    class Lost:
        async def find(self, *_: object, **__: object) -> None:
            raise StoreError("no route to host")

        get = find

    store: Any = Lost()
    looking = Looking(store, lambda: plan_of("acme"))
    for answer in (asyncio.run(looking.cascades({})), asyncio.run(looking.cascade({"id": make_id(1.0, bytes(10))}))):
        assert answer == {"ok": False, "text": "the store does not answer: no route to host"}


@pytest.mark.parametrize(
    ("dialplan", "tenants"),
    [(plan_of("b", "a"), ["a", "b"]), (plan_of("a", missed="calls"), ["a", "calls"])],
)
def test_tenants_are_all_that_may_ask_or_in_whose_name_missed_calls_do(dialplan: Dialplan, tenants: list[str]) -> None:
    assert find_tenants(dialplan) == tenants


def test_tenants_of_a_dialplan_that_ships() -> None:
    dialplan = load(DIALPLANS / "messages-simulated.yaml").dialplan
    assert dialplan is not None
    assert "acme" in find_tenants(dialplan)

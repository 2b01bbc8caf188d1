"""Outbound routes and orders, as they are compiled."""

from __future__ import annotations

import pytest

from controller.config.address import parse_outbound_prefix
from controller.config.diagnostics import Mistake
from controller.types import DIALLED, Dialplan, Mode, Order, When
from tests.config.sample import SAMPLE, bend, codes, compiled

SITE = ("probes:\n", "sites:\n  hq: {pbx: [hq-pbx]}\nprobes:\n")
OUT = '  - {outbound: {prefix: "+1"}, via: [carrier-b, carrier-a]}\n'


def with_routes(*routes: str) -> Dialplan:
    return compiled(bend(SITE) + "".join(f"  - {{{route}}}\n" for route in routes))


def test_an_outbound_route_is_a_chain_of_one_stage_with_the_dialled_number_as_its_target() -> None:
    dialplan = compiled(bend(SITE) + OUT)
    route = dialplan.outbound["+1"]["hq-pbx"]
    assert (route.did, route.chain, route.where) == ("+1", "outbound +1", "acme.yaml:30")
    (stage,) = dialplan.chains[route.chain].stages
    assert (stage.mode, stage.ring, stage.no_reply, stage.where) == (Mode.SEQUENTIAL, 120.0, 2.0, "acme.yaml:30")
    (target,) = stage.targets
    assert target.dialled
    assert [(path.trunk, path.address) for path in target.paths] == [
        ("carrier-b", f"sip:{DIALLED}@sbc.carrier-b.example"),
        ("carrier-a", f"sip:{DIALLED}@192.0.2.10:5071"),
    ]


def test_every_pbx_of_every_site_may_use_it_unless_it_says_who_may() -> None:
    pbxs = '  pbx-2: {uri: "sip:192.0.2.31"}\n  pbx-3: {uri: "sip:192.0.2.32"}\n'
    sites = "sites:\n  hq: {pbx: [hq-pbx, pbx-2]}\n  branch: {pbx: [pbx-3]}\n"
    text = bend(("probes:\n", pbxs + sites + "probes:\n")) + OUT
    text += '  - {outbound: {prefix: "+44"}, from: [pbx-3], via: [carrier-a, carrier-b]}\n'
    allowed = {prefix: list(routes) for prefix, routes in compiled(text).outbound.items()}
    assert allowed == {"+1": ["hq-pbx", "pbx-2", "pbx-3"], "+44": ["pbx-3"]}


def test_two_pbxs_may_have_routes_of_their_own_for_one_prefix() -> None:
    text = bend(("probes:\n", '  pbx-2: {uri: "sip:192.0.2.31"}\nprobes:\n'))
    for pbx, carriers in (("hq-pbx", "carrier-a, carrier-b"), ("pbx-2", "carrier-b, carrier-a")):
        text += f'  - {{outbound: {{prefix: "+1"}}, from: [{pbx}], via: [{carriers}]}}\n'
    text += '  - {outbound: {prefix: "911"}, from: [hq-pbx, pbx-2], via: [carrier-a, carrier-b]}\n'
    assert codes(text) == []
    outbound = compiled(text).outbound["+1"]
    assert [route.chain for route in outbound.values()] == ["outbound +1 from hq-pbx", "outbound +1 from pbx-2"]


def test_the_timers_conditions_and_order_of_a_stage_may_stand_in_it() -> None:
    dialplan = with_routes(
        'outbound: {prefix: "*"}, via: [carrier-a, carrier-b], for: 30s, no_reply: 3s, no_progress: 9s, hedge: off,'
        " order: cost, when: {site: {hq: up}}"
    )
    (stage,) = dialplan.chains["outbound *"].stages
    assert (stage.ring, stage.no_reply, stage.no_progress, stage.hedge) == (30.0, 3.0, 9.0, None)
    assert (stage.order, stage.when) == (Order.COST, When(sites=(("hq", True),)))
    assert list(dialplan.outbound[""]) == ["hq-pbx"]


def test_the_nearest_order_wins() -> None:
    text = bend(
        SITE,
        ("hedge: auto, causes", "hedge: auto, order: priority, causes"),
        ("for: 10s\n", "for: 10s\n      order: cost\n"),
        ("for: 25s\n", "for: 25s\n      order: configured\n"),
    )
    dialplan = compiled(text + OUT)
    orders = [stage.order for name in ("sales", "outbound +1") for stage in dialplan.chains[name].stages]
    assert orders == [Order.COST, Order.CONFIGURED, Order.PRIORITY, Order.PRIORITY]


def test_without_outbound_routes_there_is_no_way_out() -> None:
    assert compiled(SAMPLE).outbound == {}


def test_an_order_gives_priority_weight_and_cost_their_effect() -> None:
    ranked = bend(("carrier: b, probe: off}", "carrier: b, probe: off, priority: 1, weight: 2, cost: 3}"))
    assert codes(ranked) == ["NO_EFFECT"] * 3
    assert codes(ranked.replace("hedge: auto,", "hedge: auto, order: priority,")) == ["NO_EFFECT"]
    assert codes(ranked.replace("hedge: auto,", "hedge: auto, order: cost,")) == ["NO_EFFECT"]
    outbound = (
        '  - {outbound: {prefix: "*"}, from: [hq-pbx], via: [carrier-a, carrier-b], order: cost, countries: US}\n'
    )
    assert codes(ranked + outbound) == ["NO_EFFECT"]
    assert codes(ranked.replace("hedge: off", "hedge: off\n      order: priority") + outbound) == []


@pytest.mark.parametrize(("text", "prefix"), [("", ""), ("*", ""), ("+1", "+1"), ("+1900", "+1900"), ("0", "0")])
def test_prefixes_of_dialled_numbers(text: str, prefix: str) -> None:
    assert parse_outbound_prefix(text) == prefix


@pytest.mark.parametrize("text", ["+", "**", " ", "+0", "1x", "anna", "+1234567890123456", "١"])
def test_other_prefixes_are_refused(text: str) -> None:
    with pytest.raises(Mistake):
        parse_outbound_prefix(text)

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rules.match import match_route
from controller.types import Dialplan, Offer, Route

SALES = Route("+15557000", "sales")
BARE = Route("15558000", "support")
SHORT = Route("100", "front")
REST = Route("*", "rest")


def dialplan(*routes: Route, default: Route | None = None) -> Dialplan:
    return Dialplan("v", (), {}, {}, {route.did: route for route in routes}, default)


@pytest.mark.parametrize(
    ("did", "route"),
    [
        ("+15557000", SALES),
        ("15557000", SALES),  # a carrier that leaves the plus out
        ("15558000", BARE),
        ("+15558000", BARE),  # a dialplan that leaves it out
        ("100", SHORT),
        ("+100", SHORT),
        ("+15557001", None),
        ("5557000", None),  # no guessing beyond the plus
        ("+", None),
        ("", None),
    ],
)
def test_a_number_is_found_with_and_without_its_plus(did: str, route: Route | None) -> None:
    assert match_route(dialplan(SALES, BARE, SHORT), Offer("1", did)) is route


@pytest.mark.parametrize("did", ["+4930123", "", "+", "anna"])
def test_what_nobody_owns_takes_the_default_route(did: str) -> None:
    assert match_route(dialplan(SALES, default=REST), Offer("1", did)) is REST


def test_an_exact_route_comes_before_the_default() -> None:
    assert match_route(dialplan(SALES, default=REST), Offer("1", "15557000")) is SALES


def test_the_written_number_comes_before_its_twin_with_a_plus() -> None:
    twin = Route("15557000", "twin")
    assert match_route(dialplan(SALES, twin), Offer("1", "15557000")) is twin
    assert match_route(dialplan(SALES, twin), Offer("1", "+15557000")) is SALES


def with_prefixes(*prefixes: str, default: Route | None = None) -> Dialplan:
    routes = {prefix: Route(prefix, f"chain {prefix}", prefix=True) for prefix in prefixes}
    return Dialplan("v", (), {}, {}, {SALES.did: SALES}, default, prefixes=routes)


@pytest.mark.parametrize(
    ("did", "chain"),
    [
        ("+15557000", "sales"),  # the number itself comes first
        ("+15557001", "chain +15557"),
        ("+15558000", "chain +1555"),
        ("15558000", "chain +1555"),  # a carrier that leaves the plus out
        ("+1555", "chain +1555"),  # a number may be no longer than its prefix
        ("+1556", "chain +1"),
        ("7100", "chain 7"),
        ("+4930123", "rest"),
        ("155", "chain +1"),
        ("+", "rest"),
        ("", "rest"),
        ("anna", "rest"),
    ],
)
def test_the_longest_prefix_wins(did: str, chain: str) -> None:
    route = match_route(with_prefixes("+1555", "+1", "+15557", "7", default=REST), Offer("1", did))
    assert route is not None
    assert route.chain == chain


def test_the_written_prefix_comes_before_its_twin_with_a_plus() -> None:
    both = with_prefixes("155", "+155")
    assert [getattr(match_route(both, Offer("1", did)), "did", None) for did in ("1557", "+1557")] == ["155", "+155"]


def test_number_without_prefix_or_default_has_no_route() -> None:
    assert match_route(with_prefixes("+1555"), Offer("1", "+4930123")) is None


# --------------------------------------------------------------------------- outbound

OUTBOUND = {
    prefix: {trunk: Route(prefix, f"{trunk} {prefix or 'any'}", prefix=True, outbound=True) for trunk in trunks}
    for prefix, trunks in {"+1": ["hq", "branch"], "+1900": ["hq"], "": ["hq"]}.items()
}


def way_of(did: str, trunk: str, default: Route | None = None) -> str:
    plan = replace(with_prefixes("+1555", default=default), outbound=OUTBOUND)
    route = match_route(plan, Offer("1", did, trunk=trunk))
    return route.chain if route else ""


@pytest.mark.parametrize(
    ("did", "chain"),
    [
        ("+12125550100", "hq +1"),
        ("+19005550100", "hq +1900"),  # the longest prefix wins
        ("19005550100", "hq +1900"),  # a PBX that leaves the plus out
        ("+442071234", "hq any"),
        ("*67", "hq any"),
        ("#31#5550100", "hq any"),
        ("+15557000", "sales"),  # a number of our own is never carried out and back in
        ("+15551", "chain +1555"),
    ],
)
def test_a_call_of_a_pbx_goes_out_by_the_longest_prefix(did: str, chain: str) -> None:
    assert way_of(did, "hq") == chain


def test_a_pbx_has_only_the_routes_that_name_it() -> None:
    assert way_of("+12125550100", "branch") == "branch +1"
    assert way_of("+442071234", "branch") == ""
    assert way_of("+442071234", "branch", default=REST) == "rest"


def test_a_pbx_that_may_not_take_the_longest_prefix_gets_no_shorter_one() -> None:
    assert way_of("+19005550100", "branch") == ""


@pytest.mark.parametrize("trunk", ["", "carrier-a", "HQ", "hq ", "*"])
@pytest.mark.parametrize("did", ["+12125550100", "+19005550100", "19005550100", "*67", "+442071234"])
def test_nobody_else_gets_out_whatever_he_dials(trunk: str, did: str) -> None:
    assert way_of(did, trunk) == ""
    assert way_of(did, trunk, default=REST) == "rest"


@given(st.text(), st.text())
def test_no_text_gets_out_without_a_trunk_of_ours_and_a_number(did: str, trunk: str) -> None:
    chain = way_of(did, trunk)
    assert chain in ("", "sales", "chain +1555") or trunk in ("hq", "branch")
    chain = way_of(did, "hq")
    assert not chain.startswith("hq") or (len(did) <= 32 and set(did) <= set("+0123456789*#"))


@pytest.mark.parametrize(
    "did", ["", "+", "anna", "1-900", "1 900", "1900@evil.example", "1+900", "١٩٠٠", "1" * 33, "+1;x=y", "1900\n"]
)
def test_what_no_phone_can_dial_does_not_get_out(did: str) -> None:
    assert way_of(did, "hq") == ""
    assert way_of(did, "hq", default=REST) == "rest"

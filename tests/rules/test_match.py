from __future__ import annotations

import pytest

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

"""From names to hops: which addresses are used, and what is said of trunks that lead nowhere."""

from __future__ import annotations

import pytest

from controller.addresses import AddressError, find_ways, place_trunks
from controller.resolver.question import questions_of
from controller.types import Address, Dialplan, Dns, Listen, Trunk
from controller.wording import address_of
from sip.transaction import Hop

LISTEN = (Listen("127.0.0.1", 5060), Listen("127.0.0.1", 5070, "tcp", advertise=("203.0.113.7", 5080)))
TRUNK = Trunk("carrier", "sbc.example", 5060, service=("udp", "tcp"), where="plan.yaml:4")
PLAN = Dialplan("v", LISTEN, {"carrier": TRUNK}, {}, {}, dns=Dns((("127.0.0.1", 9),), timeout=0.1))
GOOD, OURS, OUTSIDE = Address("127.0.0.2", 5060), Address("127.0.0.1", 5060), Address("203.0.113.7", 5080, "tcp")


def test_names_that_are_known_are_not_looked_up() -> None:
    (question,) = questions_of(PLAN).trunks.values()
    placed = place_trunks(PLAN, {question: (GOOD, Address("127.0.0.3", 5060, "tcp", rank=1))})
    assert placed.hops == {
        "carrier/127.0.0.2:5060": Hop("127.0.0.2", 5060),
        "carrier/127.0.0.3:5060/tcp": Hop("127.0.0.3", 5060, "tcp"),
    }
    assert placed.found == {}


def test_addresses_of_ours_are_left_out() -> None:
    dialplan, hops = find_ways(PLAN, {"carrier": [OURS, GOOD, OUTSIDE]})
    assert (list(dialplan.trunks), hops) == (["carrier"], {"carrier": Hop("127.0.0.2", 5060)})
    (question,) = questions_of(PLAN).trunks.values()
    with pytest.raises(AddressError, match=r"plan\.yaml:4: cannot resolve 'sbc\.example' .* no address but ours"):
        place_trunks(PLAN, {question: (OURS,)})


def test_a_name_that_nobody_answers_for_is_told_with_its_line() -> None:
    with pytest.raises(
        AddressError, match=r"plan\.yaml:4: cannot resolve 'sbc\.example' of trunk 'carrier': no DNS server"
    ):
        place_trunks(PLAN, {})


def test_a_name_is_shown_without_the_port_that_its_records_will_say() -> None:
    assert address_of(TRUNK) == "udp/tcp:sbc.example"
    dialplan, _ = find_ways(PLAN, {"carrier": [GOOD]})
    assert address_of(dialplan.trunks["carrier"]) == "udp:127.0.0.2:5060"

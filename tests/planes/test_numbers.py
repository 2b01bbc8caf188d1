"""Numbers as each trunk writes them."""

from __future__ import annotations

from sip.uri import parse_uri
from tests.planes.bench import statuses
from tests.planes.facing import DID, PBX, PSTN, Facing

NATIONAL = "format: {out: national, country: US}"


def test_a_called_number_is_read_before_it_is_looked_up() -> None:
    bench = Facing(pstn=NATIONAL)
    assert bench.ring(DID.removeprefix("+1")).uri == "sip:+13125550100@192.0.2.32:5060"
    (run,) = bench.switchboard.runs.values()
    assert run.plan.chain == "sales"


def test_a_trunk_without_format_is_taken_at_its_word() -> None:
    assert statuses(Facing().place(DID.removeprefix("+1")), PSTN) == [100, 404]


def test_a_number_is_sent_as_its_trunk_wants_it() -> None:
    bench = Facing(mobile='format: {out: plus-less, tech_prefix: "77#"}', spare=NATIONAL)
    first = bench.ring()
    assert first.uri == "sip:77%2313125550100@192.0.2.32:5060"
    assert parse_uri(first.uri).user == "77#13125550100"
    (_, (second, _)) = bench.answer(first, 503)
    assert second.uri == "sip:3125550100@192.0.2.33:5060"


def test_a_dialled_number_goes_from_the_form_of_the_pbx_to_that_of_the_carrier() -> None:
    bench = Facing(pbx='format: {out: national, country: US, prefix: "9"}', mobile="format: {out: plus-less}")
    assert bench.ring("9011442079460018", source=PBX).uri == "sip:442079460018@192.0.2.32:5060"
    (call,) = bench.plane._calls.by_offer.values()
    assert call.offer.did == "+442079460018"


def test_the_user_of_a_pbx_is_never_a_number() -> None:
    bench = Facing("    - ring: [desk]", pbx='format: {out: plus-less, tech_prefix: "77"}')
    assert bench.ring().uri == "sip:100@192.0.2.34:5060"

"""What the console says of chains is what `explain` says of calls that take them, inward and outward, as trunks are now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.config import load
from controller.explain import assume_down, explain
from controller.ops.consumer import Picture
from controller.ops.foresight import ASKED, Foresight, routes_in
from controller.types import Dialplan, Offer

DIALPLANS = Path(__file__).resolve().parents[2] / "dialplans"
NOON = 1_800_021_600.0  # Friday, 2027-01-15, 09:00 in New York


def dialplan_of(name: str) -> Dialplan:
    dialplan = load(DIALPLANS / name).dialplan
    assert dialplan is not None
    return dialplan


def picture(dialplan: Dialplan, *down: str) -> Picture:
    """As `callward status` has it: these are down, all else is up."""
    trunks: list[dict[str, Any]] = [
        {"name": name, "state": "down" if name in down else "up", "code": "PROBE_TIMEOUT", "calls": None}
        for name in dialplan.trunks
    ]
    return Picture(NOON, {"trunks": trunks})


@pytest.mark.parametrize("down", [(), ("carrier-a",), ("carrier-a", "carrier-b"), ("hq-pbx",)])
def test_calls_outward_go_where_explain_says_of_a_number_that_is_dialled(down: tuple[str, ...], tmp_path: Path) -> None:
    dialplan = dialplan_of("outbound.yaml")
    found = {row["chain"]: row for row in Foresight(dialplan, tmp_path).chains(picture(dialplan, *down))}
    assert [*found] == ["sales", "outbound +1", "outbound +1900 from hq-pbx", "outbound 911", "outbound +44"]
    assert [row["outbound"] for row in found.values()] == [False, True, True, True, True]
    view = assume_down(dialplan, down, ())
    dialled = {"+1": "+12125550100", "+1900": "+19005550100", "911": "911", "+44": "+442071838750"}
    for prefix, number in dialled.items():
        said = explain(dialplan, Offer(ASKED, number, "", NOON, "hq-pbx"), view)
        row = next(row for row in found.values() if row["dids"][0].startswith(f"{prefix}…"))
        assert row["chain"] == said.chain
        assert [path.rpartition(" via ")[2] for path in row["order"]] == [
            path.rpartition(" via ")[2] for path in said.order
        ], number
        assert {stage["skipped"] for stage in row["stages"]} == {turn.skipped for turn in said.stages}
    assert found["outbound +44"]["stages"][0]["order"] == "cost"


def test_every_route_is_named_and_those_outward_by_who_may_take_them() -> None:
    named = [name for name, _, _ in routes_in(dialplan_of("outbound.yaml"))]
    assert named[0] == "+15557000"
    assert named[1:3] == ["+1… from hq-pbx, hq-fax", "+1900… from hq-pbx"]
    assert "any other number" in [name for name, _, _ in routes_in(dialplan_of("demo.yaml"))]

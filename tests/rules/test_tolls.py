from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.rules.tolls import why_refused
from controller.types import Tolls

ANY = Tolls()
US = Tolls(("US",))
NORTH = Tolls(("US", "CA"))
GB = Tolls(("GB",))


@pytest.mark.parametrize(
    ("tolls", "number"),
    [
        (ANY, "+12125550100"),
        (ANY, "+442079460000"),
        (ANY, "100"),
        (ANY, "911"),
        (ANY, "*67"),
        (ANY, "9" * 32),
        (NORTH, "+12125550100"),
        (NORTH, "12125550100"),  # a PBX that leaves the plus out
        (NORTH, "+14165550100"),
        (NORTH, "911"),
        (US, "12125550100"),
        (US, "911"),
        (GB, "999"),
        (Tolls(premium=True), "+19005550100"),
        (Tolls(("US",), premium=True), "+19005550100"),
    ],
)
def test_goes_out(tolls: Tolls, number: str) -> None:
    assert why_refused(tolls, number) == ""


@pytest.mark.parametrize(
    ("tolls", "number", "why"),
    [
        (ANY, "+19005550100", "a premium-rate number"),
        (ANY, "19005550100", "a premium-rate number"),
        (ANY, "190055501009", "a premium-rate number"),  # one digit too many: the carrier cuts it off
        (ANY, "+1900*5550100", "a premium-rate number"),
        (ANY, "*6719005550100", "a premium-rate number"),
        (ANY, "#31#19005550100", "a premium-rate number"),
        (ANY, "+979112345678", "a premium-rate number"),
        (ANY, "+491801234567", "a shared-cost number"),
        (NORTH, "+18765550100", "a number of JM, not of US or CA"),  # one country code, twenty-five countries
        (NORTH, "+442079460000", "a number of GB, not of US or CA"),
        (NORTH, "999", "no number, not of US or CA"),
        (NORTH, "9" * 32, "no number, not of US or CA"),
        (US, "0118765550100", "no number, not of US"),  # whose PBX dials so has a `format`
        (US, "2125550100", "a number of MA, not of US"),
        (
            US,
            "*672125550100",
            "a number of MA or NF, not of US",
        ),  # some strip the code, some dial it: both must be allowed
        (GB, "+12125550100", "a number of US, not of GB"),
        (GB, "911", "no number, not of GB"),
    ],
)
def test_stays_in(tolls: Tolls, number: str, why: str) -> None:
    assert why_refused(tolls, number) == f"{number} is {why}"


@given(st.from_regex(r"\+?[0-9*#]{1,31}", fullmatch=True), st.sampled_from([ANY, US, NORTH, GB]))
def test_whatever_is_dialled_there_is_a_verdict(number: str, tolls: Tolls) -> None:
    said = why_refused(tolls, number)
    assert said == "" or said.startswith(f"{number} is ")


@given(st.from_regex(r"\+[2-9][0-9]{6,14}", fullmatch=True))
def test_an_allow_list_of_one_lets_no_foreign_country_code_out(number: str) -> None:
    assert why_refused(NORTH, number) != ""


@given(st.from_regex(r"[0-9]{7}", fullmatch=True), st.sampled_from(["+1900", "1900", "*671900", "#31#1900", "+1-900"]))
def test_premium_rates_do_not_hide(rest: str, front: str) -> None:
    number = re.sub("-", "", front) + "2" + rest[1:]
    assert why_refused(ANY, number) == f"{number} is a premium-rate number"

"""What a trunk sees of a call -> the frozen classes: its number format.

Owns what these keys have to say to each other.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.formats import FormatModel
from controller.config.places import Places
from controller.config.validate import describe
from controller.types import NumberForm, NumberFormat

_OF_A_COUNTRY = {NumberForm.NATIONAL, NumberForm.INTERNATIONAL}


def build_format(places: Places, trunk: str, model: FormatModel | None) -> NumberFormat | None:
    """How a trunk writes numbers; of `out` and `in` either stands for both."""
    if model is None:
        return None
    loc = ("trunks", trunk, "format")
    node = places.map_at(*loc)
    out = model.out or model.into or NumberForm.E164
    into = model.into or model.out or NumberForm.E164
    needs = next((key for key, form in (("out", model.out), ("in", model.into)) if form in _OF_A_COUNTRY), "")
    if needs and model.country is None and "country" not in node.lost:
        message = f"{quoted(needs)} needs a country in {describe(places.root, loc)}"
        places.report.error(
            node.keys[needs], "MISSING_KEY", message, "add country: US, the one whose numbers are meant"
        )
    return NumberFormat(out, into, model.country, model.prefix, model.tech_prefix)

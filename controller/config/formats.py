"""`format` of a trunk: how it writes numbers, and what the numbering plan of a country says of that.

Owns the look-up in Google's numbering plans (phonenumbers), which happens here, when a dialplan is loaded, and never for
a call.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from controller.config.diagnostics import Mistake, quoted
from controller.config.section import NUMBER, Section, Text, matching
from controller.config.values import parse_choice
from controller.types import Country, NumberForm

_PREFIX = re.compile(r"[0-9*#]{1,8}")
_TECH_PREFIX = re.compile(r"[0-9*#]{1,16}")
_SHORTEST_HOME = 4  # digits: less is an emergency number or a service
_NORTH_AMERICA = "1"


def parse_country(text: str) -> Country:
    """Read a country by its two letters (ISO 3166); raises `Mistake`."""
    from phonenumbers import SUPPORTED_REGIONS, PhoneMetadata  # 15 ms: only where a dialplan asks

    plan = PhoneMetadata.metadata_for_region(text) if text in SUPPORTED_REGIONS else None
    if plan is None or plan.general_desc is None:
        hint = f"write {text.upper()}" if text.upper() in SUPPORTED_REGIONS else "write two letters such as US or GB"
        raise Mistake("BAD_COUNTRY", f"unknown country {quoted(text)}", hint)
    code, trunk = str(plan.country_code), plan.national_prefix or ""
    abroad = (plan.preferred_international_prefix or plan.international_prefix or "").replace("~", "")
    return Country(
        code,
        trunk,
        abroad if abroad.isdigit() else "00",  # where carriers have prefixes of their own, that of most countries
        tuple(length for length in plan.general_desc.possible_length if length >= _SHORTEST_HOME),
        open=code == _NORTH_AMERICA or not trunk,
    )


def _parse_prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        hint = 'write 1 to 8 digits, for example prefix: "9"'
        raise Mistake("BAD_PREFIX", f"{quoted(text)} is not what is dialled for an outside line", hint)
    return text


def _parse_tech_prefix(text: str) -> str:
    if not _TECH_PREFIX.fullmatch(text):
        hint = 'write 1 to 16 digits, "*" and "#", for example tech_prefix: "1234#"'
        raise Mistake("BAD_PREFIX", f"{quoted(text)} is not the tech prefix of a carrier", hint)
    return text


_FORMS = [*map(str, NumberForm)]
Form = Annotated[NumberForm, Text(lambda text: NumberForm(parse_choice(text, "format", _FORMS)), {"enum": _FORMS})]


class FormatModel(Section):
    """How a trunk writes numbers."""

    out: Form | None = None
    into: Form | None = Field(None, alias="in")
    country: Annotated[Country | None, Text(parse_country, matching("[A-Z]{2}"))] = None
    prefix: Annotated[str, Text(_parse_prefix, NUMBER)] = ""
    tech_prefix: Annotated[str, Text(_parse_tech_prefix, NUMBER)] = ""

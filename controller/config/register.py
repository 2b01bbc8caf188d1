"""The model of a trunk's registration: the account, and where it is kept.

Owns its keys and bounds. What is left out is filled in by `register_compile`.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.address import HostPort, parse_domain, parse_trunk_uri, parse_user
from controller.config.duration import parse_duration
from controller.config.section import NUMBER, TIME, OneOrMore, Section, Text, matching
from controller.config.values import parse_choice
from controller.types import DidFrom

#: A registration is refreshed at two thirds of its time: more often is a burden on registrars, and they will not have it.
SHORTEST_EXPIRES = 60.0

DidFromName = Annotated[
    DidFrom,
    Text(lambda text: DidFrom(parse_choice(text, "place", [*map(str, DidFrom)])), {"enum": [*map(str, DidFrom)]}),
]
_Registrar = Annotated[HostPort, Text(parse_trunk_uri, matching("[sS][iI][pP][sS]?:.+"))]


class RegisterModel(Section):
    """The account of a trunk, and where it is kept."""

    user: Annotated[str | None, Text(parse_user, NUMBER)] = None
    domain: Annotated[str | None, Text(parse_domain, {"type": "string"})] = None
    expires: Annotated[float | None, Text(partial(parse_duration, shortest=SHORTEST_EXPIRES), matching(TIME))] = None
    registrars: Annotated[list[_Registrar], Field(min_length=1), OneOrMore] = []

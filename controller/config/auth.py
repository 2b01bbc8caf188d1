"""The model of a trunk's credentials: what its challenges are answered with.

Owns its keys. No message may repeat a password.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.diagnostics import Mistake
from controller.config.section import OneOrMore, Section, Text
from controller.config.values import parse_choice
from controller.types import Auth
from sip.digest import Algorithm

#: All that may be used, the strongest first.
ALGORITHMS = tuple(found.value for found in (Algorithm.SHA512_256, Algorithm.SHA256, Algorithm.MD5))
MAX_TEXT = 256  # it goes into a header of every request

CREDENTIAL = {"type": ["string", "number"], "minLength": 1}


def parse_credential(text: str, what: str, giver: str = "trunk") -> str:
    """Read a user name, password or realm, which ``giver`` gave to the operator."""
    if not text:
        raise Mistake("BAD_CREDENTIAL", f"the {what} is empty", f"write the {what} that the {giver} gave you")
    if not text.isprintable():
        hint = f"a file that holds a {what} has one line"
        raise Mistake("BAD_CREDENTIAL", f"the {what} holds characters that cannot be printed, as a line break is", hint)
    if len(text) > MAX_TEXT:
        raise Mistake("BAD_CREDENTIAL", f"the {what} is too long", f"write at most {MAX_TEXT} characters")
    return text


class AuthModel(Section):
    """What a trunk's challenges are answered with."""

    user: Annotated[str, Text(partial(parse_credential, what="user"), CREDENTIAL)]
    password: Annotated[str, Text(partial(parse_credential, what="password"), CREDENTIAL)] = Field(
        examples=["${file:NAME.password}"]
    )
    realm: Annotated[list[Annotated[str, Text(partial(parse_credential, what="realm"), CREDENTIAL)]], OneOrMore] = []
    algorithms: Annotated[
        list[Annotated[str, Text(lambda text: parse_choice(text, "algorithm", ALGORITHMS), {"enum": [*ALGORITHMS]})]],
        Field(min_length=1),
        OneOrMore,
    ] = [*ALGORITHMS]


def compile_auth(model: AuthModel | None) -> Auth | None:
    """What becomes of it, None where there is none."""
    if model is None:
        return None
    return Auth(model.user, model.password, tuple(dict.fromkeys(model.realm)), tuple(dict.fromkeys(model.algorithms)))

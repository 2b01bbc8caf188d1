"""Users: phones and PBXs that say who they are by a password, and the listeners on which they are asked.

Owns the model of a user and the findings about them. A password is turned into what checks it here, and is forgotten.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.auth import CREDENTIAL, parse_credential
from controller.config.section import Section, Text


class UserModel(Section):
    """Somebody who is known by a password."""

    password: Annotated[str, Text(partial(parse_credential, what="password"), CREDENTIAL)] = Field(
        examples=["${file:NAME.password}"], repr=False
    )
    trunk: str | None = None

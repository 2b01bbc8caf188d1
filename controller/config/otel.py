"""`otel`: the collector of OpenTelemetry that is told of calls.

Owns its keys and their types. What they have to say to each other is `otel_compile`.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.auth import CREDENTIAL, parse_credential
from controller.config.http_values import Url
from controller.config.section import Section, Text
from controller.config.values import parse_switch


class OtelModel(Section):
    """Where metrics and traces go."""

    endpoint: Url = Field(examples=["http://127.0.0.1:4318"])
    token: Annotated[str | None, Text(partial(parse_credential, what="token", giver="collector"), CREDENTIAL)] = Field(
        None, repr=False
    )
    cleartext: Annotated[bool, Text(parse_switch, {"type": "boolean"})] = False

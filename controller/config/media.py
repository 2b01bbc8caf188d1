"""The media relay: where rtpengine listens, and which trunks' calls it carries.

Owns the section `media`; `anchors` holds it against the rest of the file.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from controller.config.address import HostPort, parse_listen
from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.section import TIME, Section, Text, matching

#: Longer than this a caller would notice; shorter, and a busy relay would be passed by.
LONGEST_WAIT, SHORTEST_WAIT = 1.0, 0.01


def _parse_relay(text: str) -> HostPort:
    try:
        address = parse_listen(text)
    except Mistake as mistake:
        if mistake.code != "BAD_LISTEN":
            raise
        hint = 'write "IP:PORT" of its listen-ng, such as "127.0.0.1:2223": no name is looked up during a call'
        raise Mistake("BAD_HOST", f"{quoted(text)} is not an IP address and port", hint) from None
    if not address.port:
        raise Mistake("BAD_PORT", "port 0 does not exist", "write the port of rtpengine's listen-ng")
    return address


RelayAddress = Annotated[HostPort, Text(_parse_relay, matching(".+:[0-9]{1,5}"))]


class MediaModel(Section):
    """Where media goes that does not go its own way."""

    rtpengine: RelayAddress = Field(examples=["127.0.0.1:2223"])
    wait: Annotated[
        float | None,
        Text(partial(parse_duration, shortest=SHORTEST_WAIT, longest=LONGEST_WAIT), matching(TIME)),
    ] = None

"""`dns`: who is asked for the names of trunks, for how long, and how long answers are good.

Owns its keys and what must fit together in them.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from controller.config.address import HostPort, parse_server
from controller.config.diagnostics import quoted
from controller.config.duration import parse_duration, show_duration
from controller.config.section import TIME, OneOrMore, Section, Text, matching
from controller.types import Dns

if TYPE_CHECKING:
    from controller.config.places import Places

#: A resolver that is asked more often than this is hurt, and a caller notices a change no sooner: probes tell.
SHORTEST_TTL, LONGEST_TTL = 1.0, 86_400.0

#: Less and a resolver that has to ask others is given up too soon, seconds; more and a start waits for a dead one.
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 0.1, 10.0

Ttl = Annotated[float | None, Text(partial(parse_duration, shortest=SHORTEST_TTL, longest=LONGEST_TTL), matching(TIME))]
Server = Annotated[HostPort, Text(parse_server, matching(".+"))]


class TtlModel(Section):
    """Bounds for how long an answer is good."""

    least: Ttl = None
    most: Ttl = None


class DnsModel(Section):
    """How names of trunks are looked up."""

    servers: Annotated[list[Server], Field(min_length=1), OneOrMore] = []
    timeout: Annotated[
        float | None,
        Text(partial(parse_duration, shortest=SHORTEST_TIMEOUT, longest=LONGEST_TIMEOUT), matching(TIME)),
    ] = None
    ttl: TtlModel | None = None


def compile_dns(places: Places) -> Dns:
    """What the section says, with what goes without saying."""
    model = places.file.dns
    if model is None:
        return Dns()
    servers: dict[tuple[str, int], None] = {}
    for index, server in enumerate(model.servers):
        if server[:2] in servers:
            at = places.at("dns", "servers", index)
            places.report.error(
                at, "DUPLICATE", f"{quoted(server.host)} stands twice in 'dns'", "remove one of the two"
            )
        servers[server[:2]] = None
    ttl = model.ttl or TtlModel()
    known = {name: value for name, value in (("least", ttl.least), ("most", ttl.most)) if value is not None}
    dns = Dns(tuple(servers), model.timeout or Dns().timeout, **known)
    if dns.least > dns.most and not places.map_at("dns", "ttl").lost:
        hint = f"lower least, or raise most, which is {show_duration(dns.most)}"
        at = places.at("dns", "ttl", "least" if ttl.least is not None else "most")
        places.report.error(at, "TIMER_ORDER", "'least' is above 'most' in key 'ttl' of 'dns'", hint)
    return dns

"""Where a 3xx may lead: to addresses of its own trunk, or of those that the dialplan names, and to nobody else's number.

Owns the line that a redirection must not cross: whoever answers 302 decides at whose expense the call goes on. So the
host must be that of a trunk which may be used, and the user the one that was called, or one that some chain leads to
over that trunk anyway. The same place is never tried twice in one attempt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from controller.planes.call import Attempt, Call
from controller.rules.expand import common_name
from controller.types import DIALLED, Dialplan, Path
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Response
from sip.transaction import Hop
from sip.uri import Uri, bracketed, find_param, parse_uri

MOST_CONTACTS = 16  # of one response are looked at
_Q = re.compile(r"[01](?:\.[0-9]{1,3})?")


class Redirects:
    """Finds the next way of an attempt."""

    def __init__(self, element: Element) -> None:
        self._element = element
        self._users: Mapping[str, frozenset[str]] = {}

    def swap(self, dialplan: Dialplan) -> None:
        """Permit what this dialplan does; built when it is loaded, and only where a trunk may redirect."""
        self._users = _users_of(dialplan) if any(trunk.redirects for trunk in dialplan.trunks.values()) else {}

    def find_way(self, call: Call, attempt: Attempt, response: Response) -> tuple[Path, Hop] | None:
        """Where to go on to, as a path of its own name, and its address; None where nothing is permitted."""
        trunk = call.trunks.get(attempt.path.trunk)
        if trunk is None or trunk.redirects is None or len(attempt.redirected) >= trunk.redirects.most:
            return None
        permitted = (common_name(trunk.name), *trunk.redirects.trunks)
        called = parse_uri(attempt.path.address).user
        for uri in _contacts_in(response):
            found = self._trunk_at(call, permitted, uri)
            if found is None:
                continue
            name, hop = found
            if uri.user != called and uri.user not in self._users.get(common_name(name), ()):
                continue
            place = f"{uri.user}@{hop.host}:{hop.port}/{hop.transport}"
            first = call.hops.get(attempt.path.trunk)
            origin = f"{called}@{first.host}:{first.port}/{first.transport}" if first is not None else ""
            if place in (origin, *attempt.redirected):
                continue
            attempt.redirected += (place,)
            return replace(attempt.path, name=f"{attempt.path.name} > {place}", trunk=name, address=_write(uri)), hop
        return None

    def _trunk_at(self, call: Call, permitted: tuple[str, ...], uri: Uri) -> tuple[str, Hop] | None:
        """The trunk among ``permitted`` that a URI leads to, and the way there; TLS is never left."""
        for name, home in call.hops.items():
            if common_name(name) not in permitted:
                continue
            hop = self._element.hop_of(uri, home)
            if hop is None or hop.host != home.host or self._element.owns(uri):
                continue
            if (home.transport == "tls" or call.is_sips) == (hop.transport == "tls"):
                return name, hop
        return None


def _write(uri: Uri) -> str:
    """The Request-URI: user, host, port and transport of the Contact, and nothing else that it may hold."""
    port = f":{uri.port}" if uri.port is not None else ""
    transport = uri.param("transport")
    kind = f";transport={transport.lower()}" if transport and transport.isalnum() else ""
    user = uri.user.replace("#", "%23")
    return f"{uri.scheme}:{user}@{bracketed(uri.host)}{port}{kind}"


def _contacts_in(response: Response) -> Iterator[Uri]:
    """Where the response points, the best first (RFC 3261 §20.10); what cannot be read is left out."""
    found: list[tuple[float, Uri]] = []
    for value in response.get_all("contact")[:MOST_CONTACTS]:
        try:
            uri = parse_uri(find_uri(value))
        except RemoteProtocolError:
            continue
        q = find_param(value.rpartition(">")[2], "q") or "1"
        if uri.user and not uri.headers:
            found.append((float(q) if _Q.fullmatch(q) else 0.0, uri))
    yield from (uri for _, uri in sorted(found, key=lambda each: -each[0]))


def _users_of(dialplan: Dialplan) -> dict[str, frozenset[str]]:
    """Whom the chains of a dialplan reach over each trunk; a number that is dialled is not one of them."""
    users: defaultdict[str, set[str]] = defaultdict(set)
    for chain in dialplan.chains.values():
        for stage in chain.stages:
            for target in stage.targets:
                for path in target.paths:
                    if DIALLED not in path.address:
                        users[common_name(path.trunk)].add(parse_uri(path.address).user)
    return {trunk: frozenset(found) for trunk, found in users.items()}

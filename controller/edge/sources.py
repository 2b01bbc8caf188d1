"""Who is at which address: trunks by the addresses they are reached at, and by the `sources` they call from.

Owns the table and how one trunk is chosen of several at one place. Made anew when the dialplan or an address changes;
a look-up costs one dictionary access once a host has been seen. Must not know messages.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from controller.rules.expand import common_name
from controller.types import Trunk
from sip.transaction import Hop

#: What stands before the name of a certificate in `sources`.
TLS = "tls:"
REMEMBERED = 4096  # hosts whose place in the table is known: more come with forged addresses only
_LENGTHS = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class _Claim:
    """A trunk is here: by its own address, or because its `sources` say so."""

    trunk: str
    hop: Hop | None = None


class Sources:
    """The table; empty until `swap`."""

    def __init__(self) -> None:
        self._claims: dict[tuple[int, int, int], list[_Claim]] = {}  # by IP version, prefix length and network
        self._lengths: dict[int, list[int]] = {version: [] for version in _LENGTHS}  # of prefixes, the longest first
        self._certified: dict[str, set[str]] = {}  # trunks by the name in a certificate
        self._seen: dict[str, tuple[_Claim, ...]] = {}
        self._proved: dict[Hop, Collection[str]] = {}  # names that the peer of a connection has proved

    def swap(self, hops: Iterable[tuple[str, Hop]], trunks: Mapping[str, Trunk]) -> None:
        """Go by these from now on: the resolved addresses of ``trunks``, several for one whose name has several."""
        self._claims, self._certified, self._seen = {}, {}, {}
        for name, hop in hops:
            self._claim(hop.host, _Claim(name, hop))
        for trunk in trunks.values():
            for source in trunk.sources:
                if source.startswith(TLS):
                    self._certified.setdefault(source[len(TLS) :], set()).add(trunk.name)
                else:
                    self._claim(source, _Claim(trunk.name))
        lengths = {key[:2] for key in self._claims}
        self._lengths = {version: sorted((n for v, n in lengths if v == version), reverse=True) for version in _LENGTHS}

    def add(self, host: str, trunk: str) -> None:
        """A trunk calls from this address as well; until the next `swap`."""
        self._claim(host, _Claim(trunk))
        self._seen.clear()
        version = ipaddress.ip_address(host).version
        if self._lengths[version][:1] != [_LENGTHS[version]]:
            self._lengths[version].insert(0, _LENGTHS[version])

    def introduce(self, connection: Hop, names: Collection[str]) -> None:
        """The peer of a connection has proved these names by its certificate; none: the connection is gone."""
        if names:
            self._proved[connection] = names
        else:
            self._proved.pop(connection, None)

    def knows(self, source: Hop) -> bool:
        """Whether an address belongs to a trunk, or a connection to somebody with the certificate of one.

        The port does not matter: a peer may send from another one than it listens on.
        """
        if self._seen.get(source.host) or self._claims_at(source.host):
            return True
        return bool(self._proved) and any(name in self._certified for name in self._proved.get(source, ()))

    def has(self, trunk: str, host: str) -> bool:
        """Whether an address is one of this trunk, by the operator's name for it."""
        return any(common_name(claim.trunk) == trunk for claim in self._claims_at(host))

    def trunk_of(self, source: Hop) -> str:
        """The trunk that a packet really came from, "" where that is not one and certain.

        A certificate says more than an address, and of networks the smallest counts. Where several trunks share a
        host the port has to tell them apart (over TCP: unless they have the same one), then the transport; who is
        left over may be the one that names it in its `sources`.
        """
        if self._proved and source in self._proved:
            certified = set[str]().union(*(self._certified.get(name, ()) for name in self._proved[source]))
            trunk = _only(sorted(certified))
            if trunk:
                return trunk
        found = self._seen.get(source.host) or self._claims_at(source.host)
        if not found or len(found) == 1:
            return found[0].trunk if found else ""
        at = [(claim.trunk, claim.hop) for claim in found if claim.hop is not None]
        exact = [trunk for trunk, hop in at if hop[:3] == source[:3]]
        if _only(claim.trunk for claim in found):  # one peer, whichever of its addresses it is
            return exact[0] if exact else found[0].trunk
        if source.transport == "udp" or len({hop.port for _, hop in at}) > 1:
            at = [(trunk, hop) for trunk, hop in at if hop.port == source.port]
        if len(at) > 1:
            at = [(trunk, hop) for trunk, hop in at if hop.transport == source.transport]
        return _only(trunk for trunk, _ in at) if at else _only(claim.trunk for claim in found if claim.hop is None)

    def _claim(self, where: str, claim: _Claim) -> None:
        network = ipaddress.ip_network(where.partition("%")[0])
        version, length = network.version, network.prefixlen
        number = int(network.network_address) >> (_LENGTHS[version] - length)
        self._claims.setdefault((version, length, number), []).append(claim)

    def _claims_at(self, host: str) -> tuple[_Claim, ...]:
        seen = self._seen.get(host)
        if seen is not None:
            return seen
        found: tuple[_Claim, ...] = ()
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return found
        number, whole = int(address), _LENGTHS[address.version]
        for length in self._lengths[address.version]:
            claims = self._claims.get((address.version, length, number >> (whole - length)))
            if claims is not None:
                found = tuple(claims)
                break
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen[host] = found
        return found


def _only(trunks: Iterable[str]) -> str:
    """The one trunk of all of these, "" where there are several; addresses of one name are one trunk."""
    first, name = "", ""
    for trunk in trunks:
        common = common_name(trunk)
        if not first:
            first, name = trunk, common
        elif common != name:
            return ""
    return first

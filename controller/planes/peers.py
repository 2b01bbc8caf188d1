"""Who is at which address: the trunks of now, those that have left, and who a packet or a dialog belongs to.

Owns the tables behind `trunk_of` and `may_reach`, made when the dialplan is swapped. Must not know messages.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.edge.sources import Sources
from controller.rules.expand import address_in, common_name
from controller.types import Dialplan, Trunk
from sip.transaction import Hop


class Peers:
    """``hops`` maps each trunk of the current dialplan to its address, resolved ahead."""

    def __init__(self) -> None:
        self.hops: Mapping[str, Hop] = {}
        self._trunks: Mapping[str, Trunk] = {}
        self._homes: dict[str, Hop] = {}  # the same with trunks that have left: calls may still be up there
        self._hosts: dict[str, set[str]] = {}  # each host that a name ever had in this life, for the same reason
        self._owners: dict[tuple[str, int], str] = {}  # carrier (or trunk) behind each address, by any transport
        self.sources = Sources()
        self.untrusted: set[str] = set()  # who is neither told nor believed who somebody is, by the operator's names

    def swap(self, hops: Mapping[str, Hop], trunks: Mapping[str, Trunk]) -> None:
        """Use these addresses from now on."""
        self.hops = hops
        self._trunks = trunks
        self._homes.update(hops)
        for name, hop in reversed(list(hops.items())):  # the first address of a name is its home
            self._hosts.setdefault(common_name(name), set()).add(hop.host)
            self._homes[common_name(name)] = hop
        self._owners = {
            hop[:2]: trunks[name].carrier or common_name(name) for name, hop in hops.items() if name in trunks
        }
        # who is at the address of a phone is not that phone: it is known by its password
        fixed = [(name, hop) for name, hop in hops.items() if name not in trunks or not trunks[name].registered]
        self.sources.swap(fixed, trunks)
        self.untrusted = {
            common_name(name) for name, trunk in trunks.items() if trunk.identity and not trunk.identity.trusted
        }

    def trunk_of(self, source: Hop) -> str:
        """The trunk that a packet really came from, "" where that is not one and certain (`Sources.trunk_of`)."""
        return self.sources.trunk_of(source)

    def is_behind_nat(self, source: Hop) -> bool:
        """Whether what a trunk says of its own addresses is of no use."""
        return is_behind_nat(self._trunks, self.trunk_of(source))

    def one_of(self, name: str) -> str:
        """A trunk that the operator calls so: one of its addresses where it has several; "" for none."""
        if not name or name in self.hops:
            return name
        return next((trunk for trunk in self.hops if common_name(trunk) == name), name)

    def trunks_at(self, hop: Hop) -> list[str]:
        """The trunks with this very address."""
        return [name for name, other in self.hops.items() if other == hop]

    def home_of(self, trunk: str) -> Hop | None:
        """The address that a trunk has, or had last; what stands in its name where nothing else is known of it."""
        written = address_in(trunk)
        return self._homes.get(trunk) or (Hop(*written) if written else None)

    def speaks_for(self, trunk: str, host: str) -> bool:
        """Whether whoever is at an address may be told what is between us and a trunk: it is one of its own, in this life,
        or its `sources` name it. Anybody else may have put himself there by a Contact."""
        trunk = common_name(trunk)
        return host in self._hosts.get(trunk, ()) or self.sources.has(trunk, host)

    def may_reach(self, hop: Hop, home: Hop | None, trunk: str = "") -> bool:
        """Whether a dialog may lead to ``hop``: to its own trunk or to none. Other trunks trust our address, and it
        was not meant for them. ``home`` is where it began, ``trunk`` the one whose hosts of this life are all right."""
        if trunk and hop.host in self._hosts.get(common_name(trunk), ()):
            return True
        owner = self._owners.get(hop[:2])
        return owner is None or (home is not None and (hop.host == home.host or owner == self._owners.get(home[:2])))


def is_behind_nat(trunks: Mapping[str, Trunk], name: str) -> bool:
    """Whether a trunk of that name is there, and behind NAT."""
    trunk = trunks.get(name)
    return trunk is not None and trunk.nat


def host_names(dialplan: Dialplan, hops: Mapping[str, Hop]) -> dict[str, tuple[str, ...]]:
    """The IP addresses behind each host name of the trunks, the best first."""
    found: dict[str, dict[str, None]] = {}
    for trunk in dialplan.trunks.values():
        if trunk.name in hops:
            found.setdefault((trunk.domain or trunk.host).lower(), {})[hops[trunk.name].host] = None
    return {name: tuple(addresses) for name, addresses in found.items()}

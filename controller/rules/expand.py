"""From names to addresses: a trunk whose name has several addresses becomes one trunk for each of them.

Owns how such trunks are called and what else in a dialplan follows: paths, sites, who may call out. Everything behind
it, health, plans, runs, records, sees trunks with one address each and needs to know of no names; what the operator
wrote stands in ``group``. Pure: looking up is the resolver's.

A trunk with one address keeps its name and its paths. ``carrier-a`` with several becomes ``carrier-a/192.0.2.1:5060``
and so on: the same address has the same name in every life, and no operator can have written it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from controller.types import Address, Chain, Dialplan, Path, Route, Site, Target, Trunk

Addresses = Mapping[str, Sequence[Address]]


class _Several:
    """A name with several addresses: its trunks, each with what its name adds, and whether their order is drawn."""

    def __init__(self, name: str, trunks: Sequence[Trunk]) -> None:
        self.names = [(trunk.name, trunk.name.removeprefix(name)) for trunk in trunks]
        self.drawn = len({trunk.rank for trunk in trunks}) < len(trunks)


def expand(dialplan: Dialplan, addresses: Addresses) -> Dialplan:
    """The dialplan with the addresses of its trunks; a trunk without any stays as it is."""
    if not any(addresses.get(name) for name in dialplan.trunks):
        return dialplan
    family = {name: _expand_trunk(trunk, addresses.get(name, ())) for name, trunk in dialplan.trunks.items()}
    several = {name: _Several(name, trunks) for name, trunks in family.items() if len(trunks) > 1}
    trunks = MappingProxyType({trunk.name: trunk for trunks in family.values() for trunk in trunks})
    if not several:
        return replace(dialplan, trunks=trunks)
    done: dict[int, Target] = {}
    return replace(
        dialplan,
        trunks=trunks,
        chains=MappingProxyType({name: _expand_chain(chain, several, done) for name, chain in dialplan.chains.items()}),
        sites=MappingProxyType({name: _expand_site(site, several) for name, site in dialplan.sites.items()}),
        outbound=MappingProxyType(
            {prefix: _expand_callers(routes, several) for prefix, routes in dialplan.outbound.items()}
        ),
    )


def common_name(trunk: str) -> str:
    """What the operator calls the trunk with this name."""
    return trunk.partition("/")[0]


def address_in(trunk: str) -> tuple[str, int, str] | None:
    """Host, port and transport in the name of a trunk that is one address of several; None for any other."""
    _, _, written = trunk.partition("/")
    where, _, transport = written.partition("/")
    host, colon, port = where.rpartition(":")
    if not colon or not port.isdigit():
        return None
    return host.removeprefix("[").removesuffix("]"), int(port), transport or "udp"


def _expand_trunk(trunk: Trunk, addresses: Sequence[Address]) -> list[Trunk]:
    if not addresses:
        return [trunk]
    if len(addresses) == 1:
        return [_at(trunk, addresses[0])]
    in_order = sorted(addresses, key=lambda address: address.rank)
    return [replace(_at(trunk, each), name=_name(trunk.name, each), group=trunk.name) for each in in_order]


def _at(trunk: Trunk, address: Address) -> Trunk:
    return replace(
        trunk,
        host=address.host,
        port=address.port,
        transport=address.transport,
        domain=trunk.host,
        rank=address.rank,
        share=address.weight,
    )


def _name(trunk: str, address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    transport = "" if address.transport == "udp" else f"/{address.transport}"
    return f"{trunk}/{host}:{address.port}{transport}"


def _expand_chain(chain: Chain, several: Mapping[str, _Several], done: dict[int, Target]) -> Chain:
    if not any(path.trunk in several for stage in chain.stages for target in stage.targets for path in target.paths):
        return chain
    stages = tuple(
        replace(stage, targets=tuple(_expand_target(target, several, done) for target in stage.targets))
        for stage in chain.stages
    )
    return replace(chain, stages=stages)


def _expand_target(target: Target, several: Mapping[str, _Several], done: dict[int, Target]) -> Target:
    """``done`` has those of an endpoint that stands in many stages, by what it was made of."""
    known = done.get(id(target))
    if known is not None:
        return known
    paths: list[Path] = []
    drawn = False
    for path in target.paths:
        found = several.get(path.trunk)
        if found is None:
            paths.append(path)
            continue
        drawn |= found.drawn
        paths += [
            Path(f"{path.name}{suffix}", path.endpoint, trunk, path.address, path.cancellable, path.trunk)
            for trunk, suffix in found.names
        ]
    done[id(target)] = expanded = replace(target, paths=tuple(paths), drawn=drawn)
    return expanded


def _expand_site(site: Site, several: Mapping[str, _Several]) -> Site:
    members = ([trunk for trunk, _ in several[name].names] if name in several else [name] for name in site.pbx)
    return replace(site, pbx=tuple(trunk for each in members for trunk in each))


def _expand_callers(routes: Mapping[str, Route], several: Mapping[str, _Several]) -> Mapping[str, Route]:
    """A call comes from an address; the name of the trunk still says who may, for whoever asks."""
    more = {trunk: route for name, route in routes.items() if name in several for trunk, _ in several[name].names}
    return MappingProxyType({**routes, **more})

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

from controller.types import Address, Chain, Dialplan, Path, Route, Site, Stage, Target, Trunk

Addresses = Mapping[str, Sequence[Address]]


def expand(dialplan: Dialplan, addresses: Addresses) -> Dialplan:
    """The dialplan with the addresses of its trunks; a trunk without any stays as it is."""
    if not any(addresses.get(name) for name in dialplan.trunks):
        return dialplan
    family = {name: _expand_trunk(trunk, addresses.get(name, ())) for name, trunk in dialplan.trunks.items()}
    several = {name: trunks for name, trunks in family.items() if len(trunks) > 1}
    trunks = MappingProxyType({trunk.name: trunk for trunks in family.values() for trunk in trunks})
    if not several:
        return replace(dialplan, trunks=trunks)
    return replace(
        dialplan,
        trunks=trunks,
        chains=MappingProxyType({name: _expand_chain(chain, several) for name, chain in dialplan.chains.items()}),
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


def _expand_chain(chain: Chain, several: Mapping[str, Sequence[Trunk]]) -> Chain:
    if not any(path.trunk in several for stage in chain.stages for target in stage.targets for path in target.paths):
        return chain
    return replace(chain, stages=tuple(_expand_stage(stage, several) for stage in chain.stages))


def _expand_stage(stage: Stage, several: Mapping[str, Sequence[Trunk]]) -> Stage:
    return replace(stage, targets=tuple(_expand_target(target, several) for target in stage.targets))


def _expand_target(target: Target, several: Mapping[str, Sequence[Trunk]]) -> Target:
    paths: list[Path] = []
    drawn = False
    for path in target.paths:
        trunks = several.get(path.trunk, ())
        paths += [
            replace(path, name=f"{path.name}{trunk.name.removeprefix(path.trunk)}", trunk=trunk.name, group=path.trunk)
            for trunk in trunks
        ] or [path]
        drawn |= len({trunk.rank for trunk in trunks}) < len(trunks)
    return replace(target, paths=tuple(paths), drawn=drawn)


def _expand_site(site: Site, several: Mapping[str, Sequence[Trunk]]) -> Site:
    members = ([trunk.name for trunk in several[name]] if name in several else [name] for name in site.pbx)
    return replace(site, pbx=tuple(name for each in members for name in each))


def _expand_callers(routes: Mapping[str, Route], several: Mapping[str, Sequence[Trunk]]) -> Mapping[str, Route]:
    """A call comes from an address; the name of the trunk still says who may, for whoever asks."""
    more = {trunk.name: route for name, route in routes.items() for trunk in several.get(name, ())}
    return MappingProxyType({**routes, **more})

"""The order of a target's paths for one offer, and the address of a number that was dialled.

Owns `order:` and the active PBX of a site. Pure: the draw by weight is a hash of the offer's id, so a call is replayed
and explained with the very order that it had. Health has no say here: the plan leaves out what is down, and
`quality` puts what fails behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from math import inf, log

from controller.rules.numbers import escape_user, write_number
from controller.types import DIALLED, Chain, Dialplan, NumberFormat, Offer, Order, Path, Site, Stage, Target, Trunk


def arrange(dialplan: Dialplan, chain: Chain, offer: Offer) -> Chain:
    """The chain as this offer meets it: paths in their order, dialled numbers in their addresses."""
    stages = tuple(_arrange_stage(dialplan, stage, offer) for stage in chain.stages)
    return replace(chain, stages=stages)


def put_active_first(paths: list[Path], sites: Iterable[Site]) -> None:
    """Of the PBXs of a site the active one, with all its addresses, comes first; what else there is keeps its place."""
    for site in sites:
        active = [path for path in paths if path.trunk in site.pbx and _common(path) == site.active]
        if active:
            first = next(index for index, path in enumerate(paths) if path.trunk in site.pbx)
            ahead, rest = paths[:first], [path for path in paths[first:] if path not in active]
            paths[:] = [*ahead, *active, *rest]


def _arrange_stage(dialplan: Dialplan, stage: Stage, offer: Offer) -> Stage:
    asked = stage.order in (Order.PRIORITY, Order.COST)
    if not asked and not any(target.dialled or target.drawn for target in stage.targets):
        return stage
    return replace(stage, targets=tuple(_arrange_target(dialplan, stage.order, each, offer) for each in stage.targets))


def _arrange_target(dialplan: Dialplan, order: Order, target: Target, offer: Offer) -> Target:
    paths = list(target.paths)
    if order in (Order.PRIORITY, Order.COST):
        paths.sort(key=lambda path: _rank(dialplan.trunks[path.trunk], order, offer))
        put_active_first(paths, dialplan.sites.values())
    if target.drawn:
        paths = _draw_addresses(dialplan, paths, offer)
    if target.dialled:
        paths = [_dial(path, dialplan.trunks[path.trunk].format, offer.did) for path in paths]
    return replace(target, paths=tuple(paths), dialled=False, drawn=False)


def _draw_addresses(dialplan: Dialplan, paths: list[Path], offer: Offer) -> list[Path]:
    """The addresses of each name by rank, among equals drawn by weight; the names stay where they are."""
    places: dict[str, int] = {}
    for path in paths:
        places.setdefault(_common(path), len(places))

    def key(path: Path) -> tuple[int, int, float]:
        trunk = dialplan.trunks[path.trunk]
        return places[_common(path)], trunk.rank, _draw(trunk.name, trunk.share, offer) if trunk.group else 0.0

    return sorted(paths, key=key)


def _common(path: Path) -> str:
    """The name that the operator gave to its trunk."""
    return path.group or path.trunk


def _dial(path: Path, form: NumberFormat | None, number: str) -> Path:
    user = escape_user(write_number(form, number, called=True))
    return replace(path, address=path.address.replace(DIALLED, user))


def _rank(trunk: Trunk, order: Order, offer: Offer) -> tuple[float, float]:
    """The lowest goes first; of equals the one that is written first."""
    if order is Order.COST:
        return trunk.cost, trunk.priority
    return trunk.priority, _draw(trunk.group or trunk.name, trunk.weight, offer)


def _draw(name: str, weight: int, offer: Offer) -> float:
    """A lot: the lowest wins as often as its weight's share, and so on among those that are left; weight 0 is last.

    RFC 2782 draws one after the other; times until the first event at rates that are the weights come in the same
    orders as often, and each lot needs to know of no other.
    """
    if not weight:
        return inf
    seed = f"{offer.id}|{name}".encode("utf-8", "surrogatepass")
    number = int.from_bytes(blake2b(seed, digest_size=8).digest(), "big")
    return -log((number + 1) / 2**64) / weight

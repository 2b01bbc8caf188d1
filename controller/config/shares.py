"""Limits, tenants, overflow and prices -> the frozen classes: what calls have to share, and what they may cost.

Owns what these keys have to say to each other, and what is to be said about conditions that nothing can bring about.
Counting is `controller.rules.usage`'s, reading numbers `controller.rules.tolls`'.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.config.diagnostics import Report, quoted
from controller.config.limits import LimitsModel, TrunkLimitsModel
from controller.config.places import Places
from controller.config.source import ListNode, MapNode, Node
from controller.config.validate import Loc
from controller.types import (
    ANYTHING,
    THE_NUMBER,
    THE_TENANT,
    Chain,
    Dialplan,
    Limits,
    Stage,
    Tenant,
    Tolls,
    Trunk,
)

#: What conditions may name beside trunks.
_WORDS = (ANYTHING, THE_NUMBER, THE_TENANT)


def build_limits(places: Places, model: LimitsModel | TrunkLimitsModel | None, loc: Loc) -> Limits | None:
    """The limits that stand at a place; none at all are reported."""
    if model is None:
        return None
    node = places.map_at(*loc)
    written = model.model_dump(exclude_none=True)
    if not written.keys() - {"answer"} and not node.lost:
        known = "calls: 30, in: 20, out: 20 or cps: 5" if isinstance(model, TrunkLimitsModel) else "calls: 10 or cps: 2"
        places.report.error(node, "EMPTY", f"no limit in {places.describe(loc)}", f"write {known}, or remove it")
    if isinstance(model, TrunkLimitsModel) and model.calls is not None and (model.outward or 0) >= model.calls:
        message = f"'out' has no effect: no more than {model.calls} calls are up at once as it is"
        places.report.warning(node.keys["out"], "NO_EFFECT", message, "write a number below calls, or remove it")
    return Limits(**written)


def build_tenants(places: Places) -> dict[str, Tenant]:
    """All tenants."""
    tenants = {}
    for name, model in places.file.tenants.items():
        limits = build_limits(places, model.limits, ("tenants", name, "limits")) if _has(places, name) else None
        tenants[name] = Tenant(name, limits or Limits(), where=places.where(places.key("tenants", name)))
    return tenants


def build_overflow(places: Places, words: Iterable[str], loc: Loc) -> tuple[str, ...]:
    """What a condition waits for to be full; ``loc`` is that of `overflow`."""
    for index, word in enumerate(words):
        if word not in _WORDS:
            at = places.at(*loc)
            places.names.use("trunks", word, at.items[index] if isinstance(at, ListNode) else at, places.describe(loc))
    return tuple(dict.fromkeys(words))


def _has(places: Places, tenant: str) -> bool:
    return "limits" in places.map_at("tenants", tenant).entries


def what_fills(dialplan: Dialplan) -> frozenset[str]:
    """All that a condition can wait for to be full: what has limits."""
    routes = [*dialplan.routes.values(), *dialplan.prefixes.values(), *([dialplan.default] if dialplan.default else ())]
    words = {name for name, trunk in dialplan.trunks.items() if trunk.limits is not None}
    words |= {THE_NUMBER} if any(route.limits for route in routes) else set()
    words |= {THE_TENANT} if any(route.tenant for route in routes) else set()
    return frozenset(words | {ANYTHING} if words else words)


def warn_never_full(fills: frozenset[str], stage: Stage, node: Node, report: Report) -> None:
    """A stage that waits for something without a limit waits for ever. ``fills``: see `what_fills`."""
    when = stage.when
    if when is None or not when.overflow or not isinstance(node, MapNode) or not fills.isdisjoint(when.overflow):
        return
    message = f"the stage is never tried: {' or '.join(_show(word) for word in when.overflow)} has no limits"
    report.warning(node.keys["when"], "NO_EFFECT", message, "write limits: {calls: 30} there, or remove overflow")


def warn_all_wait(chain: Chain, at: Node, report: Report) -> None:
    """Somebody must be rung before anybody can be busy or anything full."""
    if all(stage.after or (stage.when is not None and stage.when.overflow) for stage in chain.stages):
        message = f"chain {quoted(chain.name)} rings nobody at first: each of its stages waits for something"
        report.warning(at, "UNREACHABLE", message, "begin it with a stage without 'after' and 'overflow'")


def _show(word: str) -> str:
    return {ANYTHING: "what it may wait for", THE_NUMBER: "no number", THE_TENANT: "no tenant"}.get(word, quoted(word))


def build_tolls(countries: list[str], *, premium: bool) -> Tolls | None:
    """What an outbound route may be used for; None for anything."""
    if premium and not countries:
        return None
    from controller.rules.tolls import warm  # here, in the thread of a reload, no call waits for it

    warm(countries)
    return Tolls(tuple(dict.fromkeys(countries)), premium=premium)


def check_cost(places: Places, most: float | None, via: list[Trunk], loc: Loc) -> None:
    """A price that no trunk is below lets nobody out."""
    if most is None or not via or any(trunk.cost <= most for trunk in via):
        return
    cheapest = min(via, key=lambda trunk: trunk.cost)
    message = f"no trunk of {places.describe(loc)} costs as little as {most:g} a minute"
    hint = f"the cheapest is {quoted(cheapest.name)} at {cheapest.cost:g}: raise max_cost, or add another trunk"
    places.report.error(places.at(*loc, "max_cost"), "TOO_DEAR", message, hint)

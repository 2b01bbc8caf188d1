"""What another dialplan would change: for each number, prefix and outbound route, and for each cascade.

Owns the comparison of what is compiled, in words of chains, stages and targets; the lines of the YAML files do not count.
Routes that change alike are one change: a chain is compared once for all numbers that have it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from difflib import SequenceMatcher
from typing import Any

from controller.config.duration import show_duration
from controller.explain.differences import differences, names_of, same, show
from controller.explain.message_diff import CascadesDiff, diff_cascades
from controller.rules.expand import common_name
from controller.types import Chain, Dialplan, Mode, Path, Route, Stage, Target, When
from controller.types.ops import Ops


@dataclass(frozen=True, slots=True)
class Moved:
    """Routes that are new, or gone, and where they lead or led."""

    routes: tuple[str, ...]
    chain: str
    rings: str  # its endpoints, stage by stage


@dataclass(frozen=True, slots=True)
class Changed:
    """Routes that change alike."""

    routes: tuple[str, ...]
    old_chain: str
    chain: str
    changes: tuple[str, ...]  # sentences


@dataclass(frozen=True, slots=True)
class Diff:
    """All that differs."""

    routes: int  # of the new one
    new: tuple[Moved, ...]
    gone: tuple[Moved, ...]
    changed: tuple[Changed, ...]
    cascades: CascadesDiff
    other: tuple[str, ...]  # sections, with the names that are new, gone or changed

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not (self.new or self.gone or self.changed or self.cascades.is_different or self.other)

    def to_data(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"same": self.is_same, **asdict(self)}


#: Spoken of by route, or by cascade.
_ELSEWHERE = frozenset(("version", "routes", "prefixes", "default", "outbound", "chains", "messaging"))


def diff(old: Dialplan, new: Dialplan) -> Diff:
    """Compare two dialplans."""
    before, after = dict(_routes(old)), dict(_routes(new))
    pairs: dict[tuple[str, str], tuple[str, ...]] = {}
    alike: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for name, route in after.items():
        was = before.get(name)
        if was is None:
            continue
        pair = was.chain, route.chain
        if pair not in pairs:
            pairs[pair] = tuple(_compare_chains(old, new, old.chains[was.chain], new.chains[route.chain]))
        changes = (*differences(was, route, skip=("did", "chain")), *pairs[pair])
        if changes:
            alike.setdefault((*pair, changes), []).append(name)
    return Diff(
        len(after),
        _moved(new, {name: route for name, route in after.items() if name not in before}),
        _moved(old, {name: route for name, route in before.items() if name not in after}),
        tuple(Changed(tuple(names), *which) for which, names in alike.items()),
        diff_cascades(old.messaging, new.messaging),
        tuple(_other(old, new)),
    )


def _routes(dialplan: Dialplan) -> Iterator[tuple[str, Route]]:
    yield from dialplan.routes.items()
    yield from ((f"prefix {prefix}", route) for prefix, route in dialplan.prefixes.items())
    if dialplan.default is not None:
        yield "any other number", dialplan.default
    for prefix, by_trunk in dialplan.outbound.items():
        for trunk, route in by_trunk.items():
            yield f"outbound {prefix or '*'} from {trunk}", route


def _moved(dialplan: Dialplan, routes: dict[str, Route]) -> tuple[Moved, ...]:
    by_chain: dict[str, list[str]] = {}
    for name, route in routes.items():
        by_chain.setdefault(route.chain, []).append(name)
    return tuple(Moved(tuple(names), chain, _rings(dialplan.chains[chain])) for chain, names in by_chain.items())


def _rings(chain: Chain) -> str:
    return ", then ".join(_targets(stage) for stage in chain.stages)


def _targets(stage: Stage) -> str:
    return " and ".join(target.endpoint for target in stage.targets)


# --------------------------------------------------------------------------- chains


def _compare_chains(old: Dialplan, new: Dialplan, was: Chain, now: Chain) -> Iterator[str]:
    if was.name != now.name:
        yield f"chain {now.name}, was {was.name}"
    yield from _compare_stages(was, now)
    targets = _by_endpoint(was)
    for endpoint, target in _by_endpoint(now).items():
        if endpoint in targets:
            yield from (f"{endpoint}: {each}" for each in _compare_targets(targets[endpoint], target))
    for kind, before, after in (
        ("", {each: old.trunks[each] for each in _trunks(was)}, {each: new.trunks[each] for each in _trunks(now)}),
        ("hours ", {each: old.hours[each] for each in _hours(was)}, {each: new.hours[each] for each in _hours(now)}),
        ("site ", {each: old.sites[each] for each in _sites(old, was)}, {each: new.sites[each] for each in _sites(new, now)}),
    ):  # fmt: skip
        for name in before:
            if name in after:
                yield from (f"{kind}{name}: {each}" for each in differences(before[name], after[name]))


def _compare_stages(was: Chain, now: Chain) -> Iterator[str]:
    """Stages that ring the same are the same stage, be they changed; others are paired where they stand in one place."""
    old, new = was.stages, now.stages
    match = SequenceMatcher(None, [_targets(each) for each in old], [_targets(each) for each in new], autojunk=False)
    for _, first, last, begin, end in match.get_opcodes():
        pairs = min(last - first, end - begin)
        for place in range(pairs):
            for change in _compare_stage(old[first + place], new[begin + place]):
                yield f"stage {begin + place + 1}: {change}"
        for place in range(first + pairs, last):
            yield f"stage {place + 1} of before is gone: {_say_stage(old[place])}"
        for place in range(begin + pairs, end):
            yield f"stage {place + 1} is new: {_say_stage(new[place])}"


def _compare_stage(old: Stage, new: Stage) -> Iterator[str]:
    before, after = [each.endpoint for each in old.targets], [each.endpoint for each in new.targets]
    if sorted(before) == sorted(after):
        if before != after:
            yield f"rings {', '.join(after)}; was {', '.join(before)}"
    elif set(before) & set(after):
        yield from (f"rings {name} as well" for name in after if name not in before)
        yield from (f"rings {name} no longer" for name in before if name not in after)
    else:
        yield f"rings {' and '.join(after)}; was {' and '.join(before)}"
    was, now = _settings(old), _settings(new)
    yield from (f"{key} {now[key]}, was {was[key]}" for key in was if was[key] != now[key])


def _settings(stage: Stage) -> dict[str, str]:
    """What a stage says beside whom it rings, by the words of the language."""
    hedge = (
        "off" if stage.hedge is None else stage.hedge if isinstance(stage.hedge, str) else show_duration(stage.hedge)
    )
    return {
        "mode": stage.mode.value,
        "for": show_duration(stage.ring),
        "no_reply": show_duration(stage.no_reply),
        "no_progress": show_duration(stage.no_progress),
        "stagger": show_duration(stage.stagger) if stage.mode is Mode.HYBRID else "none",
        "hedge": hedge,
        "order": stage.order.value,
        "early_media": stage.early_media.value,
        "when": _say_when(stage.when),
        "after": show(stage.after),
        "max_cost": show(stage.max_cost),
    }


def _say_when(when: When | None) -> str:
    """A condition by the words of the language."""
    if when is None:
        return "none"
    states = [
        f"{kind} {name} {'up' if up else 'down'}"
        for kind, named in (("trunk", when.trunks), ("site", when.sites))
        for name, up in named
    ]
    others = (
        ("hours", when.hours),
        ("not_hours", when.not_hours),
        ("caller", when.callers),
        ("overflow", when.overflow),
    )
    return " and ".join([*(f"{key} {show(value)}" for key, value in others if value), *states])


def _say_stage(stage: Stage) -> str:
    more = "".join(f", {key} {value}" for key, value in _settings(stage).items() if key in _TELLING and value != "none")
    return f"{_targets(stage)}, {stage.mode.value}{more}"


_TELLING = ("for", "when", "after")


def _by_endpoint(chain: Chain) -> dict[str, Target]:
    return {target.endpoint: target for stage in chain.stages for target in stage.targets}


def _compare_targets(old: Target, new: Target) -> Iterator[str]:
    before, after = _via(old), _via(new)
    if before != after:
        yield f"over {', '.join(after)}; was {', '.join(before)}"
    user, was = _users(new), _users(old)
    if user != was:
        yield f"called as {show(user)}, was {show(was)}"
    if old.live != new.live:
        yield "always answers" if new.live else "does not always answer any more"


def _via(target: Target) -> tuple[str, ...]:
    return tuple(dict.fromkeys(common_name(path.trunk) for path in target.paths))


def _users(target: Target) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_user(path) for path in target.paths))


def _user(path: Path) -> str:
    return path.address.partition(":")[2].partition("@")[0]


def _trunks(chain: Chain) -> dict[str, None]:
    return dict.fromkeys(path.trunk for stage in chain.stages for target in stage.targets for path in target.paths)


def _hours(chain: Chain) -> dict[str, None]:
    conditions = [stage.when for stage in chain.stages if stage.when is not None]
    return dict.fromkeys(name for when in conditions for name in (when.hours, when.not_hours) if name)


def _sites(dialplan: Dialplan, chain: Chain) -> dict[str, None]:
    named = [name for stage in chain.stages if stage.when is not None for name, _ in stage.when.sites]
    return dict.fromkeys((*named, *(site for name in _trunks(chain) if (site := dialplan.trunks[name].site))))


# --------------------------------------------------------------------------- the rest


def _other(old: Dialplan, new: Dialplan) -> Iterator[str]:
    """Sections that differ, whoever uses them; and chains that nobody does."""
    for each in fields(Dialplan):
        if each.name in _ELSEWHERE:
            continue
        before, after = getattr(old, each.name), getattr(new, each.name)
        if same(before, after):
            continue
        if each.name == "ops":
            yield from _ops(before or Ops(), after or Ops())
            continue
        named = names_of(before, after) if hasattr(before, "keys") and hasattr(after, "keys") else "changed"
        yield f"{each.name}: {named}"
    unused = [
        {name: chain for name, chain in dialplan.chains.items() if name not in used}
        for dialplan, used in ((old, _used(old)), (new, _used(new)))
    ]
    if named := names_of(*unused):
        yield f"chains that no number has: {named}"


def _ops(old: Ops, new: Ops) -> Iterator[str]:
    """The sections that operators are shown by, each with what differs in it."""
    for each in fields(Ops):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if before is None or after is None:
            yield from [f"{each.name}: new"] * (after is not None) + [f"{each.name}: gone"] * (before is not None)
        else:
            yield from (f"{each.name}: {change}" for change in differences(before, after))


def _used(dialplan: Dialplan) -> set[str]:
    return {route.chain for _, route in _routes(dialplan)}

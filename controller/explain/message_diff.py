"""What another dialplan would change for messages: by cascade, with the providers that its steps can use, and policies.

Owns that comparison. What cascades have nothing to do with (the API, tokens, limits) is named by its key alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from controller.config.duration import show_duration
from controller.explain.differences import differences, names_of, same, show
from controller.types.messages import CascadeRules, Messaging, Provider, Step


@dataclass(frozen=True, slots=True)
class CascadeChanged:
    """One cascade, and how it changes."""

    cascade: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CascadesDiff:
    """All that differs for messages."""

    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[CascadeChanged, ...] = ()
    policies: tuple[str, ...] = ()  # sentences
    other: tuple[str, ...] = ()

    @property
    def is_different(self) -> bool:
        """Whether anything differs."""
        return bool(self.new or self.gone or self.changed or self.policies or self.other)


_ELSEWHERE = frozenset(("cascades", "policies"))
_NONE = Messaging({}, {})


def diff_cascades(old: Messaging | None, new: Messaging | None) -> CascadesDiff:
    """Compare what two dialplans say about messages."""
    if old is None and new is None:
        return CascadesDiff()
    other = ["messages are new"] if old is None else ["messages are gone"] if new is None else []
    old, new = old or _NONE, new or _NONE
    changed = []
    for name, rules in new.cascades.items():
        if name in old.cascades:
            changes = tuple(_compare(old, new, old.cascades[name], rules))
            if changes:
                changed.append(CascadeChanged(name, changes))
    for each in fields(Messaging):
        before, after = getattr(old, each.name), getattr(new, each.name)
        if each.name in _ELSEWHERE or same(before, after):
            continue
        named = names_of(before, after) if hasattr(before, "keys") and hasattr(after, "keys") else "changed"
        other.append(f"{each.name}: {named}")
    return CascadesDiff(
        tuple(name for name in new.cascades if name not in old.cascades),
        tuple(name for name in old.cascades if name not in new.cascades),
        tuple(changed),
        tuple(_compare_policies(old, new)),
        tuple(other),
    )


def _compare(old: Messaging, new: Messaging, was: CascadeRules, now: CascadeRules) -> Iterator[str]:
    for place in range(max(len(was.steps), len(now.steps))):
        if place >= len(now.steps):
            yield f"step {place + 1} of before is gone: {_say(was.steps[place])}"
        elif place >= len(was.steps):
            yield f"step {place + 1} is new: {_say(now.steps[place])}"
        else:
            yield from (f"step {place + 1}: {each}" for each in differences(was.steps[place], now.steps[place]))
    yield from differences(was, now, skip=("steps",))
    before, after = _able(old, was), _able(new, now)
    yield from (f"provider {name} can carry it as well" for name in after if name not in before)
    yield from (f"provider {name} can carry it no longer" for name in before if name not in after)
    for name in before:
        if name in after:
            yield from (f"provider {name}: {each}" for each in differences(before[name], after[name]))


def _say(step: Step) -> str:
    named = f" by {', '.join(step.providers)}" if step.providers else ""
    return f"{step.channel.value}{named}, wait {show_duration(step.wait)}"


def _able(messaging: Messaging, rules: CascadeRules) -> dict[str, Provider]:
    """The providers that one of its steps can use, whatever policies say."""
    return {
        name: provider
        for name, provider in messaging.providers.items()
        if any(provider.channel is step.channel and name in (step.providers or (name,)) for step in rules.steps)
    }


def _compare_policies(old: Messaging, new: Messaging) -> Iterator[str]:
    before, after = ({each.name: each for each in one.policies} for one in (old, new))
    for name, policy in after.items():
        if name not in before:
            yield f"{name} is new: {show(policy)}"
        else:
            yield from (f"{name}: {each}" for each in differences(before[name], policy))
    yield from (f"{name} is gone" for name in before if name not in after)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield "they stand in another order, which decides between equals"

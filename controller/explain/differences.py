"""What differs between two frozen things of a dialplan, in words: "cost 0.01, was 0.008".

Owns how values are written for that. Where something stands in its file does not count, and nothing that is kept out of
`repr` is ever shown: of that it is said that it changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from enum import Enum
from typing import Any

from controller.config.duration import show_duration

#: Where something stands, and what else follows from it.
PLACES = frozenset(("where", "version"))
#: Of drivers, and full of secrets.
OPAQUE = frozenset(("settings",))
#: Fields in seconds.
SECONDS = frozenset(
    """wait window patience floor keep lease grace retry_after count_for every burst timeout within expires least most
    hold hedge calls wire""".split()
)


def differences(old: object, new: object, skip: Iterable[str] = (), key: str = "") -> Iterator[str]:
    """Each difference in a sentence; nothing for equal things. ``skip``: fields that are spoken of elsewhere."""
    if old == new and not is_dataclass(old):
        return
    if is_dataclass(old) and type(old) is type(new):
        for each in fields(old):
            if each.name not in PLACES and each.name not in skip:
                yield from _field(each, getattr(old, each.name), getattr(new, each.name), key)
    elif isinstance(old, Mapping) and isinstance(new, Mapping):
        yield from _mapping(old, new, key)
    elif isinstance(old, tuple) and isinstance(new, tuple) and any(map(is_dataclass, (*old, *new))):
        yield from _row(old, new, key)
    elif key.rpartition(".")[2] in SECONDS and isinstance(old, float) and isinstance(new, float):
        yield f"{key} {_time(new)}, was {_time(old)}"
    else:
        yield f"{key} {show(new)}, was {show(old)}"


def same(old: object, new: object) -> bool:
    """Whether they differ in nothing but their places."""
    return next(differences(old, new), None) is None


def _field(each: Field[Any], old: object, new: object, key: str) -> Iterator[str]:
    name = f"{key}.{each.name}" if key else each.name
    if not each.repr or each.name in OPAQUE:
        if not same(old, new):
            yield f"{name} changed"
    else:
        yield from differences(old, new, key=name)


def _mapping(old: Mapping[Any, Any], new: Mapping[Any, Any], key: str) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        place = f"{key}.{show(name)}" if key else show(name)
        if name not in new:
            yield f"{place} gone"
        elif name not in old:
            yield f"{place} new" if is_dataclass(new[name]) else f"{place} {show(new[name])}, was not there"
        else:
            yield from differences(old[name], new[name], key=place)


def _row(old: tuple[Any, ...], new: tuple[Any, ...], key: str) -> Iterator[str]:
    """Things in a row, which have names or ids, or go by their places."""
    before, after = ({_name_of(each, place): each for place, each in enumerate(row, 1)} for row in (old, new))
    yield from _mapping(before, after, key)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield f"{key} in another order".lstrip()


def _name_of(thing: object, place: int) -> str:
    return str(getattr(thing, "name", "") or getattr(thing, "id", "") or place)


def _time(seconds: float) -> str:
    return show_duration(seconds) if seconds else "0s"


def names_of(old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """Which names are new, gone or changed; "" for none."""
    changed = [name for name in old if name in new and not same(old[name], new[name])]
    parts = (
        ("new", [name for name in new if name not in old]),
        ("gone", [name for name in old if name not in new]),
        ("changed", changed),
    )
    return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names)


def show(value: object) -> str:
    """A value in a word or a few."""
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list | frozenset):
        return ", ".join(map(show, value))
    if is_dataclass(value):
        shown = (each for each in fields(value) if each.repr and each.name not in PLACES | OPAQUE)
        given = ((each.name, getattr(value, each.name)) for each in shown)
        return (
            " ".join(f"{name} {show(one)}" for name, one in given if one is False or one not in (None, "", (), 0))
            or "there"
        )
    return str(value)

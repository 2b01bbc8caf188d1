"""What is assumed when somebody asks what if: names with or without their kind, and what they stand for.

Owns reading them: "carrier:a", "site:hq", "trunk:hq-pbx", "provider:sms-1", "upstream:agg-1", or the bare name where that is
clear. A name that is several things at once (a carrier and a site) has to say which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.explain.question import QuestionError, assume_down, assume_full
from controller.rules.expand import common_name
from controller.rules.usage import Usage
from controller.types import Dialplan, HealthView
from controller.types.messages import ByTrunks
from controller.wording import which_instead

KINDS = ("carrier", "site", "trunk", "provider", "upstream")


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that fails as a whole: trunks, or providers of messages."""

    kind: str
    name: str
    trunks: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is down, degraded and full. Degraded providers are tried last, as those that are down."""

    down: tuple[Thing, ...] = ()
    degraded: tuple[Thing, ...] = ()
    full: tuple[str, ...] = ()

    def view(self, dialplan: Dialplan) -> HealthView:
        """The trunks as they would be."""
        return assume_down(dialplan, _trunks(self.down), _trunks(self.degraded))

    def usage(self, dialplan: Dialplan) -> Usage:
        """What would have no room. Raises `QuestionError`."""
        return assume_full(dialplan, self.full)

    def providers_down(self, dialplan: Dialplan) -> tuple[str, ...]:
        """Providers of messages that carry nothing: also those whose calls all trunks are down for."""
        named = [name for thing in self.down for name in thing.providers]
        return tuple(dict.fromkeys((*named, *_without_trunks(dialplan, set(_trunks(self.down))))))

    @property
    def providers_degraded(self) -> tuple[str, ...]:
        """Providers of messages that others come before."""
        return tuple(dict.fromkeys(name for thing in self.degraded for name in thing.providers))


def _trunks(things: Iterable[Thing]) -> list[str]:
    return [name for thing in things for name in thing.trunks]


def _without_trunks(dialplan: Dialplan, down: set[str]) -> Iterator[str]:
    """Providers that carry messages by trunks of calls, all of which are down."""
    if dialplan.messaging is None or not down:
        return
    for provider in dialplan.messaging.providers.values():
        if isinstance(provider.settings, ByTrunks):
            trunks = dialplan.trunks.values()
            ways = [trunk.name for trunk in trunks if {trunk.name, trunk.group} & set(provider.settings.trunks)]
            if ways and down.issuperset(ways):
                yield provider.name


def things_of(dialplan: Dialplan) -> Iterator[Thing]:
    """All that can fail as a whole: the widest first."""
    trunks = dialplan.trunks.values()
    providers = dialplan.messaging.providers.values() if dialplan.messaging is not None else ()
    for name in dict.fromkeys(trunk.carrier for trunk in trunks if trunk.carrier):
        yield Thing("carrier", name, tuple(trunk.name for trunk in trunks if trunk.carrier == name))
    for name, site in dialplan.sites.items():
        yield Thing("site", name, site.pbx)
    for name in dict.fromkeys(common_name(trunk.name) for trunk in trunks):
        yield Thing("trunk", name, tuple(trunk.name for trunk in trunks if name in (trunk.name, trunk.group)))
    for name in dict.fromkeys(provider.upstream for provider in providers if provider.upstream):
        yield Thing("upstream", name, providers=tuple(each.name for each in providers if each.upstream == name))
    for provider in providers:
        yield Thing("provider", provider.name, providers=(provider.name,))


def single_failures(dialplan: Dialplan) -> list[Thing]:
    """Each of them once: what is one trunk or provider alone under two names is asked about once."""
    once: dict[tuple[tuple[str, ...], tuple[str, ...]], Thing] = {}
    for thing in things_of(dialplan):
        once.setdefault((thing.trunks, thing.providers), thing)
    return list(once.values())


def read_things(dialplan: Dialplan, words: Iterable[str]) -> tuple[Thing, ...]:
    """The things that words name. Raises `QuestionError`."""
    known = list(things_of(dialplan))
    return tuple(_read(known, word) for word in dict.fromkeys(words))


def _read(known: list[Thing], word: str) -> Thing:
    kind, colon, name = word.partition(":")
    if not colon:
        kind, name = "", word
    elif kind not in KINDS:
        raise QuestionError(f"{word!r}: there is no kind {kind!r}; write {', '.join(KINDS)}, a colon and the name")
    found = [thing for thing in known if thing.name == name and kind in ("", thing.kind)]
    if not found:
        names = dict.fromkeys(thing.name for thing in known if kind in ("", thing.kind))
        what = f"no {kind}" if kind else "neither a trunk, a site, a carrier, a provider nor an upstream"
        raise QuestionError(f"{name!r} is {what}; {which_instead(name, names)}")
    if len({(thing.trunks, thing.providers) for thing in found}) > 1:
        which = " or ".join(f"{thing.kind}:{name}" for thing in found)
        raise QuestionError(f"{name!r} is more than one thing; write {which}")
    return found[0]

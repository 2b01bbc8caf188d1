"""What is believed about all names of a dialplan.

Owns which names those are, and the words for what changes about them. Pure; `keeper` feeds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any
from zlib import crc32

from controller.resolver.belief import Alive, Belief
from controller.resolver.question import Asked, Found, LookupFailed, Question, questions_of
from controller.types import Address, Dialplan, Dns

#: What is known from an earlier life is asked again after so long: probes have had their say by then. Seconds.
SETTLE = 3.0


@dataclass(frozen=True, slots=True)
class NameNews:
    """Something to tell about a name."""

    name: str
    trunks: tuple[str, ...]
    lost: bool = False  # answers stay away, or come back (False); what is used stays
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()  # of addresses; both empty where they stay
    why: str = ""


@dataclass(slots=True)
class Book:
    """All names, by question."""

    dns: Dns = field(default_factory=Dns)
    beliefs: dict[Question, Belief] = field(default_factory=dict)
    asked: Asked = field(default_factory=lambda: Asked({}, {}))

    def follow(self, dialplan: Dialplan, now: float) -> None:
        """Keep the names of this dialplan, and forget others."""
        self.dns = dialplan.dns
        self.asked = questions_of(dialplan)
        wanted = dict.fromkeys([*self.asked.trunks.values(), *self.asked.hosts.values()])
        self.beliefs = {question: self.beliefs.get(question) or Belief(now) for question in wanted}

    def known(self) -> dict[Question, tuple[Address, ...]]:
        """What is used now, of those of which anything is known."""
        return {question: belief.addresses() for question, belief in self.beliefs.items() if belief.listed}

    def addresses(self) -> dict[str, tuple[Address, ...]]:
        """What each trunk with a name leads to now, for `rules.expand`."""
        known = self.known()
        return {trunk: known[question] for trunk, question in self.asked.trunks.items() if question in known}

    def hosts(self) -> dict[str, tuple[str, ...]]:
        """The IP addresses of the other names, for `Element.learn_names`."""
        return hosts_of(self.asked, self.known())

    def trunks_of(self, question: Question) -> tuple[str, ...]:
        """The trunks that use a name."""
        return tuple(trunk for trunk, asked in self.asked.trunks.items() if asked == question)

    def due(self, now: float) -> list[Question]:
        """The names to ask about now."""
        return [question for question, belief in self.beliefs.items() if belief.due <= now]

    def next_due(self, default: float) -> float:
        """When that is not empty next."""
        return min((belief.due for belief in self.beliefs.values()), default=default)

    def take(self, found: Mapping[Question, Found], alive: Alive, now: float) -> list[NameNews]:
        """Take what came of asking; names that nobody wants any more are passed over."""
        news: list[NameNews] = []
        for question, what in found.items():
            belief = self.beliefs.get(question)
            if belief is None:
                continue
            before, why = belief.addresses(), belief.why
            if isinstance(what, LookupFailed):
                belief.fail(str(what), self.dns, now)
            else:
                belief.take(what, alive, self.dns, now, spread=crc32(str(question).encode()) / 2**32)
            news += self._compare(question, before, why)
        return news

    def review(self, alive: Alive, now: float) -> list[NameNews]:
        """Look again at what health decides; ask often, it is cheap."""
        news: list[NameNews] = []
        for question, belief in self.beliefs.items():
            before, why = belief.addresses(), belief.why
            if belief.review(alive, self.dns, now):
                news += self._compare(question, before, why)
        return news

    def _compare(self, question: Question, before: tuple[Address, ...], why: str) -> Iterable[NameNews]:
        belief = self.beliefs[question]
        old, new = (tuple(show_address(each) for each in which) for which in (before, belief.addresses()))
        if before != belief.addresses():
            yield NameNews(str(question), self.trunks_of(question), bool(belief.why), old, new, belief.why)
        elif bool(why) != bool(belief.why):
            yield NameNews(str(question), self.trunks_of(question), bool(belief.why), why=belief.why)

    # ------------------------------------------------------------------ plain data

    def dump(self, now: float) -> list[Any]:
        """What a later life needs."""
        return [[*astuple(question), belief.dump(now)] for question, belief in self.beliefs.items() if belief.listed]

    def load(self, data: Iterable[Any], then: float, now: float) -> None:
        """What `dump` gave at ``then``. Raises ValueError, TypeError or LookupError for anything else."""
        for host, port, transport, service, reach, row in data:
            belief = Belief.load(row, then)
            if belief.listed:
                belief.due = now + SETTLE
                ours = tuple((transport, version) for transport, version in reach)
                self.beliefs[Question(host, port, transport, tuple(service), ours)] = belief


def hosts_of(asked: Asked, known: Mapping[Question, tuple[Address, ...]]) -> dict[str, tuple[str, ...]]:
    """The IP addresses of the names that are no trunks', the best first."""
    return {
        host: tuple(dict.fromkeys(address.host for address in known[question]))
        for host, question in asked.hosts.items()
        if known.get(question)
    }


def show_address(address: Address) -> str:
    """As ``udp:192.0.2.1:5060``."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{address.transport}:{host}:{address.port}"

"""What is believed about one name, whatever a resolver says: the policy against lost, slow and lying ones.

Owns which addresses of a name are used, in which rank, and when it is asked again. Pure: answers, failures, what lives
and ``now`` come in, addresses go out. Must not ask anything. Times are seconds.

The rules

* A failure changes nothing, however long it lasts, and neither does an answer without addresses: what was believed last
  stands (serve stale, after RFC 8767), for the alternative is no address at all.
* An answer that keeps an address which is proved alive, by probes or calls, is believed at once. So is any answer when
  nothing that is believed is proved alive: a carrier that moves after a disaster is followed with the next answer, and the name
  is asked again as often as may be.
* An address that comes to a name of which others live is *new*: tried behind all of them until it has proved alive
  itself, or for `PROVE`. A slip in a zone file delays no call.
* An answer that drops everything which lives is *doubted*: only when it has been repeated for `DOUBT`, and `REPEATED`
  times, is it believed. A resolver that lies for less changes no call. While it is doubted nothing is sent there.
* An address that lives and is listed no longer is *spare*: tried after those that are listed, for `SPARE`. Not for
  ever: an address may be given to somebody else, who answers probes as well.
* An answer of which a part is missing does not replace a whole one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from typing import Any

from controller.resolver.question import Answer
from controller.types import Address, Dns

#: How long, and how often, an answer must be repeated that drops every address which lives, seconds. More than the ten
#: minutes for which a resolver may lie without a call noticing, less than a carrier announces a move ahead.
DOUBT, REPEATED = 900.0, 3

#: How long an address that lives is used after it was last listed, seconds.
SPARE = 3600.0

#: How long an address that has not proved alive stays behind those that have, seconds: for who cannot prove it.
PROVE = 60.0

#: After a failure the name is asked again after the least time for which an answer is good, doubled each time up to
#: this, seconds.
MAX_RETRY = 60.0

#: Addresses used of one name at most: each is probed, and each may be a caller's next try.
MAX_ADDRESSES = 16

#: What probes and calls say of an address: True where it is proved alive, False where it is DOWN, None where nobody knows.
Alive = Callable[[Address], bool | None]
Key = tuple[str, int, str]


@dataclass(slots=True)
class Doubted:
    """An answer that drops all that lives."""

    answer: Answer
    since: float
    times: int = 1


class Belief:
    """One name. Feed it `take` and `fail`; read `addresses` and `due`."""

    __slots__ = ("answered_at", "complete", "doubted", "due", "failures", "listed", "new", "spares", "why")

    def __init__(self, now: float) -> None:
        self.listed: tuple[Address, ...] = ()  # what is believed, best rank first
        self.spares: dict[Key, tuple[Address, float]] = {}  # and when it was last listed
        self.new: dict[Key, float] = {}  # of those that are listed, and since when
        self.doubted: Doubted | None = None
        self.complete = True
        self.due = now  # when to ask again
        self.answered_at: float | None = None  # by an answer that was believed
        self.failures = 0  # in a row
        self.why = ""  # of the last failure, or of a doubt; "" while all is well

    # ------------------------------------------------------------------ what comes in

    def take(self, answer: Answer, alive: Alive, dns: Dns, now: float, spread: float = 0.0) -> bool:
        """Take an answer; whether other addresses are used now. ``spread`` (0 .. 1) is the name's place within a tenth
        of the time to the next question, so that not all names are asked at once."""
        if self.listed and self.complete and not answer.complete:
            self.fail("only a part of the questions was answered", dns, now)
            return False
        self.failures = 0
        self.why = ""
        self.due = now + max(dns.least, min(answer.ttl, dns.most)) * (1.0 - 0.1 * spread)
        answer = replace(answer, addresses=answer.addresses[:MAX_ADDRESSES])
        new = {key_of(address) for address in answer.addresses}
        living = [address for address in self.listed if alive(address)]
        if living and not any(key_of(address) in new for address in living):
            return self._doubt(answer, new, alive, now)
        return self._adopt(answer, alive, now)

    def fail(self, why: str, dns: Dns, now: float) -> None:
        """Nothing usable came: what is believed stands."""
        self.why = why
        self.due = now + min(dns.least * 2.0 ** min(self.failures, 10), max(MAX_RETRY, dns.least))
        self.failures += 1

    def review(self, alive: Alive, dns: Dns, now: float) -> bool:
        """Look again at what only health can decide; whether other addresses are used now. Cheap: ask often."""
        changed = bool(self.new) and self._prove(alive, now)
        if not self.listed or any(alive(address) is not False for address in self.listed):
            return changed
        self.due = min(self.due, now + dns.least)  # all are dead: perhaps it has moved
        return changed if self.doubted is None else self._adopt(self.doubted.answer, alive, now)

    def _prove(self, alive: Alive, now: float) -> bool:
        """Let new addresses take their places, once they live or nothing else does."""
        before = len(self.new)
        if not any(alive(address) for address in self.listed if key_of(address) not in self.new):
            self.new = {}
        for address in self.listed:
            since = self.new.get(key_of(address), now)
            if alive(address) or now - since >= PROVE:
                self.new.pop(key_of(address), None)
        return len(self.new) < before

    def _doubt(self, answer: Answer, new: set[Key], alive: Alive, now: float) -> bool:
        doubted = self.doubted
        if doubted is None or new.isdisjoint(key_of(address) for address in doubted.answer.addresses):
            self.doubted = Doubted(answer, now)
        else:
            doubted.answer = answer
            doubted.times += 1
            if doubted.times >= REPEATED and now - doubted.since >= DOUBT:
                return self._adopt(answer, alive, now)
        self.why = "the answer drops every address that lives: not believed yet"
        return False

    def _adopt(self, answer: Answer, alive: Alive, now: float) -> bool:
        before = self.addresses()
        listed = {key_of(address): address for address in answer.addresses}
        known = {key_of(address) for address in before}
        lives = any(key_of(address) in listed and alive(address) for address in before)
        self.new = {key: self.new.get(key, now) for key in listed if key in self.new or (lives and key not in known)}
        for address in self.listed:
            if key_of(address) not in listed and alive(address):
                self.spares[key_of(address)] = address, now
        self.spares = {
            key: (address, since)
            for key, (address, since) in self.spares.items()
            if key not in listed and now - since < SPARE
        }
        self.listed = answer.addresses
        self.complete = answer.complete
        self.doubted = None
        self.why = ""
        self.answered_at = now
        return self.addresses() != before

    # ------------------------------------------------------------------ what is used

    def addresses(self) -> tuple[Address, ...]:
        """What is used now, best rank first."""
        if not self.spares and not self.new:
            return self.listed
        behind = max(address.rank for address in self.listed) + 1
        room = max(0, MAX_ADDRESSES - len(self.listed))
        spares = sorted(self.spares.values(), key=lambda spare: -spare[1])[:room]
        new = [address for address in self.listed if key_of(address) in self.new]
        return (
            *(address for address in self.listed if key_of(address) not in self.new),
            *(replace(address, rank=behind) for address, _ in spares),
            *(replace(address, rank=behind + 1 + address.rank) for address in new),
        )

    # ------------------------------------------------------------------ plain data

    def dump(self, now: float) -> dict[str, Any]:
        """What a later life needs, times as ages."""
        return {
            "listed": [asdict(address) for address in self.listed],
            "spares": [[asdict(address), now - since] for address, since in self.spares.values()],
            "complete": self.complete,
            "age": None if self.answered_at is None else now - self.answered_at,
        }

    @classmethod
    def load(cls, data: Mapping[str, Any], now: float) -> Belief:
        """What `dump` gave. Raises ValueError, TypeError or LookupError for anything else."""
        belief = cls(now)
        belief.listed = tuple(Address(**address) for address in data["listed"])
        spares = [(Address(**address), now - age) for address, age in data["spares"]]
        belief.spares = {key_of(address): (address, since) for address, since in spares}
        belief.complete = bool(data["complete"])
        belief.answered_at = None if data["age"] is None else now - float(data["age"])
        for address in belief.addresses():
            ip_address(address.host)
            if not (0 < address.port < 65536 and address.weight >= 0):
                raise ValueError(f"{address} is no address")
        return belief


def key_of(address: Address) -> Key:
    """What tells one address from another, whatever its rank."""
    return address.host, address.port, address.transport

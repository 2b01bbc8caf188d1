"""What is asked about a name, and what came of it: the vocabulary of the resolver.

Owns no behaviour but how a dialplan becomes questions. Times are seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from controller.types import Address, Dialplan, Listen, Trunk
from sip.uri import default_port, is_address, parse_uri, transport_of


@dataclass(frozen=True, slots=True)
class Question:
    """A name as trunks use it: two trunks that ask the same share one answer."""

    host: str  # lower case, without the root's dot
    port: int  # where no SRV record says another one
    transport: str
    service: tuple[str, ...] = ()  # transports whose SRV records are asked for; () where a port was written
    reach: tuple[tuple[str, int], ...] = (
        ("udp", 4),
    )  # transports and IP versions that our listeners reach, the best first

    def __str__(self) -> str:
        return self.host if self.service else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The addresses of a name, best rank first; never none."""

    addresses: tuple[Address, ...]
    ttl: float  # good for so long
    complete: bool = True  # False: some part was never answered, and the rest may be less than there is


class LookupFailed(Exception):
    """Nothing came that could be used; the message says why, in few words."""


Found = Answer | LookupFailed


@dataclass(frozen=True, slots=True)
class Asked:
    """What a dialplan wants to know."""

    trunks: Mapping[str, Question]  # by trunk, of those that have names
    hosts: Mapping[str, Question]  # by name, of others that are reached: registrars


def questions_of(dialplan: Dialplan) -> Asked:
    """All questions of a dialplan; for many dialplans none."""
    hosts: dict[str, Question] = {}
    for trunk in dialplan.trunks.values():
        for text in trunk.register.registrars if trunk.register else ():
            uri = parse_uri(text)
            transport = transport_of(uri)
            if not is_address(uri.host) and uri.host not in hosts:
                there = replace(trunk, host=uri.host, port=uri.port or default_port(transport), transport=transport)
                found = question_of(replace(there, service=()), dialplan.listen)
                if found is not None:
                    hosts[uri.host] = found
    trunks = ((trunk.name, question_of(trunk, dialplan.listen)) for trunk in dialplan.trunks.values())
    return Asked({name: question for name, question in trunks if question is not None}, hosts)


def question_of(trunk: Trunk, listen: Iterable[Listen]) -> Question | None:
    """What to ask about a trunk; None for one with an IP address."""
    if is_address(trunk.host):
        return None
    ours = [each for each in listen if trunk.listener in ("", each.name)]
    reach = dict.fromkeys(
        (each.transport, 6 if ":" in each.host else 4)
        for transport in trunk.service or (trunk.transport,)
        for each in ours
        if each.transport == transport
    )
    host = trunk.host.lower().removesuffix(".")
    return Question(host, trunk.port, trunk.transport, trunk.service, tuple(reach))

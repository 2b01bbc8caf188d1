"""Addresses that are looked up ahead: where each trunk is, and by which listener of ours.

Owns the step from a dialplan as it is written to one with addresses. It may block (names that nobody knows yet are looked
up), so it is done at the start and, in a thread, for a reload, never for a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.listeners import choose_listener
from controller.resolver.belief import key_of
from controller.resolver.book import hosts_of
from controller.resolver.question import Answer, Found, LookupFailed, Question, questions_of
from controller.rules.expand import Addresses, common_name, expand
from controller.types import Address, Dialplan, Dns
from sip.transaction import Hop
from sip.uri import is_address


class AddressError(Exception):
    """An address is not to be had; the message says where, what and what to do."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A dialplan whose trunks have addresses."""

    dialplan: Dialplan  # a trunk for each address
    hops: dict[str, Hop]
    found: Mapping[Question, Found]  # what was looked up for it
    names: Mapping[str, tuple[str, ...]]  # addresses of other hosts: registrars


def place_trunks(dialplan: Dialplan, known: Mapping[Question, tuple[Address, ...]]) -> Placed:
    """The dialplan with addresses; names that are not ``known`` are looked up.

    Raises `AddressError` naming every trunk that leads nowhere.
    """
    asked = questions_of(dialplan)
    wanted = [*asked.trunks.values(), *asked.hosts.values()]
    found = look_up(dialplan.dns, dict.fromkeys(question for question in wanted if question not in known))
    addresses = dict(known) | {name: what.addresses for name, what in found.items() if isinstance(what, Answer)}
    expanded, hops = find_ways(
        dialplan, {name: addresses[each] for name, each in asked.trunks.items() if each in addresses}
    )
    reached = {common_name(name) for name in hops}
    problems = []
    for trunk in dialplan.trunks.values():
        if trunk.name not in reached:
            question = asked.trunks.get(trunk.name)
            failed = found.get(question) if question is not None else None
            why = (
                str(failed)
                if isinstance(failed, LookupFailed)
                else "it has no address but ours, or none that a listener of ours reaches"
            )
            problems.append(
                f"{trunk.where}: cannot resolve {trunk.host!r} of trunk {trunk.name!r}: {why};"
                " check the name or write an IP address"
            )
    if problems:
        raise AddressError("\n".join(problems))
    return Placed(expanded, hops, found, hosts_of(asked, addresses))


def find_ways(dialplan: Dialplan, addresses: Addresses) -> tuple[Dialplan, dict[str, Hop]]:
    """The dialplan with these addresses of its names, and where its trunks are; those that no listener reaches are not
    among them. Addresses of ours are left out: calls would run in a circle."""
    ours = {(each.host, each.port, each.transport) for each in dialplan.listen}
    ours |= {(*each.advertise, each.transport) for each in dialplan.listen if each.advertise is not None}
    others = {name: [each for each in known if key_of(each) not in ours] for name, known in addresses.items()}
    expanded = expand(dialplan, others)
    hops: dict[str, Hop] = {}
    for trunk in expanded.trunks.values():
        if not is_address(trunk.host):
            continue
        hop = Hop(trunk.host, trunk.port, trunk.transport)
        listener = choose_listener(trunk, hop, dialplan.listen)
        if listener is not None:
            hops[trunk.name] = hop._replace(listener=listener)
    return expanded, hops


def look_up(settings: Dns, questions: Iterable[Question]) -> dict[Question, Found]:
    """What DNS says now; it blocks for a few times the time-out of a question."""
    wanted = list(questions)
    if not wanted:
        return {}
    from controller.resolver.lookup import Lookup  # dnspython takes its time to import, and most need no names

    return Lookup(settings).find_all(wanted)

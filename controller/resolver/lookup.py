"""Asking: NAPTR, SRV, A and AAAA of the names of trunks (RFC 3263 §4), by dnspython, and what the hosts file says first.

Owns the order of questions and what an answer of several parts is. It does I/O and takes its time: it runs in a thread
with a loop of its own, so that not even parsing a large answer holds the pump up. Must not decide what is believed.

A part that is not answered is taken as it was answered the last time (serve stale, RFC 8767); one that never was, as if
it held nothing, and the answer is not complete. Where nothing at all was answered the look-up has failed.

* A port that was written: A and AAAA, and nothing else (§4.2).
* A transport that was written: its SRV records, then A and AAAA.
* Neither: NAPTR says which transport; without NAPTR the first with SRV records; without those UDP.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

from controller.resolver.belief import MAX_ADDRESSES, MAX_RETRY, key_of
from controller.resolver.hosts import HOSTS, read_hosts
from controller.resolver.question import Answer, Found, LookupFailed, Question
from controller.types import Address, Dns

#: NAPTR service and the name before SRV records, by transport (RFC 3263 §4.1, RFC 3261 §26.4.2 for TLS).
SERVICES = {"udp": "SIP+D2U", "tcp": "SIP+D2T", "tls": "SIPS+D2T"}
SRV_NAMES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}

RESOLV_CONF = "/etc/resolv.conf"
AT_ONCE = 200  # questions that wait for an answer at a time, each with a socket
MAX_KNOWN = 4096  # parts that are remembered: whoever makes up names must not fill our memory
HOSTS_TTL = 30.0  # seconds: the hosts file has none


@dataclass(slots=True)
class _Part:
    """What one question to DNS came to."""

    records: Sequence[Any] = ()
    ttl: float = MAX_RETRY
    failed: str = ""  # why; its records are then those of the last time
    unknown: bool = False  # there was no last time
    absent: str = ""  # why there are no records, by an answer that says so


@dataclass(slots=True)
class Lookup:
    """Asks about names. Remembers what each part was answered the last time; use it from one thread at a time."""

    settings: Dns
    hosts_file: Path = HOSTS
    _known: dict[tuple[str, str], _Part] = field(default_factory=dict)  # those answered last at the end
    _room: asyncio.Semaphore = field(init=False)

    def find_all(self, questions: Iterable[Question]) -> dict[Question, Found]:
        """Ask about these names, all at the same time. It blocks, for a few times the time-out of a question."""
        return asyncio.run(self._find_all(list(questions)))

    async def _find_all(self, questions: Sequence[Question]) -> dict[Question, Found]:
        hosts = read_hosts(self.hosts_file)
        self._room = asyncio.Semaphore(AT_ONCE)
        try:
            resolver = _make_resolver(self.settings)
        except (dns.exception.DNSException, ValueError, OSError) as error:
            failed = LookupFailed(f"the system names no DNS server ({error})")
            return {question: _from_hosts(question, hosts) or failed for question in questions}

        async def find(question: Question) -> Found:
            try:
                return _from_hosts(question, hosts) or await _Search(self, resolver, question).find()
            except LookupFailed as failed:
                return failed
            except Exception as error:  # noqa: BLE001  # whatever a resolver sends must not cost the other names
                return LookupFailed(f"{type(error).__name__}: {error}")

        found = await asyncio.gather(*(find(question) for question in questions))
        return dict(zip(questions, found, strict=True))

    async def ask(self, resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> _Part:
        """One question to DNS."""
        part = _Part()
        try:
            async with self._room:
                answer = await resolver.resolve(name, kind, raise_on_no_answer=False, search="." not in name)
        except dns.resolver.NXDOMAIN:
            part.absent = "the name does not exist"
        except (dns.exception.DNSException, OSError, ValueError, EOFError) as error:
            known = self._known.get((name, kind))
            if known is None:
                return _Part(failed=_why(error), unknown=True)
            return _Part(known.records, known.ttl, _why(error), absent=known.absent)
        else:
            part.records = list(answer) if answer.rrset is not None else []
            part.ttl = float(answer.chaining_result.minimum_ttl)
            part.absent = "" if part.records else f"the name has no {kind} record"
        self._known.pop((name, kind), None)
        self._known[name, kind] = part
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]
        return part


def _make_resolver(settings: Dns) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(RESOLV_CONF, configure=not settings.servers)
    if settings.servers:
        resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in settings.servers]
    resolver.lifetime = settings.timeout
    resolver.timeout = settings.timeout / min(2, max(1, len(resolver.nameservers)))  # the second one gets its turn
    return resolver


class _Search:
    """One look-up: the parts that it is made of, and what they come to together."""

    def __init__(self, lookup: Lookup, resolver: dns.asyncresolver.Resolver, question: Question) -> None:
        self._lookup = lookup
        self._resolver = resolver
        self._question = question
        self._parts: list[_Part] = []  # that the answer is made of
        self._plain: list[_Part] = []  # those about the name itself
        self._versions = list(dict.fromkeys(version for _, version in question.reach))
        self._transports = list(dict.fromkeys(transport for transport, _ in question.reach))

    async def find(self) -> Answer:
        """Raises `LookupFailed`."""
        question = self._question
        ours = self._transports
        transport = question.transport if question.transport in ours or not ours else ours[0]
        plain = self._addresses_of(question.host, question.port, transport, self._plain)
        if not question.service:
            found = await plain
            self._parts = self._plain
        else:  # all at once: a resolver that is slow for one is slow for all
            naptr, services, plain_found = await asyncio.gather(
                self._naptr(),
                asyncio.gather(*(self._srv(_srv_name(question.host, t)) for t in self._transports)),
                plain,
            )
            found = await self._by_service(naptr, dict(zip(self._transports, services, strict=True)))
            if not found:
                found = plain_found
                self._parts += self._plain
        return self._sum_up(found)

    async def _by_service(
        self, naptr: Sequence[tuple[str, str]], services: Mapping[str, Sequence[Any]]
    ) -> list[Address]:
        for transport, name in naptr:  # the domain's own liking goes first
            own = name == _srv_name(self._question.host, transport)
            records = services[transport] if own else await self._srv(name)
            if found := await self._targets(records, transport):
                return found
        if not naptr:
            for transport, records in services.items():
                if found := await self._targets(records, transport):
                    return found
        return []

    async def _naptr(self) -> list[tuple[str, str]]:
        """Transports and the names of their SRV records, as the domain likes them; where none was written only."""
        if len(self._question.service) < 2:
            return []
        part = await self._ask(self._question.host, "NAPTR", self._parts)
        wanted = {SERVICES[transport].lower(): transport for transport in self._transports}
        found = []
        for record in sorted(part.records, key=lambda record: (record.order, record.preference)):
            transport = wanted.get(record.service.decode("ascii", "replace").lower())
            if transport is not None and record.flags.lower() == b"s":
                found.append((transport, _text(record.replacement)))
        return found[:MAX_ADDRESSES]

    async def _srv(self, name: str) -> list[Any]:
        part = await self._ask(name, "SRV", self._parts)
        records = [record for record in part.records if _text(record.target)]  # ".": decidedly none (RFC 2782)
        records.sort(key=lambda record: (record.priority, -record.weight, _text(record.target), record.port))
        return records[:MAX_ADDRESSES]

    async def _targets(self, records: Sequence[Any], transport: str) -> list[Address]:
        """The addresses behind SRV records, ranked by their priority."""
        jobs = (self._addresses_of(_text(each.target), each.port, transport, self._parts) for each in records)
        found = await asyncio.gather(*jobs)
        ranked: list[Address] = []
        for record, addresses in zip(records, found, strict=True):
            ranked += [
                Address(each.host, each.port, transport, record.priority * 2 + each.rank, record.weight)
                for each in addresses
            ]
        return ranked

    async def _addresses_of(self, name: str, port: int, transport: str, parts: list[_Part]) -> list[Address]:
        """A and AAAA; ranked by which of our listeners comes first."""
        versions = [version for version in self._versions if (transport, version) in self._question.reach]
        try:
            literal = ipaddress.ip_address(name)  # in an SRV record it is a mistake, and a clear one
        except ValueError:
            kinds = ("A" if version == 4 else "AAAA" for version in versions)
            found = await asyncio.gather(*(self._ask(name, kind, parts) for kind in kinds))
            records = [[str(record.address) for record in part.records] for part in found]
        else:
            records = [[name] if literal.version == version else [] for version in versions]
        return [
            Address(host, port, transport, rank)
            for rank, hosts in enumerate(records)
            for host in hosts
            if _is_usable(host, port)
        ]

    async def _ask(self, name: str, kind: str, parts: list[_Part]) -> _Part:
        part = await self._lookup.ask(self._resolver, name, kind)
        parts.append(part)
        return part

    def _sum_up(self, found: Iterable[Address]) -> Answer:
        parts = self._parts
        failed = [part.failed for part in parts if part.failed]
        addresses = _rank(found)
        if not addresses or len(failed) == len(parts):
            absent = [part.absent for part in self._plain if part.absent]
            raise LookupFailed((failed or absent or ["no address that a listener of ours reaches"])[0])
        ttl = min(MAX_RETRY if part.failed else part.ttl for part in parts if part.records or part.failed)
        return Answer(addresses, ttl, complete=not any(part.unknown for part in parts))


def _from_hosts(question: Question, hosts: Mapping[str, Sequence[str]]) -> Answer | None:
    transports: Iterable[str] = question.service or (question.transport,)
    for transport in transports:
        versions = [version for kind, version in question.reach if kind == transport]
        known = [
            Address(host, question.port, transport, versions.index(version))
            for host in hosts.get(question.host, ())
            if (version := ipaddress.ip_address(host).version) in versions
        ]
        if known:
            return Answer(_rank(known), HOSTS_TTL)
    return None


def _rank(found: Iterable[Address]) -> tuple[Address, ...]:
    """Each address once, with ranks from 0 on without gaps; equals in an order that no resolver can turn around."""
    best: dict[tuple[str, int, str], Address] = {}
    for address in sorted(found, key=lambda each: (each.rank, -each.weight, *key_of(each))):
        best.setdefault(key_of(address), address)
    kept = list(best.values())[:MAX_ADDRESSES]
    ranks = {rank: place for place, rank in enumerate(sorted({address.rank for address in kept}))}
    return tuple(Address(*key_of(each), rank=ranks[each.rank], weight=each.weight) for each in kept)


def _is_usable(host: str, port: int) -> bool:
    address = ipaddress.ip_address(host)
    return 0 < port < 65536 and not (address.is_unspecified or address.is_multicast or address.is_link_local)


def _srv_name(host: str, transport: str) -> str:
    return f"{SRV_NAMES[transport]}.{host}"


def _text(name: Any) -> str:
    return str(name.to_text(omit_final_dot=True)).lower() if len(name) > 1 else ""


def _why(error: BaseException) -> str:
    if isinstance(error, dns.exception.Timeout):
        return "no DNS server answered in time"
    if isinstance(error, dns.resolver.NoNameservers):
        return "no DNS server gave a proper answer"
    return str(error) or type(error).__name__

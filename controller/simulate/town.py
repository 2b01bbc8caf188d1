"""All that stands in for the providers of one dialplan: whoever it looks for on this machine is there.

Owns which provider is simulated, by what and where. One HTTP server is all the accounts that share its port; each SMSC
and mail server has its own. What is not on a loopback address is left alone: this must never stand in for a real one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from controller.config.diagnostics import quoted
from controller.config.messages_providers import ProviderModel
from controller.simulate.base import Fates, Faults, Got, Journal
from controller.simulate.dialects import DIALECTS, Account
from controller.simulate.http import HttpSimulator
from controller.simulate.mail import MailServer
from controller.simulate.smsc import Smsc
from controller.types.messages import Messaging
from controller.types.smpp import Smpp, SmppIds
from controller.types.smtp import Smtp, SmtpSecurity

Place = tuple[str, int]


class TownError(Exception):
    """It cannot be simulated; the message says what and why, for people."""


@dataclass(slots=True)
class TellingJournal(Journal):
    """A journal that says what it writes."""

    tell: Callable[[Got], None] = lambda _got: None

    def add(self, got: Got) -> None:
        Journal.add(self, got)
        self.tell(got)


@dataclass(slots=True)
class Town:
    """The servers of a dialplan, not started yet."""

    http: dict[Place, list[Account]] = field(default_factory=dict)
    smscs: dict[Place, tuple[str, Smpp]] = field(default_factory=dict)
    mails: dict[Place, tuple[str, Smtp]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)  # providers, and why
    numbers: dict[str, str] = field(default_factory=dict)  # by provider: one of ours that people can write to

    @property
    def providers(self) -> list[str]:
        """Those that are simulated."""
        accounts = (account.name for each in self.http.values() for account in each)
        return [*accounts, *(name for name, _ in (*self.smscs.values(), *self.mails.values()))]


def plan_town(messaging: Messaging | None, written: Mapping[str, ProviderModel]) -> Town:
    """Which of the providers are simulated, and where. ``written``: as they stand in the file. Raises `TownError`."""
    town = Town()
    if messaging is None:
        raise TownError("this dialplan has no providers of messages: there is nothing to simulate")
    taken: dict[Place, str] = {}
    for name, provider in messaging.providers.items():
        match provider.settings:
            case Smpp() as smpp if is_here(smpp.host):
                _take(taken, (smpp.host, smpp.port), name, "smpp")
                town.smscs[smpp.host, smpp.port] = name, smpp
                if smpp.tls:
                    raise TownError(f"provider {quoted(name)} asks for TLS, which the simulated SMSC does not speak")
            case Smtp() as smtp if is_here(smtp.host):
                if smtp.security is not SmtpSecurity.OFF:
                    raise TownError(f"provider {quoted(name)} asks for TLS: write security: off for a simulated server")
                _take(taken, (smtp.host, smtp.port), name, "smtp")
                town.mails[smtp.host, smtp.port] = name, smtp
            case Smpp() | Smtp():
                town.left_out[name] = "it is on another machine"
            case _:
                _plan_account(town, taken, name, written[name], messaging)
    for name, provider in messaging.providers.items():
        ours = [sender.id for sender in provider.senders if "receive" in sender.can]
        town.numbers[name] = next(iter(ours), provider.senders[0].id if provider.senders else "")
    if not town.providers:
        raise TownError("none of the providers is on a loopback address: there is nothing to simulate")
    return town


def _why_not(written: ProviderModel) -> str:
    if written.preset is not None:
        return f"preset {written.preset} has no simulator"
    return "calls go by trunks" if written.channel == "voice" else "only presets, SMSCs and mail servers are simulated"


def _plan_account(town: Town, taken: dict[Place, str], name: str, written: ProviderModel, messaging: Messaging) -> None:
    preset = written.preset
    if preset is None or preset not in DIALECTS:
        town.left_out[name] = _why_not(written)
        return
    url = urlsplit(written.url or "")
    if url.hostname is None or not is_here(url.hostname):
        town.left_out[name] = "it is on another machine"
        return
    if url.scheme != "http" or url.path.strip("/") != name:
        raise TownError(f"provider {quoted(name)}: a simulated one has url: http://{url.netloc}/{name}")
    place = url.hostname, url.port or 80
    _take(taken, place, name, "http")
    hook = f"{messaging.public.rstrip('/')}/hooks/{name}" if messaging.public else ""
    words = (written.account or "", written.token or "", written.secret or "")
    account = Account(name, preset, str(written.channel), *words, hook, written.vars)
    town.http.setdefault(place, []).append(account)


def _take(taken: dict[Place, str], place: Place, name: str, kind: str) -> None:
    if place in taken and (taken[place] != "http" or kind != "http"):
        raise TownError(f"provider {quoted(name)} and another one are both at {place[0]}:{place[1]}")
    taken[place] = kind


def is_here(host: str) -> bool:
    """Whether a host is this machine and nothing else."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class Running:
    """A town that is open."""

    def __init__(self, town: Town, faults: Mapping[str, Faults], seed: int, journal: Journal) -> None:
        """``faults``: by provider, "" for all others."""
        self._town = town
        self._faults = faults
        self._seed = seed
        self.journal = journal
        self.http: list[HttpSimulator] = []
        self.smscs: dict[str, Smsc] = {}
        self.mails: dict[str, MailServer] = {}
        self._servers: dict[str, HttpSimulator | Smsc | MailServer] = {}
        self.places: dict[str, Place] = {}  # by provider: where it listens, or did

    async def open(self) -> list[str]:
        """Start all of it; who listens where, a line each. Raises `OSError`."""
        lines: list[str] = []
        for (host, port), accounts in self._town.http.items():
            server = HttpSimulator(accounts, journal=self.journal)
            for account in accounts:
                server.fate_of(account.name, self._fates(account.name))
                self._servers[account.name] = server
            self.http.append(server)
            await server.start(host, port)
            for account in accounts:
                self.places[account.name] = host, port
            lines += [f"{account.name}: {account.preset} at {server.url}/{account.name}" for account in accounts]
        for (host, port), (name, smpp) in self._town.smscs.items():
            hex_ids = smpp.receipt_ids is SmppIds.DECIMAL_OF_HEX
            smsc = Smsc(name, self._fates(name), self.journal, smpp.system_id, smpp.password, hex_ids)
            self.smscs[name] = self._servers[name] = smsc
            self.places[name] = host, port
            lines.append(f"{name}: SMSC at {host}:{await smsc.start(host, port)}")
        for (host, port), (name, smtp) in self._town.mails.items():
            mail = MailServer(name, self._fates(name), self.journal, smtp.bounces_listen)
            self.mails[name] = self._servers[name] = mail
            self.places[name] = host, port
            lines.append(f"{name}: mail server at {host}:{await mail.start(host, port)}")
        return lines

    @property
    def reachable(self) -> list[str]:
        """Providers by which a person can write to us."""
        return [*(account.name for each in self._town.http.values() for account in each), *self.smscs]

    async def say(self, provider: str, sender: str, text: str) -> None:
        """A person writes to us, by one of `reachable`."""
        ours = self._town.numbers[provider]
        if provider in self.smscs:
            self.smscs[provider].deliver(sender, ours, text)
            return
        for server, accounts in zip(self.http, self._town.http.values(), strict=True):
            for account in accounts:
                if account.name == provider:
                    await server.say(provider, sender, ours or account.account, text)

    def set_faults(self, provider: str, faults: Faults) -> None:
        """From now on these; messages that are under way keep their fate."""
        server, fates = self._servers[provider], Fates(faults, self._seed)
        if isinstance(server, HttpSimulator):
            server.fate_of(provider, fates)
        else:
            server.fates = fates

    async def kill(self, provider: str) -> None:
        """Its process ends: nobody listens there any more. Whoever shares its port goes with it."""
        await self._servers[provider].close()

    async def revive(self, provider: str) -> None:
        """It is started again. Raises `OSError` where its port was taken meanwhile."""
        await self._servers[provider].start(*self.places[provider])

    async def close(self) -> None:
        """Stop all of it."""
        for http in self.http:
            await http.close()
        for smsc in self.smscs.values():
            await smsc.close()
        for mail in self.mails.values():
            await mail.close()

    def _fates(self, name: str) -> Fates:
        return Fates(self._faults.get(name, self._faults[""]), self._seed)

"""Listeners: where calls are taken, what peers are told about that, and which of them a trunk can use.

Owns the names and addresses of `listen` against each other, and against those of trunks. Which listener a trunk uses
that names none is decided when its address is known (`controller.listeners`), not here.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from controller.config.address import HostPort, ip_version
from controller.config.certificates import Certificates
from controller.config.diagnostics import Report, quoted
from controller.config.model import TrunkModel
from controller.config.places import Places
from controller.config.source import ListNode, MapNode
from controller.config.validate import describe
from controller.types import Dialplan, Listen
from sip.uri import bracketed

#: In the order of `Dialplan.listen`: UDP first, which everybody speaks (RFC 3261 §18).
TRANSPORTS = ("udp", "tcp", "tls")
_INSTEAD = {
    "udp": "write another transport here",
    "tcp": "remove ';transport=tcp'",
    "tls": "write a uri without TLS here",
}
ANYWHERE = ("0.0.0.0", "::")  # recognised here, not bound


@dataclass(slots=True)
class Listeners(Places):
    """The listeners of a file."""

    certificates: Certificates
    listen: tuple[Listen, ...] = ()  # filled by `build`
    all_known: bool = False  # no listener is wrong itself
    _found: list[Listen] = field(default_factory=list)

    def build(self) -> tuple[Listen, ...]:
        """All listeners, by transport and in the order in which they are written."""
        self.all_known = bool(self.file.listen)
        for index, model in enumerate(self.file.listen):
            node = self.map_at("listen", index)
            written = {transport: getattr(model, transport) for transport in TRANSPORTS}
            if node.lost:
                self.all_known = False
            elif not any(written.values()):
                message = f"{describe(self.root, ('listen', index))} has no address"
                self.report.error(node, "MISSING_KEY", message, 'add udp: "0.0.0.0:5060", tcp: "0.0.0.0:5060" or both')
            for transport, address in written.items():
                if address is not None:
                    self._keep(index, transport, address)
            if "tls" not in node.entries:
                self.certificates.refuse_elsewhere(index)
        count: Counter[str] = Counter()
        self.listen = ()
        for ours in sorted(self._found, key=lambda listen: TRANSPORTS.index(listen.transport)):
            count[ours.transport] += 1
            number = count[ours.transport]
            # "+2": no name of an operator's begins so
            key = "" if number == 1 else ours.name or f"+{number}"
            self.listen += (_named(ours, key),)
        return self.listen

    def _keep(self, index: int, transport: str, address: HostPort) -> None:
        model, at = self.file.listen[index], self.at("listen", index, transport)
        advertised = self._advertised(index, address)
        tls = self.certificates.listener(index, model) if transport == "tls" else None
        ours = Listen(
            address.host,
            address.port,
            transport,
            where=self.where(at),
            name=model.name,
            advertise=advertised,
            phones=model.phones,
            access=model.access,
            tls=tls,
        )
        for other in self._found:
            if other.name and (other.name, other.transport) == (ours.name, transport):
                message = f"two {transport.upper()} listeners are named {quoted(ours.name)}"
                hint = f"the other one is at {other.where}: UDP and TCP may share a name, two of one transport may not"
                self.report.error(self.at("listen", index, "name"), "DUPLICATE", message, hint)
            if _collide(other, ours):
                message = f"{_show(ours)} is taken by another listener, {_show(other)}"
                hint = f"remove one of them, or give it another port ({other.where})"
                self.report.error(at, "SAME_ADDRESS", message, hint)
            elif ours.port and other.transport == transport and _public(other) == _public(ours):
                host, port = _public(ours)
                message = f"two listeners tell peers the same address, {bracketed(host)}:{port}"
                hint = f"what is sent there reaches one of them only ({other.where})"
                at = at if advertised is None else self.at("listen", index, "advertise")
                self.report.error(at, "SAME_ADDRESS", message, hint)
        self._found.append(ours)

    def _advertised(self, index: int, address: HostPort) -> tuple[str, int] | None:
        written = self.file.listen[index].advertise
        if written is None:
            return None
        at = self.at("listen", index, "advertise")
        if ip_version(written.host) != ip_version(address.host):
            message = f"'advertise' is an IPv{ip_version(written.host)} address, and the listener an IPv{ip_version(address.host)} one"
            self.report.error(at, "BAD_LISTEN", message, "write an address of the same kind: nothing translates them")
        ports = {there.port for kind in TRANSPORTS if (there := getattr(self.file.listen[index], kind)) is not None}
        if written.port and len(ports) > 1:
            message = f"'advertise' has one port, and {describe(self.root, ('listen', index))} has {len(ports)}"
            hint = "write the address alone, then each keeps its port; or write an entry for each"
            if address.port == min(ports):  # once for all
                self.report.error(at, "BAD_PORT", message, hint)
        if not address.port:
            message = "'advertise' needs a port that stays, and the listener takes any free one"
            hint = f"write the port that packets for {bracketed(written.host)} are forwarded to instead of 0"
            self.report.error(self.at("listen", index), "BAD_PORT", message, hint)
        return written.host, written.port or address.port

    # ----------------------------------------------------------------- trunks

    def check_trunk(self, name: str, model: TrunkModel) -> None:
        """One listener must reach the trunk, and none be it; of listeners that are wrong themselves nothing is said."""
        if model.uri.registered:
            return
        if "uri" in model.model_fields_set:
            self._check_loop(name, model.uri)
        if not self.all_known or not self.listen:
            return
        side = [*self.listen]
        if model.listener is not None:
            side = [ours for ours in self.listen if ours.name == model.listener]
            if not side:
                self._report_unknown(name, model.listener)
                return
        if "uri" in model.model_fields_set:
            self._check_reach(name, model, side)
        if model.large == "tcp" and not _beside(side, self.listen):
            nothing = "nothing listens on TCP" if model.listener is None else f"{quoted(model.listener)} does not"
            message = f"large requests to trunk {quoted(name)} go over TCP, and {nothing}"
            hint = "add {tcp: \"IP:PORT\"} to 'listen', or remove 'large'"
            self.report.error(self.at("trunks", name, "large"), "NO_LISTENER", message, hint)

    def _check_loop(self, name: str, uri: HostPort) -> None:
        for ours in self.listen:
            if uri[:3] in ((ours.host, ours.port, ours.transport), (*_public(ours), ours.transport)):
                message = f"trunk {quoted(name)} leads back to the address we listen on"
                hint = f"write the other side's address: calls would run in a circle ({ours.where})"
                self.report.error(self.at("trunks", name, "uri"), "LOOP", message, hint)

    def _check_reach(self, name: str, model: TrunkModel, side: list[Listen]) -> None:
        uri, family = model.uri, ip_version(model.uri.host)  # of a DNS name nothing is known here
        at = self.at("trunks", name, "uri" if model.listener is None else "listener")
        transport = uri.transport.upper()
        fitting = [ours for ours in side if ours.transport in (uri.service or (uri.transport,))]
        if not fitting:
            if model.listener is None:
                message = f"trunk {quoted(name)} is reached over {transport}, and nothing listens on {transport}"
                hint = f"add {{{uri.transport}: \"IP:PORT\"}} to 'listen', or {_INSTEAD[uri.transport]}"
            else:
                message = f"trunk {quoted(name)} is reached over {transport}, and {quoted(model.listener)} is not"
                hint = f'add {uri.transport}: "IP:PORT" to that listener, or name another one ({side[0].where})'
            self.report.error(at, "NO_LISTENER", message, hint)
        elif family and family not in {ip_version(ours.host) for ours in fitting}:
            if model.listener is None:
                message = f"trunk {quoted(name)} has an IPv{family} address, and nothing listens on IPv{family}"
                hint = f"listen on an IPv{family} address, or write one of the other kind here"
            else:
                message = f"trunk {quoted(name)} has an IPv{family} address, and {quoted(model.listener)} has none"
                hint = f"name a listener with an IPv{family} address ({side[0].where})"
            self.report.error(at, "NO_LISTENER", message, hint)

    def _report_unknown(self, trunk: str, name: str) -> None:
        known = list(dict.fromkeys(ours.name for ours in self.listen if ours.name))
        close = difflib.get_close_matches(name, known, n=1)
        if close:
            hint = f"did you mean {quoted(close[0])}?"
        elif known:
            hint = f"write {' or '.join(map(quoted, known))}"
        else:
            hint = "no listener has a name: add name: to one of 'listen'"
        message = f"unknown listener {quoted(name)} in trunk {quoted(trunk)}"
        self.report.error(self.at("trunks", trunk, "listener"), "UNKNOWN_NAME", message, hint)


def warn_idle_advertise(dialplan: Dialplan, root: MapNode, report: Report) -> None:
    """An address that peers would be told anyhow."""
    items = root.entries["listen"]
    assert isinstance(items, ListNode)
    for node in items.items:
        assert isinstance(node, MapNode)
        at = node.keys.get("advertise")
        here = [ours for ours in dialplan.listen if at is not None and ours.where in _places(node, report)]
        if at is not None and here and all(ours.advertise == (ours.host, ours.port) for ours in here):
            message = "'advertise' has no effect: it is the very address we listen on"
            report.warning(at, "NO_EFFECT", message, "write the address by which peers reach us, or remove it")


def _places(node: MapNode, report: Report) -> list[str]:
    return [f"{child.file or report.file}:{child.line}" for child in node.entries.values()]


def _named(ours: Listen, key: str) -> Listen:
    return replace(ours, listener=key)


def _show(ours: Listen) -> str:
    return f"{ours.transport.upper()} {bracketed(ours.host)}:{ours.port}"


def _public(ours: Listen) -> tuple[str, int]:
    return ours.advertise or (ours.host, ours.port)


def _collide(one: Listen, other: Listen) -> bool:
    """Whether the kernel gives only one of them its port."""
    if one.port != other.port or not one.port or (one.transport == "udp") != (other.transport == "udp"):
        return False
    if ip_version(one.host) != ip_version(other.host):
        return False
    return one.host == other.host or one.host in ANYWHERE or other.host in ANYWHERE


def _beside(side: list[Listen], everything: Iterable[Listen]) -> bool:
    """Whether one of these listeners is on TCP, or has one on TCP at its address."""
    hosts = {ours.host for ours in side}
    return any(ours.transport == "tcp" and (ours in side or ours.host in hosts) for ours in everything)

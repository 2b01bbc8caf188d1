"""Addresses that are looked up ahead: those of the trunks.

Owns the resolver: it may block, so it is called at the start and, in a thread, for a reload, never for a call.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from controller.listeners import choose_listener, family_of, listeners_of
from controller.types import Dialplan, Listen, Trunk
from sip.transaction import Hop
from sip.uri import is_address, parse_uri


class AddressError(Exception):
    """An address is not to be had; the message says where, what and what to do."""


def resolve_trunks(dialplan: Dialplan) -> dict[str, Hop]:
    """The address of each trunk.

    Raises `AddressError` naming every trunk that cannot be resolved.
    """
    hops: dict[str, Hop] = {}
    problems: list[str] = []
    for trunk in dialplan.trunks.values():
        try:
            hops[trunk.name] = _resolve(trunk, dialplan.listen)
        except OSError as error:
            problems.append(
                f"{trunk.where}: cannot resolve {trunk.host!r} of trunk {trunk.name!r}: {error.strerror or error};"
                " check the name or write an IP address"
            )
    if problems:
        raise AddressError("\n".join(problems))
    return hops


def _resolve(trunk: Trunk, listen: Sequence[Listen]) -> Hop:
    families = {family_of(ours.host) for ours in listeners_of(trunk, listen)}
    family = families.pop() if len(families) == 1 else socket.AF_UNSPEC
    for found in socket.getaddrinfo(trunk.host, trunk.port, family, socket.SOCK_DGRAM):
        hop = Hop(str(found[4][0]), trunk.port, trunk.transport)
        listener = choose_listener(trunk, hop, listen)
        if listener is not None:
            return hop._replace(listener=listener)
    raise OSError("no listener of ours reaches an address of it")


def resolve_registrars(dialplan: Dialplan) -> dict[str, str]:
    """The IP address of each registrar that has a name; those that have none now are left out, and not registered at."""
    names: dict[str, str] = {}
    for trunk in dialplan.trunks.values():
        for text in trunk.register.registrars if trunk.register else ():
            uri = parse_uri(text)
            transport = uri.param("transport") or "udp"
            if uri.host not in names and not is_address(uri.host):
                with suppress(OSError):
                    there = replace(trunk, host=uri.host, port=uri.port or 0, transport=transport)
                    names[uri.host] = _resolve(there, dialplan.listen).host
    return names

"""Addresses that are looked up ahead: those of the trunks, and the one by which peers reach us.

Owns the resolver: it may block, so it is called at the start and, in a thread, for a reload, never for a call.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

from controller.types import Dialplan, Listen, Trunk
from sip.transaction import Hop


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
            hops[trunk.name] = _resolve(trunk, dialplan.listen[0])
        except OSError as error:
            problems.append(
                f"{trunk.where}: cannot resolve {trunk.host!r} of trunk {trunk.name!r}: {error.strerror or error};"
                " check the name or write an IP address"
            )
    if problems:
        raise AddressError("\n".join(problems))
    return hops


def _resolve(trunk: Trunk, listen: Listen) -> Hop:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    found = socket.getaddrinfo(trunk.host, trunk.port, family, socket.SOCK_DGRAM)
    return Hop(str(found[0][4][0]), trunk.port, trunk.transport)


def advertised_host(listen: Listen, hops: Mapping[str, Hop]) -> str:
    """The address that peers can answer to: that of the listener, or of the interface towards the first trunk.

    Raises `AddressError`.
    """
    if listen.host not in ("0.0.0.0", "::"):  # recognised here, not bound
        return listen.host
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    towards = next(iter(hops.values()), None)
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # connect() of a UDP socket sends nothing
        try:
            probe.connect((towards.host, towards.port) if towards else (listen.host, 9))
        except OSError as error:
            raise AddressError(f"{listen.where}: no route from {listen.host}; name one address to listen on") from error
        return str(probe.getsockname()[0])

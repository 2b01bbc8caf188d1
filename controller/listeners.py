"""Which listener of ours reaches an address, and by what address peers know each listener.

Owns the question to the routing table: a UDP socket that is connected sends nothing, and shows which address of ours
leads there. Asked at the start and for a reload, never for a call.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address

from controller.types import Listen, Trunk
from sip.transaction import Hop

#: Where the default route leads is asked with addresses that nobody has (RFC 5737, RFC 3849).
_FAR_AWAY = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
_ANY_PORT = 9


def listeners_of(trunk: Trunk, listen: Iterable[Listen], transport: str = "") -> list[Listen]:
    """The listeners that a trunk may use by their names and transport, that of the trunk unless another one is asked."""
    wanted = transport or trunk.transport
    return [ours for ours in listen if ours.transport == wanted and trunk.listener in ("", ours.name)]


def source_towards(host: str, port: int) -> str | None:
    """Our own address on the route to another one; None where no route leads there."""
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, port))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def choose_listener(
    trunk: Trunk,
    hop: Hop,
    listen: Sequence[Listen],
    ask_route: Callable[[str, int], str | None] = source_towards,
) -> str | None:
    """The name (`Hop.listener`) of the listener that reaches an address of a trunk; None if there is none.

    The one that the trunk names; else the one at the address of ours that the route there starts from; else one that
    listens on all addresses; else the first.
    """
    family = family_of(hop.host)
    fitting = [ours for ours in listeners_of(trunk, listen, hop.transport) if family_of(ours.host) == family]
    if len(fitting) < 2:
        return fitting[0].listener if fitting else None
    source = ask_route(hop.host, hop.port)
    here = [ours for ours in fitting if source and ip_address(ours.host) == ip_address(source)]
    anywhere = [ours for ours in fitting if is_anywhere(ours.host)]
    return [*here, *anywhere, *fitting][0].listener


def advertised_host(
    listen: Listen, hops: Iterable[Hop], ask_route: Callable[[str, int], str | None] = source_towards
) -> str | None:
    """The address by which peers reach a listener: as written, or what it is bound to, or where that is every address,
    that of the interface towards the first trunk which uses it; None if that has no address of its kind."""
    if listen.advertise is not None:
        return listen.advertise[0]
    if not is_anywhere(listen.host):
        return listen.host
    family = family_of(listen.host)
    near = [hop for hop in hops if family_of(hop.host) == family]
    near.sort(key=lambda hop: hop[2:] != (listen.transport, listen.listener))
    for host, port in [*(hop[:2] for hop in near), (_FAR_AWAY[family], _ANY_PORT), (listen.host, _ANY_PORT)]:
        source = ask_route(host, port)
        if source is not None:
            return source
    return None


def find_misled(
    listen: Listen,
    told: str,
    hops: Mapping[str, Hop],
    ask_route: Callable[[str, int], str | None] = source_towards,
) -> dict[str, str]:
    """The trunks that a listener on all addresses tells another address of ours than the one on the way to them, and
    that one, by the name of the trunk."""
    if listen.advertise is not None or not is_anywhere(listen.host):
        return {}
    uses = {name: hop for name, hop in hops.items() if hop[2:] == (listen.transport, listen.listener)}
    ways = {name: ask_route(hop.host, hop.port) for name, hop in uses.items()}
    return {name: way for name, way in ways.items() if way is not None and ip_address(way) != ip_address(told)}


def family_of(host: str) -> socket.AddressFamily:
    """The kind of an IP address."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_anywhere(host: str) -> bool:
    """Whether this stands for every address of the machine."""
    return ip_address(host).is_unspecified

"""Hosts, ports, trunk URIs and numbers as an operator writes them.

Owns their syntax. Must not resolve names: a name is resolved when it is used.
Hosts come out bare (IPv6 without brackets), as sockets and ``sip.uri`` have them; `sip.uri.bracketed` puts the brackets back.
"""

from __future__ import annotations

import ipaddress
import re
from difflib import get_close_matches
from typing import NamedTuple

from controller.config.diagnostics import Mistake, quoted
from sip.uri import default_port

DEFAULT_PORT = 5060  # RFC 3261 §19.1.2
DNS_PORT = 53

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LIKE_HOST_PORT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,60}(?::[0-9]{1,5})?")
_LIKE_IPV4 = re.compile(r"[0-9.]+")
_HOST_PORT = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{1,5}))?")
_USER = re.compile(r"(?:[A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-Fa-f]{2})+")  # RFC 3261 §25.1: user
_LOCAL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64})*"
)  # RFC 5322 §3.2.3
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")  # at most 15 digits: ITU-T E.164 §6
_INTERNAL = re.compile(r"[0-9]{1,15}")
_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}|[0-9]{1,15}")
_DECORATION = re.compile(r"[\s().\-/]")  # what people put into numbers to read them

_SHAPE = "write sip:HOST or sip:HOST:PORT"


REGISTERED = "registered"


class HostPort(NamedTuple):
    """A host (IP literal or DNS name, IPv6 without brackets), a port, and for trunks how to get there."""

    host: str
    port: int
    transport: str = "udp"
    service: tuple[str, ...] = ()  # of a name without port: whose SRV records say where, the best first (RFC 3263 §4)
    sips: bool = False  # TLS all the way
    registered: bool = False  # wherever its user has registered


# --------------------------------------------------------------------------- addresses


def parse_trunk_place(text: str) -> HostPort:
    """Read where a trunk is: a URI, or the word that it is where its user registers; raises `Mistake`."""
    if text == REGISTERED:
        return HostPort("0.0.0.0", 0, registered=True)
    if text.isalpha() and get_close_matches(text.lower(), [REGISTERED]):
        raise Mistake("BAD_URI", f"{quoted(text)} is no place of a trunk", f"did you mean {quoted(REGISTERED)}?")
    return parse_trunk_uri(text)


def parse_trunk_uri(text: str) -> HostPort:
    """Read ``sip:HOST[:PORT][;transport=udp|tcp|tls]`` or ``sips:HOST[:PORT]``; raises `Mistake`."""
    scheme, colon, rest = text.partition(":")
    sips = scheme.lower() == "sips"
    if not (sips or scheme.lower() == "sip") or not colon:
        hint = f"write sip:{text}" if _LIKE_HOST_PORT.fullmatch(text) else _SHAPE
        raise Mistake("BAD_URI", "trunk uri must begin with 'sip:' or 'sips:'", hint)
    if "@" in rest:
        hint = "remove all up to the '@': the user comes from each endpoint"
        raise Mistake("BAD_URI", "trunk uri cannot have a user part", hint)
    if "?" in rest:
        raise Mistake("BAD_URI", "trunk uri cannot have headers", "remove the '?' and all that follows")
    address, *params = rest.split(";")
    transports = [_read_transport(param) for param in params]
    if sips:
        if {*transports} - {"tcp", "tls"}:
            raise Mistake("BAD_URI", "'sips:' means TLS, and never UDP", "remove ;transport=udp, or write sip:")
        transports = ["tls"]
    transport = transports[-1] if transports else "udp"
    where = _parse_host_port(address, _SHAPE)
    host = _check_host(where.host, _SHAPE)
    port = default_port(transport) if where.port is None else where.port
    if not 1 <= port <= 65535:
        raise Mistake("BAD_PORT", f"port {port} does not exist", "write a port from 1 to 65535")
    service: tuple[str, ...] = ()
    if where.port is None and ip_version(host) is None:
        service = (transport,) if transports else ("udp", "tcp")
    return HostPort(host, port, transport, service, sips)


def parse_certificate_name(text: str) -> str:
    """Read the name or address that a certificate must hold; raises `Mistake`."""
    if text.startswith("*"):
        hint = "write the whole name: certificates of SIP domains have none (RFC 5922)"
        raise Mistake("BAD_HOST", f"{quoted(text)} has a wildcard", hint)
    return text if ip_version(text) == 6 else _check_host(text, "write a domain, such as sbc.example.com")


def parse_listen(text: str) -> HostPort:
    """Read ``IP:PORT``, the port 0 meaning any free one; raises `Mistake`."""
    shape = 'write "IP:PORT", for example "0.0.0.0:5060"'
    if re.fullmatch(r"[0-9]{1,5}", text):
        raise Mistake("BAD_LISTEN", "an address to listen on needs a host", f'write "0.0.0.0:{text}"')
    where = _parse_host_port(text, shape)
    host = _check_host(where.host, shape)
    if ip_version(host) is None:
        hint = "write the IP address of one of this machine's interfaces, or 0.0.0.0 for all"
        raise Mistake("BAD_LISTEN", f"an address to listen on must be an IP literal, not {quoted(host)}", hint)
    if where.port is None:
        raise Mistake("BAD_LISTEN", "an address to listen on needs a port", f'write "{text}:{DEFAULT_PORT}"')
    if where.port > 65535:
        raise Mistake("BAD_PORT", f"port {where.port} does not exist", "write a port from 0 to 65535")
    return HostPort(host, where.port)


def parse_advertised(text: str) -> HostPort:
    """Read ``IP[:PORT]`` by which peers reach us, the port 0 meaning that of the listener; raises `Mistake`."""
    shape = 'write "IP" or "IP:PORT", for example "203.0.113.7:5060"'
    where = _parse_host_port(text, shape)
    host = _check_host(where.host, shape)
    if ip_version(host) is None:
        hint = "write the IP address itself: peers look no name up for a call"
        raise Mistake("BAD_LISTEN", f"an address to advertise must be an IP literal, not {quoted(host)}", hint)
    if ipaddress.ip_address(host).is_unspecified:
        raise Mistake("BAD_LISTEN", f"nobody can reach us by {quoted(host)}", "write the address that peers send to")
    if where.port is not None and not 1 <= where.port <= 65535:
        raise Mistake("BAD_PORT", f"port {where.port} does not exist", "write a port from 1 to 65535, or none")
    return HostPort(host, where.port or 0)


def parse_host(text: str) -> str:
    """Read a host alone: a DNS name or an IP literal, IPv6 with or without its brackets; raises `Mistake`."""
    shape = "write the host alone, for example smsc.example.com"
    if ip_version(text) == 6:
        return text
    where = _parse_host_port(text, shape)
    if where.port is not None:
        raise Mistake("BAD_HOST", "a host has no port", f"write host: {where.host}, port: {where.port}")
    return _check_host(where.host, shape)


def parse_mailbox(text: str) -> str:
    """Read an address of mail, LOCAL@DOMAIN; raises `Mistake`."""
    local, at, domain = text.rpartition("@")
    shape = "write LOCAL@DOMAIN, for example codes@example.com"
    if not at or not _LOCAL.fullmatch(local):
        raise Mistake("BAD_USER", f"{quoted(text)} is not an address of mail", shape)
    _check_host(domain, shape)
    return text


def parse_domain(text: str) -> str:
    """Read the host of an account as it stands in a URI, an IPv6 address in brackets; raises `Mistake`."""
    shape = "write the host alone, for example sip.carrier.example"
    where = _parse_host_port(text, shape)
    if where.port is not None:
        raise Mistake("BAD_HOST", "a domain has no port", f"write {where.host}")
    _check_host(where.host, shape)
    return where.host


def parse_server(text: str) -> HostPort:
    """Read ``IP`` or ``IP:PORT`` of a DNS server, the port being 53 where none is written; raises `Mistake`."""
    shape = "write IP or IP:PORT, for example 192.0.2.53"
    where = _parse_host_port(text, shape)
    host = _check_host(where.host, shape)
    if ip_version(host) is None:
        hint = "write its IP address: a name would have to be looked up"
        raise Mistake("BAD_HOST", f"a DNS server must be an IP literal, not {quoted(host)}", hint)
    port = DNS_PORT if where.port is None else where.port
    if not 1 <= port <= 65535:
        raise Mistake("BAD_PORT", f"port {port} does not exist", "write a port from 1 to 65535")
    return HostPort(host, port)


class _Written(NamedTuple):
    host: str  # brackets kept
    port: int | None


def _parse_host_port(text: str, shape: str) -> _Written:
    match = _HOST_PORT.fullmatch(text)
    if match is not None:
        return _Written(match[1], int(match[2]) if match[2] else None)
    if ip_version(text) == 6:
        raise Mistake("BAD_HOST", "an IPv6 address stands in brackets", f"write [{text}]")
    raise Mistake("BAD_HOST", f"{quoted(text)} is not a host and port", shape)


def _check_host(written: str, shape: str) -> str:
    if not written:
        raise Mistake("BAD_HOST", "the host is missing", shape)
    if written.startswith("["):
        bare = written[1:-1]
        if ip_version(bare) != 6:
            raise Mistake("BAD_HOST", f"{quoted(written)} is not an IPv6 address", "brackets hold an IPv6 address")
        return bare
    if _LIKE_IPV4.fullmatch(written):
        if ip_version(written) is None:
            hint = "an IPv4 address is four numbers from 0 to 255, without leading zeros"
            raise Mistake("BAD_HOST", f"{quoted(written)} is not an IPv4 address", hint)
    elif len(written) > 253 or not _NAME.fullmatch(written):
        raise Mistake("BAD_HOST", f"{quoted(written)} is not a host name", shape)
    return written


def ip_version(host: str) -> int | None:
    """4 or 6 for an IP literal (without brackets), None for anything else."""
    if "%" in host:  # a zone is of this machine only: it has no place in a URI (RFC 4007 §11.2)
        return None
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None


def _read_transport(param: str) -> str:
    name, _, value = param.partition("=")
    if name.lower() != "transport":
        hint = "remove it: only ;transport=udp, =tcp and =tls are understood"
        raise Mistake("BAD_URI", f"unknown uri parameter {quoted(param)}", hint)
    if value.lower() in {"sctp", "ws", "wss"}:
        message = f"transport {quoted(value)} is reserved for a later version"
        raise Mistake("RESERVED_VALUE", message, "remove it, or write ;transport=tls")
    if value.lower() not in {"udp", "tcp", "tls"}:
        hint = "remove it, or write ;transport=udp, =tcp or =tls"
        raise Mistake("BAD_URI", f"unknown transport {quoted(value)}", hint)
    return value.lower()


# --------------------------------------------------------------------------- numbers


def parse_did(text: str) -> str:
    """Read a called number, or "*" for every other one; raises `Mistake`."""
    return text if text == "*" else parse_number(text)


def parse_prefix(text: str) -> str:
    """Read the beginning of numbers, with its plus or without; raises `Mistake`."""
    if _PREFIX.fullmatch(text):
        return text
    hint = "write + and up to 15 digits, or digits alone, with nothing behind them"
    if text in {"", "*", "+"}:
        hint = 'write did: "*" for every other number'
    elif _PREFIX.fullmatch(plain := _DECORATION.sub("", text).rstrip("*xX")):
        hint = f'write "{plain}": every number that begins so is meant'
    raise Mistake("BAD_PREFIX", f"{quoted(text)} is not the beginning of a number", hint)


def parse_outbound_prefix(text: str) -> str:
    """Read the beginning of dialled numbers; "" and "*" are that of any, and come out as ""; raises `Mistake`."""
    if text in {"", "*"}:
        return ""
    try:
        return parse_prefix(text)
    except Mistake as mistake:
        if text == "+":
            raise Mistake(mistake.code, mistake.message, 'write "*" for every number') from None
        raise


def parse_number(text: str) -> str:
    """Read an E.164 number ("+15550100") or an internal one ("100"); raises `Mistake`."""
    if _E164.fullmatch(text) or _INTERNAL.fullmatch(text):
        return text
    plain = _DECORATION.sub("", text)
    if plain != text and (_E164.fullmatch(plain) or _INTERNAL.fullmatch(plain)):
        hint = f'write "{plain}"'
    else:
        hint = "write + and 2 to 15 digits (E.164), or the digits of an internal number"
    raise Mistake("BAD_NUMBER", f"{quoted(text)} is not a number", hint)


def parse_user(text: str) -> str:
    """Read the user part of a SIP URI; raises `Mistake`."""
    if _USER.fullmatch(text):
        return text
    hint = "write the user part alone, without 'sip:' and '@host'" if "@" in text else "write it as in a SIP URI"
    raise Mistake("BAD_USER", f"{quoted(text)} is not the user part of a SIP URI", hint)

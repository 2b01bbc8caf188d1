"""SIP URIs (RFC 3261 §19.1): parse what routing needs, keep the text as it came.

Must not resolve names or normalise: what is forwarded is the text that was received.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from sip.errors import RemoteProtocolError

_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+)(?::([0-9]{1,5}))?\Z")
_LONGEST_ADDRESS = 45  # characters of the longest IPv6 address, RFC 4291 §2.2
_NEVER = re.compile(r"[\x00-\x20\x7f<>\"]")  # in a request line each of these would end the URI, or the line
DEFAULT_PORT = {"sip": 5060, "sips": 5061}


def default_port(transport: str | None) -> int:
    """The port of a SIP URI without one (RFC 3261 §19.1.2); ``transport`` as the URI has it."""
    return 5061 if transport is not None and transport.lower() == "tls" else 5060


def transport_of(uri: Uri) -> str:
    """The transport that a URI asks for (RFC 3263 §4.1 where it says nothing); what SIPS asks for is always TLS, over
    TCP if it says so, and whoever writes that it is UDP gets neither."""
    written = uri.param("transport")
    if uri.scheme == "sips":
        return "tls" if written is None or written.lower() in {"tcp", "tls"} else "none"
    return written.lower() if written else "udp"


@dataclass(slots=True)
class Uri:
    """A parsed ``sip:`` or ``sips:`` URI. ``params`` and ``headers`` are raw text. Shared: nobody changes it."""

    scheme: str
    user: str  # unescaped, without user parameters; "" when absent
    host: str  # lower case, IPv6 without brackets
    port: int | None
    params: str = ""  # ";lr;transport=udp"
    headers: str = ""  # "subject=x"

    def param(self, name: str) -> str | None:
        """The value of a URI parameter ("" when it has none), or None when it is absent."""
        return find_param(self.params, name)


def parse_uri(text: str) -> Uri:
    """Parse a SIP or SIPS URI.

    Raises `RemoteProtocolError` (416 for another scheme, else 400).
    """
    return _parse_short(text) if len(text) <= _SHORT else _parse(text)


def _parse(text: str) -> Uri:
    if _NEVER.search(text):
        raise RemoteProtocolError(f"URI with a blank or worse: {text[:60]!r}")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon:
        raise RemoteProtocolError(f"not a URI: {text[:60]!r}")
    if scheme not in DEFAULT_PORT:
        raise RemoteProtocolError(f"unsupported URI scheme {scheme[:20]!r}", status=416)
    userinfo, at, hostpart = rest.rpartition("@")
    if at and not userinfo:
        raise RemoteProtocolError("URI with an empty user part")
    hostpart, _, headers = hostpart.partition("?")
    address, semicolon, params = hostpart.partition(";")
    match = _HOST_PORT.match(address)
    if match is None:
        raise RemoteProtocolError(f"URI with a malformed host: {address[:60]!r}")
    host, port = match.groups()
    number = int(port) if port else None
    if number is not None and number > 65535:
        raise RemoteProtocolError(f"URI with port {number}")
    user = userinfo.partition(":")[0].partition(";")[0]
    return Uri(
        scheme,
        unquote(user) if "%" in user else user,
        bare_host(host),
        number,
        semicolon + params,
        headers,
    )


_SHORT = 200  # characters: what a peer sends may be large, and is not kept
_parse_short = lru_cache(512)(_parse)  # within a call the same few URIs come again and again


def find_param(params: str, name: str) -> str | None:
    """Find ``;name=value`` in a raw parameter string; names compare without case."""
    if not params:
        return None
    for part in split_params(params):
        key, equals, value = part.partition("=")
        if key.strip().lower() == name:
            return value.strip() if equals else ""
    return None


def split_params(params: str) -> list[str]:
    """Split ``;a=1;b`` at the semicolons that are not inside a quoted string."""
    if '"' not in params:
        return params.split(";")
    parts: list[str] = []
    start, quoted, skip = 0, False, False
    for index, char in enumerate(params):
        if skip:
            skip = False
        elif char == "\\" and quoted:
            skip = True
        elif char == '"':
            quoted = not quoted
        elif char == ";" and not quoted:
            parts.append(params[start:index])
            start = index + 1
    parts.append(params[start:])
    return parts


def bracketed(host: str) -> str:
    """A host as it stands in a URI or a Via: an IPv6 address goes in brackets."""
    return f"[{host}]" if ":" in host else host


def bare_host(host: str) -> str:
    """A host for comparing: lower case, IPv6 without brackets and in its one short form (RFC 5118, RFC 5952)."""
    return _bare_ipv6(host[1:-1]) if host[0] == "[" else host.lower()


@lru_cache(1024)
def _bare_ipv6(address: str) -> str:
    # RFC 3261's grammar allowed a third colon before an embedded IPv4 address; what follows it is meant (RFC 5118 §4.10)
    try:
        return str(ipaddress.IPv6Address(address.replace(":::", "::")))
    except ValueError:
        raise RemoteProtocolError(f"not an IPv6 address: {address[:60]!r}") from None


def is_address(host: str) -> bool:
    """Whether this is an IP address, without brackets or scope, and no name that would have to be looked up."""
    return len(host) <= _LONGEST_ADDRESS and _is_address(host)


@lru_cache(4096)
def _is_address(host: str) -> bool:
    if "%" in host:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

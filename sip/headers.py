"""Typed views of the header fields that transactions and proxies must understand.

Owns Via, CSeq, tags, name-addr and comma splitting (RFC 3261 §7.3, §20, §25.1). Every function takes raw
text and raises `RemoteProtocolError` for what it cannot read. Must not know whole messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sip.errors import RemoteProtocolError
from sip.uri import bare_host, find_param

#: RFC 3261 §7.3.3 and the IANA registry: the short names.
COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

MAGIC_COOKIE = "z9hG4bK"  # RFC 3261 §8.1.1.7

# No two neighbours of a pattern may match the same text, or a datagram of blanks takes seconds to refuse.
_VIA = re.compile(  # any version: the sender of another one is told so by a 505 (RFC 4475 §3.1.2.16)
    r"\s*SIP\s*/\s*[0-9]\.[0-9]\s*/\s*([A-Za-z0-9!%*_+`'~.\-]+)\s+(\[[0-9A-Fa-f:.]+\]|[^\s:;,\[\]]+)\s*(?::\s*([0-9]{1,5})\s*)?(;.*)?\Z",
    re.DOTALL | re.IGNORECASE,
)
# RFC 4475 §3.1.2.1: separators that separate nothing are a fault; what stands between them may be odd.
_VIA_PARAMS = re.compile(
    r"""(?:;\s*+[^\s;=,"]++\s*+(?:=\s*+(?:"(?:[^"\\]++|\\.)*+"|[^\s;,"]*+)\s*+)?+)*+\Z""", re.DOTALL
)
# What nearly every Via looks like, in one go.
_PLAIN_VIA = re.compile(
    r"SIP/2\.0/([A-Z]++) ([A-Za-z0-9.\-]++)(?::([0-9]{1,5}+))?+((?:;[A-Za-z0-9\-]++(?:=[^\s;,=\"]++)?+)*+)\Z"
)
_CSEQ = re.compile(r"\s*([0-9]{1,10})\s+([A-Za-z0-9!%*_+`'~.\-]+)\s*\Z")
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s]*)", re.IGNORECASE)
_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s>]+)", re.IGNORECASE)
MAX_CSEQ = 2**31 - 1  # RFC 3261 §8.1.1.5: less than 2**31


@dataclass(slots=True)
class Via:
    """One Via value. ``host`` and ``port`` are its sent-by; ``port`` is 0 when it has none."""

    transport: str  # upper case
    host: str  # as written, IPv6 with brackets
    port: int
    params: str  # raw, ";branch=...;rport"
    branch: str

    @property
    def sent_by(self) -> tuple[str, int]:
        """What identifies the sender of a transaction (RFC 3261 §17.2.3), the default port filled in."""
        return bare_host(self.host), self.port or (5061 if self.transport == "TLS" else 5060)


def parse_via(value: str) -> Via:
    """Parse one Via value (no comma-separated list)."""
    match = _PLAIN_VIA.match(value)
    if match is not None:
        transport, host, port, params = match.groups()
    else:
        match = _VIA.match(value)
        if match is None:
            raise RemoteProtocolError(f"malformed Via: {value[:80]!r}")
        transport, host, port, params = match.groups()
        params = params or ""
        if _VIA_PARAMS.match(params) is None:
            raise RemoteProtocolError(f"malformed Via parameters: {params[:60]!r}")
    if host[0] == "[":
        bare_host(host)  # or it is none
    number = int(port) if port else 0
    if number > 65535:
        raise RemoteProtocolError(f"Via with port {number}")
    return Via(transport.upper(), host, number, params, _find_branch(params))


def _find_branch(params: str) -> str:
    if '"' in params:  # a quoted parameter, rare: it may hold ";branch="
        return find_param(params, "branch") or ""
    match = _BRANCH.search(params)
    return match[1] if match else ""


def parse_cseq(value: str) -> tuple[int, str]:
    """Parse ``314159 INVITE`` to (number, method)."""
    match = _CSEQ.match(value)
    if match is None:
        raise RemoteProtocolError(f"malformed CSeq: {value[:60]!r}")
    number = int(match[1])
    if number > MAX_CSEQ:
        raise RemoteProtocolError(f"CSeq number {number} is not below 2^31")
    return number, match[2]


def find_tag(value: str) -> str:
    """The tag of a From or To value, "" when it has none. Text inside <> or quotes does not count."""
    close_at = value.rfind(">")
    if value.rfind('"') > close_at:  # a quoted parameter, rare: it may hold ";tag=" or ">"
        return find_param(find_params(value), "tag") or ""
    match = _TAG.search(value, close_at + 1)
    return match[1] if match else ""


def find_uri(value: str) -> str:
    """The URI of a name-addr or addr-spec (Route, Record-Route, Contact, From, To), as text."""
    start = 0
    if value.lstrip().startswith('"'):  # a display name may hold < and >
        start = _end_of_quoted(value, value.index('"'))
    open_at = value.find("<", start)
    if open_at < 0:
        return value[start:].partition(";")[0].strip()
    close_at = value.find(">", open_at)
    if close_at < 0:
        raise RemoteProtocolError(f"address without closing '>': {value[:80]!r}")
    return value[open_at + 1 : close_at].strip()


def find_params(value: str) -> str:
    """What follows the URI of an address, ";tag=x;y"; "" when the address itself is broken."""
    try:
        start = _end_of_quoted(value, value.index('"')) if value.lstrip().startswith('"') else 0
    except RemoteProtocolError:
        return ""
    open_at, semicolon = value.find("<", start), value.find(";", start)
    if open_at >= 0 and not 0 <= semicolon < open_at:
        semicolon = value.find(";", value.find(">", open_at))
    return value[semicolon:] if semicolon >= 0 else ""


def _end_of_quoted(value: str, start: int) -> int:
    index = start + 1
    while index < len(value):
        if value[index] == "\\":
            index += 1
        elif value[index] == '"':
            return index + 1
        index += 1
    raise RemoteProtocolError(f"unbalanced quotes: {value[:80]!r}")


def split_values(value: str) -> list[str]:
    """Split a comma-separated field value; commas in quotes or in <> do not separate."""
    if "," not in value:
        return [value]
    if '"' not in value and "<" not in value:  # as several Vias on one line are
        return [part.strip() for part in value.split(",")]
    parts: list[str] = []
    start, quoted, angle, skip = 0, False, False, False
    for index, char in enumerate(value):
        if skip:
            skip = False
        elif quoted:
            if char == "\\":
                skip = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char == "," and not angle:
            parts.append(value[start:index].strip())
            start = index + 1
    parts.append(value[start:].strip())
    return parts


def parse_retry_after(value: str | None) -> int:
    """The seconds of a Retry-After, ``120 (I'm in a meeting);duration=3600``; 0 where there are none, however long 2**31."""
    digits = re.match(r"\s*(\d+)", value or "", re.ASCII)
    return min(int(digits[1][:12]), 2**31) if digits else 0

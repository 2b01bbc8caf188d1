"""Bytes to messages, lazily: the start line and the outline of the headers, nothing more.

Rules: a datagram gives a `Message` or raises `RemoteProtocolError`, never anything else. `validate` then checks
what every element must check (RFC 3261 §16.3, §8.2); a request that fails it can still be answered, because its
outline is known.
"""

from __future__ import annotations

import re

from sip.errors import RemoteProtocolError
from sip.message import HEADER_NAMES, Message, Request, Response

MAX_HEAD = 16_384  # bytes; Asterisk takes 8 KiB a message, Kamailio 64
MAX_HEADERS = 256  # a real INVITE has 15 to 40; Kamailio's default limit is of the same order
_TOKEN = re.compile(r"[A-Za-z0-9!%*_+`'~.\-]+\Z")
_STATUS = re.compile(r"[1-6][0-9][0-9]\Z")
_MANDATORY = frozenset(("via", "from", "to", "call-id", "cseq"))  # RFC 3261 §8.1.1, less Max-Forwards, which we may add
# What the proxy compares and copies must be readable without guessing (RFC 4475 §3.1.2.6, §3.1.2.13 to §3.1.2.15): one
# address, its display name in quotes or free of separators, its URI in <> or free of what would need them.
_ADDRESS = re.compile(
    r"""\s*+(?:(?:"(?:[^"\\]++|\\.)*+"\s*+|[^"<>,;:@\\]++)?+<[A-Za-z][A-Za-z0-9+.\-]*+:[^\s<>"]++>"""
    r"""|[A-Za-z][A-Za-z0-9+.\-]*+:[^\s<>",;?]++)"""
    r"""(?:\s*+;\s*+[^\s;=,"<>]++(?:\s*+=\s*+(?:"(?:[^"\\]++|\\.)*+"|[^\s;,"<>]++))?+)*+\s*+\Z""",
    re.DOTALL,
)
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length")


def parse_message(data: bytes) -> Request | Response:
    """Parse one datagram (RFC 3261 §7, §18.3)."""
    data = data.lstrip(b"\r\n")  # §7.5: ignore empty lines before the start line
    head, blank, body = data.partition(b"\r\n\r\n")
    if not blank:
        raise RemoteProtocolError("no empty line after the headers")
    if len(head) > MAX_HEAD:
        raise RemoteProtocolError(f"more than {MAX_HEAD} bytes of headers", status=513, outline=outline_of(head))
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    if not text.count("\r") == text.count("\n") == len(lines) - 1:
        # Some peers take a lone CR or LF for the end of a line: what is one header to us would be two to them.
        raise RemoteProtocolError("a CR or LF that ends no line")
    start = lines.pop(0)
    if len(lines) > MAX_HEADERS:  # as they stand on the wire: folding makes no head shorter
        raise RemoteProtocolError(f"more than {MAX_HEADERS} header lines", status=513, outline=outline_of(head))
    if "\r\n " in text or "\r\n\t" in text:
        lines = _unfold(lines)
    names = [HEADER_NAMES[line[: line.find(":") + 1]] for line in lines]
    message = _parse_start(start, names, lines)
    try:
        message.body = _cut_body(message, body)
    except RemoteProtocolError as error:
        error.outline = message
        raise
    return message


def outline_of(head: bytes) -> Request | Response | None:
    """What can be told of a message at fault from the beginning of its head, so that it can be answered.

    None if it is not SIP at all. Of a head that is cut or too large the beginning counts, and half of what we allow is
    beginning enough: the answer repeats lines of it, and must itself keep to the limits.
    """
    text, blank, _ = head.partition(b"\r\n\r\n")
    if not blank or len(text) > MAX_HEAD:
        text = text[: MAX_HEAD // 2].rpartition(b"\r\n")[0]
    lines = text.split(b"\r\n")
    if len(lines) > MAX_HEADERS:
        del lines[MAX_HEADERS // 2 :]
    try:
        return parse_message(b"\r\n".join(lines) + b"\r\n\r\n")
    except RemoteProtocolError as error:
        outline: Request | Response | None = error.outline
        return outline


def validate(message: Request | Response) -> None:
    """Check the headers that routing relies on.

    Raises `RemoteProtocolError` with the status that a request deserves.
    """
    names = message.names
    different = set(names)
    if not different >= _MANDATORY:
        raise RemoteProtocolError(f"no {min(_MANDATORY - different).title()} header")
    if len(different) < len(names):
        for name in _SINGLE:
            if names.count(name) > 1:
                raise RemoteProtocolError(f"more than one {name.title()} header")
    _, method = message.cseq
    if isinstance(message, Request):
        if method != message.method:
            raise RemoteProtocolError(f"CSeq says {method!r}, the request line {message.method!r}")
        hops = message.get("max-forwards")
        if hops is not None and not (hops.isascii() and hops.isdigit()):
            raise RemoteProtocolError(f"malformed Max-Forwards: {hops[:20]!r}")
        if not (_ADDRESS.match(message.require("from")) and _ADDRESS.match(message.require("to"))):
            raise RemoteProtocolError("malformed From or To header")
    _ = message.via
    if not message.call_id:
        raise RemoteProtocolError("empty Call-ID")


def _unfold(lines: list[str]) -> list[str]:
    """Join continuation lines (§7.3.1), keeping their bytes so that they leave as they came."""
    joined: list[str] = []
    for line in lines:
        if line[:1] not in (" ", "\t"):
            joined.append(line)
        elif joined:
            joined[-1] += "\r\n" + line
        else:
            raise RemoteProtocolError("continuation line before any header")
    return joined


def _parse_start(start: str, names: list[str], lines: list[str]) -> Request | Response:
    first, _, rest = start.partition(" ")
    second, space, third = rest.partition(" ")
    if first.upper() == "SIP/2.0":
        if not _STATUS.match(second):
            raise RemoteProtocolError(f"malformed status line: {start[:60]!r}")
        return Response(int(second), third, names, lines)
    if not space or not _TOKEN.match(first):
        raise RemoteProtocolError(f"malformed start line: {start[:60]!r}")
    request = Request(first, second, names, lines)
    if third.upper() != "SIP/2.0":
        if re.fullmatch(r"SIP/\d+\.\d+", third, re.IGNORECASE):
            raise RemoteProtocolError(f"not SIP/2.0: {third[:20]!r}", status=505, outline=request)
        # without any SIP in it, it is another protocol, and nothing that we say would be understood
        outline = request if third.rstrip().upper().endswith("SIP/2.0") else None
        raise RemoteProtocolError(f"not SIP/2.0: {third[:20]!r}", outline=outline)
    if not second or second[0] == "<":
        raise RemoteProtocolError(f"malformed Request-URI: {second[:60]!r}", outline=request)
    return request


def _cut_body(message: Message, body: bytes) -> bytes:
    """Bytes past Content-Length are no part of the message; too few are a fault (§18.3)."""
    text = message.get("content-length")
    if text is None:
        return body
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise RemoteProtocolError(f"malformed Content-Length: {text[:20]!r}")
    length = int(text)
    if length > len(body):
        raise RemoteProtocolError(f"Content-Length is {length}, but the body has {len(body)} bytes")
    return body[:length]

"""Messages made from messages: responses, ACK, CANCEL, and the copy of a request that a proxy forwards.

Owns which headers are copied where (RFC 3261 §8.2.6, §9.1, §16.6, §17.1.1.3). Must not decide when to send.
Whatever text a line or a start line of ours is made of, it stays one line: what would end it is taken out (`sip.text`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sip.errors import RemoteProtocolError
from sip.headers import MAX_CSEQ, find_uri
from sip.message import Message, Request, Response
from sip.text import clean, one_line
from sip.uri import find_param, parse_uri

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    440: "Max-Breadth Exceeded",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
}

#: RFC 3326: what losers of a fork are told, so that their phones log no missed call.
COMPLETED_ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'

DEFAULT_MAX_FORWARDS = 70  # RFC 3261 §16.6 step 3
DEFAULT_MAX_BREADTH = 60  # RFC 5393 §5.3.3
MAX_HOPS = 255  # RFC 3261 §20.22

#: A BYE of ours to a loser must carry a CSeq above everything its early dialog has seen (PRACK, UPDATE). Gaps are
#: legal (RFC 3261 §12.2.1.1), so a wide step spares tracking the dialog, also where each takes eight (`sip.sequence`).
GLARE_CSEQ_STEP = 800

_COPIED_TO_RESPONSE = frozenset(("via", "from", "to", "call-id", "cseq", "timestamp", "record-route"))
_COPIED_TO_CANCEL = frozenset(("from", "to", "call-id", "max-forwards", "route"))


def make_response(
    request: Request, status: int, to_tag: str = "", reason: str = "", extra: Iterable[str] = ()
) -> Response:
    """A response of our own to ``request`` (RFC 3261 §8.2.6). ``extra`` are whole header lines."""
    names: list[str] = []
    lines: list[str] = []
    dialog = 100 < status < 300
    for name, line in zip(request.names, request.lines, strict=True):
        if name not in _COPIED_TO_RESPONSE or (name == "record-route" and not dialog):
            continue
        if name == "to" and to_tag and status > 100 and not request.to_tag:
            line = f"{line};tag={clean(to_tag)}"
        names.append(name)
        lines.append(line)
    for line in map(clean, extra):
        names.append(line.partition(":")[0].lower())
        lines.append(line)
    names.append("content-length")
    lines.append("Content-Length: 0")
    return Response(status, clean(reason) or REASONS.get(status, "Unknown"), names, lines)


def make_ack(invite: Request, response: Response) -> Request:
    """The ACK to a non-2xx final, a part of the INVITE's transaction (RFC 3261 §17.1.1.3)."""
    names, lines = _pick(invite, frozenset(("from", "call-id", "max-forwards", "route")))
    names = ["via", *names, "to", "cseq", "content-length"]
    lines = [
        _first_line(invite, "via"),
        *lines,
        _first_line(response, "to"),
        f"CSeq: {invite.cseq[0]} ACK",
        "Content-Length: 0",
    ]
    return Request("ACK", invite.uri, names, lines)


def make_lost_ack(uri: str, response: Response) -> Request:
    """Like `make_ack` where the INVITE is lost: ``uri`` is what its request line had."""
    names = ["via", "max-forwards", "from", "to", "call-id", "cseq", "content-length"]
    lines = [
        f"Via: {response.get_all('via')[0]}",
        f"Max-Forwards: {DEFAULT_MAX_FORWARDS}",
        *(_first_line(response, name) for name in ("from", "to", "call-id")),
        f"CSeq: {response.cseq[0]} ACK",
        "Content-Length: 0",
    ]
    return Request("ACK", clean(uri), names, lines)


def make_cancel(invite: Request, reason: str | None) -> Request:
    """The CANCEL of a request we sent (RFC 3261 §9.1); ``reason`` is an RFC 3326 value."""
    names, lines = _pick(invite, _COPIED_TO_CANCEL)
    names = ["via", *names, "cseq"]
    lines = [_first_line(invite, "via"), *lines, f"CSeq: {invite.cseq[0]} CANCEL"]
    if reason:
        names.append("reason")
        lines.append(f"Reason: {clean(reason)}")
    names.append("content-length")
    lines.append("Content-Length: 0")
    return Request("CANCEL", invite.uri, names, lines)


def hops_left(request: Request) -> int:
    """How often a valid request may still be forwarded (RFC 3261 §16.3 step 3)."""
    hops = request.get("max-forwards")
    if hops is None:
        return DEFAULT_MAX_FORWARDS + 1  # §16.6 step 3: we add what is missing
    if len(hops) > 3:
        hops = hops.lstrip("0") or "0"
    if len(hops) > 3 or int(hops) > MAX_HOPS:
        return DEFAULT_MAX_FORWARDS + 1  # RFC 4475 §3.1.2.4: a value out of range is as good as none
    return int(hops)


def breadth_left(request: Request) -> int:
    """How many branches at once may come of a request, downstream forks included (RFC 5393 §5.3)."""
    breadth = request.get("max-breadth")
    if breadth is None:
        return DEFAULT_MAX_BREADTH
    if not (breadth.isascii() and breadth.isdigit()):
        raise RemoteProtocolError(f"malformed Max-Breadth: {breadth[:20]!r}")
    breadth = breadth.lstrip("0") or "0"
    return min(int(breadth), DEFAULT_MAX_BREADTH) if len(breadth) <= 3 else DEFAULT_MAX_BREADTH


def forward_request(
    request: Request, uri: str, via: str, *, record_route: str = "", strip_routes: int = 0, breadth: int = 0
) -> Request:
    """The copy of ``request`` that a proxy sends on (RFC 3261 §16.6): target, hop count, Record-Route, Via.

    Raises `RemoteProtocolError` 483 when the hop count is used up.
    """
    left = hops_left(request) - 1
    if left < 0:
        raise RemoteProtocolError("no Max-Forwards left", status=483)
    forwarded = Request(request.method, one_line(uri), request.names.copy(), request.lines.copy(), request.body)
    forwarded.set("max-forwards", f"Max-Forwards: {left}")
    if breadth:
        forwarded.set("max-breadth", f"Max-Breadth: {breadth}")
    for _ in range(strip_routes):
        forwarded.remove_first_value("route")
    if record_route:
        forwarded.prepend("record-route", f"Record-Route: {one_line(record_route)}")
    forwarded.prepend("via", f"Via: {one_line(via)}")
    return forwarded


def forward_response(response: Response) -> Response:
    """The copy of ``response`` that a proxy sends on: without its top Via (RFC 3261 §16.7 step 3)."""
    forwarded = response.copy()
    forwarded.remove_first_value("via")
    return forwarded


def veil_challenge(response: Response) -> Response:
    """What a sender is told in place of a challenge that he cannot meet: a 500 without it."""
    kept = [
        (name, line)
        for name, line in zip(response.names, response.lines, strict=True)
        if name not in ("www-authenticate", "proxy-authenticate")
    ]
    return Response(500, REASONS[500], [name for name, _ in kept], [line for _, line in kept], response.body)


def make_glare_ack(answer: Response, via: str, is_own: Callable[[str], bool]) -> Request:
    """The ACK that releases a loser whose 2xx came too late (we act for the caller, RFC 3261 §13.2.2.4)."""
    return _in_early_dialog("ACK", answer.cseq[0], answer, via, is_own)


def make_glare_bye(answer: Response, via: str, is_own: Callable[[str], bool]) -> Request:
    """The BYE that follows `make_glare_ack`."""
    return _in_early_dialog("BYE", min(answer.cseq[0] + GLARE_CSEQ_STEP, MAX_CSEQ), answer, via, is_own)


def _in_early_dialog(method: str, cseq: int, answer: Response, via: str, is_own: Callable[[str], bool]) -> Request:
    # A 2xx without Contact is broken; whoever it comes from at least knows itself as To.
    uri = find_uri(answer.get("contact") or answer.require("to"))
    parse_uri(uri)  # it goes into a request line of ours
    recorded = answer.get_all("record-route")
    # Only what lies between us and the loser is our route: the part above our own entry, nearest first (§12.1.2).
    ours = next((index for index, value in enumerate(recorded) if is_own(find_uri(value))), len(recorded))
    route = list(reversed(recorded[:ours]))
    if route and find_param(find_uri(route[0]).partition(";")[2], "lr") is None:  # strict router (§12.2.1.1)
        uri, route = find_uri(route[0]), [*route[1:], f"<{uri}>"]
        parse_uri(uri)
    names = ["via", *["route"] * len(route), "max-forwards", "from", "to", "call-id", "cseq", "content-length"]
    lines = [
        f"Via: {clean(via)}",
        *(f"Route: {clean(value)}" for value in route),
        f"Max-Forwards: {DEFAULT_MAX_FORWARDS}",
        _first_line(answer, "from"),
        _first_line(answer, "to"),
        _first_line(answer, "call-id"),
        f"CSeq: {cseq} {method}",
        "Content-Length: 0",
    ]
    return Request(method, clean(uri), names, lines)


def _first_line(message: Message, name: str) -> str:
    try:
        return message.lines[message.names.index(name)]
    except ValueError:
        raise RemoteProtocolError(f"no {name.title()} header") from None


def _pick(message: Message, wanted: frozenset[str]) -> tuple[list[str], list[str]]:
    pairs = [(name, line) for name, line in zip(message.names, message.lines, strict=True) if name in wanted]
    return [name for name, _ in pairs], [line for _, line in pairs]

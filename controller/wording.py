"""Small things in words that both the daemon and its commands say: an address, a span of time, a cause, how many routes.

Must import nothing heavy: the daemon starts with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from controller.types import (
    COMPLETED_ELSEWHERE,
    EXHAUSTED,
    FORBIDDEN,
    FULL,
    HEDGE_RELEASED,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    NO_ROUTE,
    NOT_SECURE,
    STOPPED,
    TARGET_REFUSED,
    TRANSPORT_ERROR,
    TRUNK_DOWN,
    WITHDRAWN,
    Dialplan,
    Trunk,
)
from sip.builder import REASONS
from sip.uri import bracketed

_NAMED = 12  # of those that there are
NOWHERE_YET = "where it registers"  # a trunk that has no address of its own
#: What gates are called where people read of them.
GATES = {
    "open": "all",
    "held": "held out",
    "canary": "single tries",
    "rising": "a growing share",
    "parked": "drained",
}
_CAUSES = {
    NO_REPLY: "no sign of life in time",
    NO_PROGRESS: "it did not ring in time",
    NO_ANSWER: "nobody answered in time",
    TRANSPORT_ERROR: "it could not be reached",
    NOT_SECURE: "the caller wants TLS all the way, and its trunk has none",
    TRUNK_DOWN: "its trunk went down",
    TARGET_REFUSED: "the same one had refused by another way",
    HEDGE_RELEASED: "not needed: whom it stood in for came to life",
    COMPLETED_ELSEWHERE: "somebody else answered",
    WITHDRAWN: "the caller hung up",
    EXHAUSTED: "nobody was left to try",
    NO_ROUTE: "nobody here has that number",
    STOPPED: "an answer that ends the search",
    FULL: "no line was free",
    FORBIDDEN: "that number may not be called",
}


def gate_in_words(gate: str) -> str:
    """How much of its calls, or messages, something gets."""
    return GATES.get(gate, gate)


def count_routes(dialplan: Dialplan) -> int:
    """All that a call may match; an outbound route is one, however many PBXs may use it."""
    outbound = {route.chain for routes in dialplan.outbound.values() for route in routes.values()}
    return len(dialplan.routes) + len(dialplan.prefixes) + (dialplan.default is not None) + len(outbound)


def address_of(trunk: Trunk) -> str:
    """As ``udp:192.0.2.1:5060``; without port while the records of a name are to say which."""
    if trunk.registered and not trunk.contact:
        return NOWHERE_YET
    if trunk.service and not trunk.domain:
        return f"{'/'.join(trunk.service)}:{bracketed(trunk.host)}"
    return f"{trunk.transport}:{bracketed(trunk.host)}:{trunk.port}"


def called_as(address: str, trunk: Trunk) -> str:
    """The Request-URI of a path, as far as it is known."""
    if not trunk.registered:
        return address
    return f"{address.partition('@')[0]} {NOWHERE_YET}"


def cause_in_words(cause: str) -> str:
    """Why an attempt ended, or nobody answered."""
    if cause.isdigit():
        return f"{cause} {REASONS.get(int(cause), '')}".rstrip()
    return _CAUSES.get(cause) or cause.lower().replace("_", " ")


def show_seconds(value: float) -> str:
    """A time of a few minutes at most, with the unit that suits it."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"


def show_span(seconds: float) -> str:
    """A span of time, however long, with the unit that suits it."""
    if seconds < 60:
        return show_seconds(seconds)
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def which_instead(name: str, known: Iterable[str]) -> str:
    """What to do about a name that nobody has: the one that is meant, else those that there are."""
    names = list(dict.fromkeys(known))
    close = get_close_matches(name, names, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED + 1 else ""
    return f"there are {', '.join(names[:_NAMED] if more else names) or 'none'}{more}"


def uri_of(trunk: Trunk, user: str = "") -> str:
    """The SIP URI of somebody at a trunk, or of the trunk itself."""
    kind = "" if trunk.sips or trunk.transport == "udp" else f";transport={trunk.transport}"
    return f"{'sips' if trunk.sips else 'sip'}:{user}{'@' if user else ''}{authority_of(trunk)}{kind}"


def authority_of(trunk: Trunk) -> str:
    """Host and port as a trunk is called in URIs: by its name where it has one, and then as that was written."""
    host = bracketed(trunk.domain or trunk.host)
    return host if trunk.service else f"{host}:{trunk.port}"

"""What is said to requests outside a call that are no INVITE: we are the presence server and mailbox of nobody, and the
registrar of users alone (`controller.bindings`).

Owns those answers (status and header lines). Must not know transactions.
"""

from __future__ import annotations

from sip.errors import RemoteProtocolError
from sip.message import Request
from sip.uri import Uri, parse_uri

#: What may pass through us, within a call that we set up.
ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE"
#: What may come to us outside a call.
ALLOW_OUTSIDE = "Allow: INVITE, ACK, CANCEL, OPTIONS"
_WITHIN_ONLY = frozenset(("BYE", "PRACK", "UPDATE", "INFO"))  # without a dialog there is none: 481
_FOR_OTHERS = frozenset(("REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER"))  # known, but not here: 405

Answer = tuple[int, tuple[str, ...]]


def answer_outside(request: Request) -> Answer:
    """The answer to a request outside a dialog that is no call: ours to give, whatever its hop count (§16.3 step 3)."""
    parse_target(request)
    method = request.method
    if method == "OPTIONS":
        if "require" in request.names:
            return refuse_extensions(request, "require")
        return 200, (ALLOW, "Accept: application/sdp", "Supported:")
    if method in _WITHIN_ONLY:
        return 481, ()
    return 405 if method in _FOR_OTHERS else 501, (ALLOW_OUTSIDE,)  # RFC 3261 §21.5.2: 501: never heard of


def refuse_extensions(request: Request, name: str) -> Answer:
    """RFC 3261 §8.2.2.3: say which extensions we do not support."""
    return 420, (f"Unsupported: {', '.join(request.get_all(name))}",)


def parse_target(request: Request) -> Uri:
    """The Request-URI. Headers in it would be ours to make real, and may be anything (RFC 4475 §3.1.2.11)."""
    uri = parse_uri(request.uri)
    if uri.headers:
        raise RemoteProtocolError("headers in the Request-URI")
    return uri

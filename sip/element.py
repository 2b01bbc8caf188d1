"""Who we are on the wire: our address, our branch ids, tags and Record-Route, and how we recognise them again.

Everything here is computed from a secret and the message, nothing is remembered: the daemon that comes back after
a crash gives a retransmitted INVITE the same downstream branch, knows responses to its past life, and passes on
the BYE of a call that it never saw being set up. Must not hold state of calls.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from sip.errors import RemoteProtocolError
from sip.headers import MAGIC_COOKIE, Via, find_uri
from sip.message import Message, Request, Response
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import Uri, is_address, parse_uri

_MARK = f"{MAGIC_COOKIE}cw-"
_MAC_CHARS = 22  # 132 bits of a SHA-256 HMAC in base64
SEAL_PARAM = "cw"
MAX_DATAGRAM = 1300  # RFC 3261 §18.1.1: larger requests go over a transport with congestion control, where there is one


@dataclass(frozen=True, slots=True)
class SealedRoute:
    """What our Record-Route remembers of a call."""

    caller_tag: str  # From tag of the INVITE: who asks tells the direction
    trunk: str
    entries: int = 1  # 2 where the sides have different transports (RFC 5658 §6)
    onward: str = field(default="", compare=False)  # the Route value behind ours, "" when it was the last


class Refusal(Enum):
    """Why a request within a dialog is not forwarded."""

    NOT_OURS = "no Route entry of ours on top"
    BROKEN_SEAL = "our Route entry is forged, altered or of another call"


class Element:
    """This SIP element, behind one listening address of each transport."""

    def __init__(
        self, local: Hop, branch_key: bytes, seal: Seal, names: Mapping[str, str] | None = None, *more: Hop
    ) -> None:
        """``local`` and ``more`` are what others reach us by, of one host, each of another transport; ``names`` maps
        host names to IP addresses, resolved ahead."""
        self.local = local
        self.locals = {hop.transport: hop for hop in (local, *more)}
        self._key = branch_key
        self._seal = seal
        self._names = names or {}
        host = f"[{local.host}]" if ":" in local.host else local.host
        self._via_prefix = {
            hop.transport: f"SIP/2.0/{hop.transport.upper()} {host}:{hop.port};branch=" for hop in self.locals.values()
        }
        self._uri_prefix = {  # udp is what a URI means that says nothing (RFC 3263 §4.1)
            hop.transport: f"sip:{host}:{hop.port}{'' if hop.transport == 'udp' else f';transport={hop.transport}'};lr"
            for hop in self.locals.values()
        }
        self._sent_by = {(host.lower(), hop.port) for hop in self.locals.values()}
        self._ports = {hop.port for hop in self.locals.values()}

    # -- branches and tags

    def via_for(self, request: Message, path_tag: str, trial: int = 1, transport: str = "udp") -> str:
        """Our Via for ``request`` forwarded on this path: the same input gives the same branch in any life.

        ``path_tag`` names the path (`path_tag_of`) or a method; ``trial`` counts the tries of the path. A response may
        stand for the request that it answers.
        """
        marked = f"{path_tag}-{trial}"
        return f"{self._via_prefix[transport]}{_MARK}{marked}-{self._branch_mac(request, request.via, marked)}"

    def path_tag_of(self, path_name: str) -> str:
        """A short stable name of a path for its branch ids; computed at load time."""
        return self._mac(f"path|{path_name}")[:8].replace("-", "_")

    def made_branch(self, via: Via, upstream: Via, response: Response) -> bool:
        """Whether ``via``, the top one of ``response``, is ours, put above ``upstream`` in this life or another."""
        branch = via.branch
        if not branch.startswith(_MARK) or via.sent_by not in self._sent_by:
            return False
        # the MAC may itself hold "-", but its length is fixed
        marked, dash, mac = (
            branch[len(_MARK) : -_MAC_CHARS - 1],
            branch[-_MAC_CHARS - 1 : -_MAC_CHARS],
            branch[-_MAC_CHARS:],
        )
        if dash != "-":
            return False
        return hmac.compare_digest(
            mac.encode("utf-8", "surrogateescape"), self._branch_mac(response, upstream, marked).encode()
        )

    def _branch_mac(self, message: Message, upstream: Via, marked: str) -> str:
        # Everything that tells one upstream transaction from another, also of peers of RFC 2543 without a branch.
        sender = f"{upstream.branch}|{upstream.host.lower()}:{upstream.port}"
        return self._mac(f"{sender}|{message.call_id}|{message.cseq[0]}|{marked}")

    def to_tag_for(self, request: Request) -> str:
        """The To tag of our own responses to this request."""
        return self._mac(f"tag|{request.via.branch}|{request.call_id}")[:12]

    # -- Record-Route

    def record_route(self, call_id: str, caller_tag: str, trunk: str, caller: str = "udp", callee: str = "udp") -> str:
        """The value that we record; in-dialog requests bring it back.

        ``caller`` and ``callee`` are the transports of the two sides. Where they differ there are two entries, so that
        each side finds on top of its route the one that it can use (RFC 5658 §6).
        """
        secret = f"{caller_tag}\n{trunk}" if caller == callee else f"{caller_tag}\n{trunk}\n2"
        sealed = self._seal.close(secret.encode("utf-8", "surrogateescape"), call_id)
        entry = f"<{self._uri_prefix[callee]};{SEAL_PARAM}={sealed}>"
        return entry if caller == callee else f"{entry}, <{self._uri_prefix[caller]};{SEAL_PARAM}={sealed}>"

    def open_route(self, request: Request) -> SealedRoute | Refusal:
        """What our Route entry on top of an in-dialog request holds, or why the request must not pass."""
        if "route" not in request.names:
            return Refusal.NOT_OURS
        routes = request.get_all("route")
        uri = parse_uri(find_uri(routes[0]))
        if not self.owns(uri):
            return Refusal.NOT_OURS
        text = uri.param(SEAL_PARAM) or ""
        secret = self._seal.open(text, request.call_id)
        if secret is None:
            return Refusal.BROKEN_SEAL
        caller_tag, trunk, *double = secret.decode("utf-8", "surrogateescape").split("\n")
        if caller_tag not in (request.from_tag, request.to_tag):
            return Refusal.BROKEN_SEAL
        if not double:
            return SealedRoute(caller_tag, trunk, 1, routes[1] if len(routes) > 1 else "")
        twin = parse_uri(find_uri(routes[1])) if len(routes) > 1 else None
        if twin is None or not self.owns(twin) or twin.param(SEAL_PARAM) != text:  # one seal has one spelling
            return Refusal.BROKEN_SEAL
        return SealedRoute(caller_tag, trunk, 2, routes[2] if len(routes) > 2 else "")

    def owns(self, uri: Uri) -> bool:
        """Whether a URI points at one of our listening addresses."""
        return uri.host == self.local.host and (uri.port or 5060) in self._ports

    def is_own(self, text: str) -> bool:
        """Like `owns`, for the text of a URI; what is no SIP URI is not ours."""
        try:
            return self.owns(parse_uri(text))
        except RemoteProtocolError:
            return False

    # -- next hops

    def next_hop(self, request: Request) -> Hop | None:
        """Where a request goes by its top Route, else its Request-URI (RFC 3261 §16.6 step 6); None if unknown.

        Names are looked up in the table that was resolved ahead, never on the call path.
        """
        routes = request.get_all("route") if "route" in request.names else []
        return self.hop_of(parse_uri(find_uri(routes[0]) if routes else request.uri))

    def hop_of(self, uri: Uri) -> Hop | None:
        """The address a URI means, or None if its name was not resolved ahead."""
        if uri.scheme != "sip":
            return None
        host = self._names.get(uri.host, uri.host)
        if not is_address(host):
            return None
        transport = (uri.param("transport") or "udp").lower()
        return Hop(host, uri.port or 5060, transport) if transport in self.locals else None

    def _mac(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256")
        return base64.urlsafe_b64encode(digest)[:_MAC_CHARS].decode()

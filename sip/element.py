"""Who we are on the wire: our address, our branch ids, tags and Record-Route, and how we recognise them again.

Everything here is computed from a secret and the message, nothing is remembered: the daemon that comes back after
a crash gives a retransmitted INVITE the same downstream branch, knows responses to its past life, and passes on
the BYE of a call that it never saw being set up. Must not hold state of calls.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from sip import builder
from sip.errors import RemoteProtocolError
from sip.headers import MAGIC_COOKIE, Via, find_uri, parse_via, split_values
from sip.message import Message, Request, Response
from sip.route import SealedRoute, decode_route
from sip.seal import Seal
from sip.transaction import Hop
from sip.uri import Uri, bare_host, bracketed, is_address, parse_uri

_MARK = f"{MAGIC_COOKIE}cw-"
_MAC_CHARS = 22  # 132 bits of a SHA-256 HMAC in base64
SEAL_PARAM = "cw"
MAX_DATAGRAM = 1300  # RFC 3261 §18.1.1: larger requests go over a transport with congestion control, where there is one
_SEALED = re.compile(r";\s*cw\s*=\s*([\w.\-]+)", re.IGNORECASE)


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
        self._names = dict(names or {})
        host = bracketed(local.host)
        self._via_prefix = {
            hop.transport: f"SIP/2.0/{hop.transport.upper()} {host}:{hop.port};branch=" for hop in self.locals.values()
        }
        self._uri_prefix = {  # udp is what a URI means that says nothing (RFC 3263 §4.1)
            hop.transport: f"sip:{host}:{hop.port}{'' if hop.transport == 'udp' else f';transport={hop.transport}'};lr"
            for hop in self.locals.values()
        }
        self._host = bare_host(host)
        self._sent_by = {(self._host, hop.port) for hop in self.locals.values()}
        self._ports = {hop.port for hop in self.locals.values()}

    def learn_names(self, names: Mapping[str, str]) -> None:
        """Know these host names as well; dialogs that are up may still use the old ones."""
        self._names.update(names)

    # -- branches and tags

    def via_for(
        self, request: Message, path_tag: str, trial: int = 1, loop_tag: str = "", *, transport: str = "udp"
    ) -> str:
        """Our Via for ``request`` forwarded on this path: the same input gives the same branch in any life.

        ``path_tag`` names the path (`path_tag_of`) or a method; ``trial`` counts the tries of the path;
        ``loop_tag`` is what `has_passed` looks for. A response may stand for the request that it answers.
        """
        marked = f"{path_tag}-{trial}-{loop_tag}" if loop_tag else f"{path_tag}-{trial}"
        return f"{self._via_prefix[transport]}{_MARK}{marked}-{self._branch_mac(request, request.via, marked)}"

    def path_tag_of(self, path_name: str) -> str:
        """A short stable name of a path for its branch ids; computed at load time."""
        return self._mac(f"path|{path_name}")[:8].replace("-", "_")

    def path_tag_in(self, via: Via) -> str:
        """The path tag (or method) in a branch of ours."""
        return via.branch[len(_MARK) : -_MAC_CHARS - 1].split("-", 1)[0]

    def loop_tag_of(self, target: str) -> str:
        """What a branch remembers of all that decided its way (RFC 5393 §4.2.1): ``target`` is the number called."""
        return self._mac(f"loop|{target}")[:8]

    def has_passed(self, request: Request, loop_tag: str) -> bool:
        """Whether this request came through here before on the way to the same target: it runs in a circle.

        One that comes back for another target is a spiral, and goes on (RFC 5393 §4.2.2).
        """
        for index, line in enumerate(request.lines):
            if _MARK not in line or request.names[index] != "via":
                continue
            for value in split_values(line.partition(":")[2]):
                via = parse_via(value)
                if via.sent_by in self._sent_by and via.branch.startswith(_MARK):
                    marked = via.branch[len(_MARK) : -_MAC_CHARS - 1]
                    if marked.split("-", 2)[2:] == [loop_tag]:
                        return True
        return False

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
        # Everything that tells one upstream transaction from another (RFC 3261 §17.2.3), and where its responses go:
        # what comes back with another address in it is not ours to forward.
        sender = f"{upstream.branch}|{upstream.host.lower()}:{upstream.port}|{upstream.params.lower()}"
        old = "" if upstream.branch.startswith(MAGIC_COOKIE) else message.from_tag  # RFC 2543: no unique branch
        return self._mac(f"{sender}|{message.call_id}|{message.cseq[0]}|{old}|{marked}")

    def to_tag_for(self, request: Request) -> str:
        """The To tag of our own responses to this request."""
        return self._mac(f"tag|{request.via.branch}|{request.call_id}")[:12]

    # -- Record-Route

    def record_route(self, call_id: str, route: SealedRoute, transport: str = "udp") -> str:
        """The value that we record; in-dialog requests bring it back.

        ``transport`` is the callee's. Where the caller's is another there are two entries, so that each side finds on
        top of its route the one that it can use (RFC 5658 §6); both carry the same passport.
        """
        caller = route.caller.transport
        route = replace(route, entries=1 if caller == transport else 2)
        sealed = self._seal.close(route.encode(), call_id)
        entry = f"<{self._uri_prefix[transport]};{SEAL_PARAM}={sealed}>"
        return entry if caller == transport else f"{entry}, <{self._uri_prefix[caller]};{SEAL_PARAM}={sealed}>"

    def forward_response(self, response: Response) -> Response:
        """The copy of a response for upstream (RFC 3261 §16.7 steps 3 and 8): without our Via, our Record-Route turned
        into the caller's side of the dialog."""
        forwarded = builder.forward_response(response)
        if 100 < response.status < 300 and "record-route" in forwarded.names:
            for index, name in enumerate(forwarded.names):
                if name == "record-route":
                    forwarded.lines[index] = self._turn_route(forwarded.lines[index], forwarded)
        return forwarded

    def _turn_route(self, line: str, response: Response) -> str:
        for text in dict.fromkeys(_SEALED.findall(line)):  # the two entries of one call have the same text
            secret = self._seal.open(text, response.call_id)
            route = decode_route(secret) if secret is not None else None
            if route is not None:
                turned = replace(route, callee_tag=response.to_tag)
                line = line.replace(text, self._seal.close(turned.encode(), response.call_id))
        return line

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
        route = decode_route(secret) if secret is not None else None
        if route is None or not route.fits(request.from_tag, request.to_tag):
            return Refusal.BROKEN_SEAL
        if route.entries == 2:
            twin = parse_uri(find_uri(routes[1])) if len(routes) > 1 else None
            if twin is None or not self.owns(twin) or twin.param(SEAL_PARAM) != text:  # one seal has one spelling
                return Refusal.BROKEN_SEAL
        return replace(route, onward=routes[route.entries]) if len(routes) > route.entries else route

    def owns(self, uri: Uri) -> bool:
        """Whether a URI points at one of our listening addresses."""
        return uri.host == self._host and (uri.port or 5060) in self._ports

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

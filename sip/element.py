"""Who we are on the wire: our address, our branch ids, tags and Record-Route, and how we recognise them again.

Everything here is computed from a secret and the message, nothing is remembered: the daemon that comes back after
a crash gives a retransmitted INVITE the same downstream branch, knows responses to its past life, and passes on
the BYE of a call that it never saw being set up. Must not hold state of calls.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from enum import Enum

from sip import builder, sequence
from sip.errors import RemoteProtocolError
from sip.guise import Note, decode_note, keep, restore
from sip.headers import MAGIC_COOKIE, Via, find_uri, parse_via, split_values
from sip.message import Message, Request, Response
from sip.route import SealedRoute, decode_route
from sip.seal import Seal
from sip.text import spell
from sip.transaction import Hop
from sip.uri import Uri, bare_host, bracketed, default_port, find_param, is_address, parse_uri, transport_of

_MARK = f"{MAGIC_COOKIE}cw-"
_MAC_CHARS = 22  # 132 bits of a SHA-256 HMAC in base64
_CAME_BY = "~"  # in a branch before the name of a listener; no base64 has it
_BY_UDP = Hop("", 0)  # by the first UDP listener
SEAL_PARAM = "cw"
MAX_DATAGRAM = 1300  # RFC 3261 §18.1.1: larger requests go over a transport with congestion control, where there is one
NOTE_PARAM = "cwn"
_NOTED = f";{NOTE_PARAM}="
_SEALED = re.compile(r";\s*cw\s*=\s*([\w.!\-]+)", re.IGNORECASE)


class Refusal(Enum):
    """Why a request within a dialog is not forwarded."""

    NOT_OURS = "no Route entry of ours on top"
    BROKEN_SEAL = "our Route entry is forged, altered or of another call"


class Element:
    """This SIP element, behind one listening address or several."""

    def __init__(
        self, local: Hop, branch_key: bytes, seal: Seal, names: Mapping[str, Sequence[str]] | None = None, *more: Hop
    ) -> None:
        """``local`` and ``more`` are our listeners by the addresses that others reach us by, each with a transport and
        a name of its own (`Hop`); ``names`` maps host names to their IP addresses, resolved ahead."""
        self.local = local
        self.listeners = {hop[2:]: hop for hop in (local, *more)}  # by transport and name: `Hop` says which
        self._key = branch_key
        self._seal = seal
        self._names = dict(names or {})
        self._via_prefix: dict[tuple[str, ...], str] = {}
        self._uri_prefix: dict[tuple[str, ...], str] = {}
        self._sent_by: set[tuple[str, int]] = set()
        self._at: dict[tuple[str, int, str], Hop] = {}  # our listeners by what a URI of ours says
        self._fitting: dict[tuple[str, bool], list[Hop]] = {}  # our listeners by transport and family (True: IPv6)
        for hop in self.listeners.values():
            at = f"{bracketed(hop.host)}:{hop.port}"
            kind = "" if hop.transport == "udp" else f";transport={hop.transport}"  # udp is the default (RFC 3263 §4.1)
            # RFC 3581: answers come back to where this comes from, whatever NAT makes of the address; RFC 5923 §5: a TLS
            # connection of ours serves both ways
            ask = {"udp": ";rport", "tls": ";alias"}.get(hop.transport, "")
            self._via_prefix[hop[2:]] = f"SIP/2.0/{hop.transport.upper()} {at}{ask};branch="
            self._uri_prefix[hop[2:]] = f"sip:{at}{kind};lr"
            self._sent_by.add((bare_host(bracketed(hop.host)), hop.port))
            self._fitting.setdefault((hop.transport, ":" in hop.host), []).append(hop)
            self._at[bare_host(bracketed(hop.host)), hop.port, hop.transport] = hop

    def learn_names(self, names: Mapping[str, Sequence[str]]) -> None:
        """Know the addresses of these host names; dialogs that are up may still use names that are gone."""
        self._names.update(names)

    # -- branches and tags

    def via_for(
        self,
        request: Message,
        path_tag: str,
        trial: int = 1,
        loop_tag: str = "",
        *,
        hop: Hop = _BY_UDP,
        came_by: str = "",
        cseq: int | None = None,
    ) -> str:
        """Our Via for ``request`` forwarded on this path to ``hop``: the same input gives the same branch in any life.

        ``path_tag`` names the path (`path_tag_of`) or a method; ``trial`` counts the tries of the path;
        ``loop_tag`` is what `has_passed` looks for; ``came_by`` is the listener by which the request came, and answers
        go back (`came_by`); ``cseq`` is the number that goes out, where it is another one (`sip.sequence`, whose mark
        is part of the path tag then). A response may stand for the request that it answers.
        """
        marked = f"{path_tag}-{trial}-{loop_tag}" if loop_tag else f"{path_tag}-{trial}"
        if came_by:
            marked = f"{marked}{_CAME_BY}{came_by}"
        return f"{self._via_prefix[hop[2:]]}{_MARK}{marked}-{self._branch_mac(request, request.via, marked, cseq)}"

    def path_tag_of(self, path_name: str) -> str:
        """A short stable name of a path for its branch ids; computed at load time."""
        return self._mac(f"path|{path_name}")[:8].replace("-", "_")

    def path_tag_in(self, via: Via) -> str:
        """The path tag (or method) in a branch of ours."""
        return self._tag_in(via).partition(sequence.MARK)[0]

    def _tag_in(self, via: Via) -> str:
        return via.branch[len(_MARK) : -_MAC_CHARS - 1].split("-", 1)[0].partition(_CAME_BY)[0]

    def came_by(self, via: Via) -> str:
        """The listener by which the request came that left with this Via of ours (`made_branch` proves that it is)."""
        return via.branch[len(_MARK) : -_MAC_CHARS - 1].partition(_CAME_BY)[2]

    def numbered(self, via: Via) -> tuple[int, int] | None:
        """(CSeq that came in, try) of the request that left with this Via of ours, None where the number is the same."""
        return sequence.read_mark(self._tag_in(via)) if sequence.MARK in via.branch else None

    def cnonce_of(self, nonce: str) -> str:
        """The cnonce of ours for somebody's nonce, the same in any life."""
        return self._mac(f"cnonce|{nonce}")

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
                    if marked.partition(_CAME_BY)[0].split("-", 2)[2:] == [loop_tag]:
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

    def _branch_mac(self, message: Message, upstream: Via, marked: str, cseq: int | None = None) -> str:
        # Everything that tells one upstream transaction from another (RFC 3261 §17.2.3), and where its responses go:
        # what comes back with another address in it is not ours to forward.
        sender = f"{upstream.branch}|{upstream.host.lower()}:{upstream.port}|{upstream.params.lower()}"
        old = "" if upstream.branch.startswith(MAGIC_COOKIE) else message.from_tag  # RFC 2543: no unique branch
        number = message.cseq[0] if cseq is None else cseq
        return self._mac(f"{sender}|{message.call_id}|{number}|{old}|{marked}")

    def to_tag_for(self, request: Request) -> str:
        """The To tag of our own responses to this request."""
        return self._mac(f"tag|{request.via.branch}|{request.call_id}")[:12]

    def contact_user_of(self, trunk: str) -> str:
        """The user part of our Contact at the registrar of a trunk: the same in every life, and nobody can guess it."""
        return self._mac(f"contact|{trunk}")

    # -- Record-Route

    def record_route(
        self, call_id: str, route: SealedRoute, hop: Hop = _BY_UDP, sips: tuple[bool, bool] = (False, False)
    ) -> str:
        """The value that we record; in-dialog requests bring it back.

        ``hop`` is the callee's. Where the caller came by another listener there are two entries, so that each side
        finds on top of its route the one that it can use (RFC 5658 §6); both carry the same passport. ``sips`` says
        whether the caller's Request-URI, and that for the callee, is a SIPS one: its side's entry is one then (RFC 3261
        §16.6 step 4).
        """
        ours, theirs = self._route_prefix(route.caller, sips[0]), self._route_prefix(hop, sips[1])
        if ours != theirs:
            route = route._replace(entries=2)
        sealed = self._seal.close(route.encode(), call_id)
        entry = f"<{theirs};{SEAL_PARAM}={sealed}>"
        return entry if ours == theirs else f"{entry}, <{ours};{SEAL_PARAM}={sealed}>"

    def _route_prefix(self, hop: Hop, sips: bool) -> str:
        prefix = self._uri_prefix[hop[2:]]
        return "sips" + prefix[3:].replace(";transport=tls", "") if sips and hop.transport == "tls" else prefix

    def forward_response(self, response: Response) -> Response:
        """The copy of a response for upstream (RFC 3261 §16.7 steps 3 and 8): without our Via, our Record-Route turned
        into the caller's side of the dialog, with the CSeq that upstream knows."""
        forwarded = builder.forward_response(response)
        numbered = self.numbered(response.via)
        if 100 < response.status < 300:
            self._turn_route(forwarded, numbered)
        if numbered is not None:
            sequence.renumber(forwarded, numbered[0])
        if _NOTED in response.via.params:
            restore(forwarded, self._read_note(response))
        return forwarded

    def write_note(self, note: Note, call_id: str) -> str:
        """What a Via of ours says behind its branch, so that `forward_response` can restore what the sender wrote."""
        return f"{_NOTED}{self._seal.close(note.encode(), f'via|{call_id}')}"

    def _read_note(self, response: Response) -> Note:
        secret = self._seal.open(find_param(response.via.params, NOTE_PARAM) or "", f"via|{response.call_id}")
        return decode_note(secret) if secret is not None else Note()

    def own_route(self, response: Response) -> tuple[str, SealedRoute] | None:
        """Our Record-Route in a response on its way upstream: how it is sealed, and what it holds; None where there is none.

        A call that passes twice has two (a spiral, RFC 5393 §4.2.2): those of its later passes are above, and they have been
        turned already, so that ours is the first that was not.
        """
        names = response.names
        if "record-route" not in names:
            return None
        for index in range(names.index("record-route"), len(names)):
            if names[index] != "record-route":
                continue
            for text in _SEALED.findall(response.lines[index]):
                secret = self._seal.open(text, response.call_id)
                route = decode_route(secret) if secret is not None else None
                if route is not None and route.callee_tag is None:
                    return text, route
        return None

    def _turn_route(self, response: Response, numbered: tuple[int, int] | None) -> None:
        found = self.own_route(response)
        if found is None:
            return
        text, route = found
        turned = route._replace(
            callee_tag=response.to_tag,
            caller_as=None if route.caller_as is None else keep(response.require("from")),
            callee_as=None if route.callee_as is None else keep(response.require("to")),
            tried=route.tried if numbered is None else numbered[1],
        )
        sealed = self._seal.close(turned.encode(), response.call_id)
        for index, name in enumerate(response.names):  # the two entries of one pass have the same text
            if name == "record-route":
                response.lines[index] = response.lines[index].replace(text, sealed)

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
            uri = twin
        onward = routes[route.entries] if len(routes) > route.entries else ""
        side = self._at.get(_address_of(uri)) if len(self.listeners) > 1 else None
        return route._replace(side=side, onward=onward) if onward or side else route

    def owns(self, uri: Uri) -> bool:
        """Whether a URI points at one of our listeners."""
        return _address_of(uri)[:2] in self._sent_by

    def is_own(self, text: str) -> bool:
        """Like `owns`, for the text of a URI; what is no SIP URI is not ours."""
        try:
            return self.owns(parse_uri(text))
        except RemoteProtocolError:
            return False

    # -- next hops

    def next_hop(self, request: Request, beside: Hop = _BY_UDP) -> Hop | None:
        """Where a request goes by its top Route, else its Request-URI (RFC 3261 §16.6 step 6); None if unknown.

        Names are looked up in the table that was resolved ahead, never on the call path. ``beside`` as in `hop_of`.
        """
        routes = request.get_all("route") if "route" in request.names else []
        return self.hop_of(parse_uri(find_uri(routes[0]) if routes else request.uri), beside)

    def hop_of(self, uri: Uri, beside: Hop = _BY_UDP) -> Hop | None:
        """The address a URI means, or None if its name was not resolved ahead or no listener of ours reaches it.

        ``beside`` is a hop of the same side of the call: its listener is used, or else the one next to that. A name
        with several addresses means the one that the side has already; without a port its records say which (RFC 3263
        §4.2), and they have said so before.
        """
        host, transport = uri.host, transport_of(uri)
        addresses = self._names.get(host)
        if addresses is not None:
            host = beside.host if beside.host in addresses else addresses[0]
            silent = uri.scheme == "sip" and uri.param("transport") is None
            if host == beside.host and uri.port is None and (silent or transport == beside.transport):
                return self.find_way(beside)
        if not is_address(host):
            return None
        listener = self.listener_for(host, transport, beside)
        return Hop(host, uri.port or default_port(transport), transport, listener) if listener is not None else None

    def listener_for(self, host: str, transport: str, beside: Hop = _BY_UDP) -> str | None:
        """The name of the listener that reaches an IP address by this transport, None if there is none.

        That of ``beside`` if it can, else one at the same address of ours, else the first.
        """
        fitting = self._fitting.get((transport, ":" in host))
        if fitting is None:
            return None
        if len(fitting) > 1:
            known = self.listeners.get(beside[2:])
            if known is not None:
                if known in fitting:
                    return known.listener
                for ours in fitting:
                    if ours.host == known.host:
                        return ours.listener
        return fitting[0].listener

    def find_way(self, hop: Hop) -> Hop | None:
        """The same hop by a listener that we have: that which it names, else any that fits; None if there is none.

        A hop of a past life may name one that is gone.
        """
        ours = self.listeners.get(hop[2:])
        if ours is not None and (":" in ours.host) == (":" in hop.host):
            return hop
        listener = self.listener_for(hop.host, hop.transport)
        return hop._replace(listener=listener) if listener is not None else None

    def _mac(self, text: str) -> str:
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), "sha256")
        return spell(digest)[:_MAC_CHARS]


def _address_of(uri: Uri) -> tuple[str, int, str]:
    """Host, port and transport that a URI names, what is left out filled in (RFC 3261 §19.1.2)."""
    transport = transport_of(uri)
    return uri.host, uri.port or default_port(transport), transport

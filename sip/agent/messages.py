"""The messages of the scripted user agent: requests along the route set, responses, a session description.

Owns the agent's identity on the wire and its counter, from which tags and branches come. Must not decide what is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sip import builder
from sip.agent.script import AgentCall
from sip.headers import MAGIC_COOKIE, find_uri
from sip.message import Request, Response
from sip.transaction import Hop
from sip.uri import bracketed, parse_uri

ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS"


class Composer:
    """Makes messages in the name of one agent."""

    def __init__(self, name: str, local: Hop) -> None:
        host = bracketed(local.host)
        family = "IP6" if ":" in local.host else "IP4"
        self._name = name
        self._transport = local.transport
        self._count = 0
        self.address = f"{host}:{local.port}"
        self._contact = f"Contact: <sip:{name}@{self.address}>"
        lines = ["v=0", f"o={name} 1 1 IN {family} {local.host}", "s=-", f"c=IN {family} {local.host}", "t=0 0"]
        self.session = "\r\n".join([*lines, "m=audio 49170 RTP/AVP 0 8", ""]).encode()

    def number(self, kind: str) -> str:
        """Another name that no other agent uses."""
        self._count += 1
        return f"{self._name}-{kind}-{self._count}"

    def invite(self, call_id: str, tag: str, caller: str, uri: str) -> Request:
        """The INVITE that begins a call."""
        local = f"<sip:{caller}@{self.address}>;tag={tag}"
        return self._request("INVITE", uri, (), local, f"<{uri}>", call_id, 1, self.session)

    def in_dialog(self, call: AgentCall, method: str, cseq: int) -> tuple[Request, Hop]:
        """A request within the dialog and where it goes first (RFC 3261 §12.2.1.1, loose routing)."""
        body = self.session if method == "INVITE" else b""
        request = self._request(method, call.target, call.routes, call.local, call.remote, call.id, cseq, body)
        uri = parse_uri(find_uri(call.routes[0]) if call.routes else call.target)
        return request, Hop(uri.host, uri.port or 5060, (uri.param("transport") or self._transport).lower())

    def response(self, request: Request, status: int, tag: str = "", headers: Iterable[str] = ()) -> Response:
        """A response, with these lines more; a 2xx to an INVITE brings a session along."""
        invited = request.method == "INVITE"
        extra = [self._contact, ALLOW] if invited and status < 300 else [ALLOW] if status == 405 else []
        body = self.session if invited and 200 <= status < 300 else b""
        if body:
            extra.append("Content-Type: application/sdp")
        response = builder.make_response(request, status, tag or self.number("tag"), extra=[*extra, *headers])
        response.body = body
        response.set("content-length", f"Content-Length: {len(body)}")
        return response

    def _request(
        self,
        method: str,
        uri: str,
        routes: Sequence[str],
        local: str,
        remote: str,
        call_id: str,
        cseq: int,
        body: bytes,
    ) -> Request:
        branch = f"{MAGIC_COOKIE}{self.number('branch')}"
        lines = [
            f"Via: SIP/2.0/{self._transport.upper()} {self.address};branch={branch};rport",
            *(f"Route: {route}" for route in routes),
            f"Max-Forwards: {builder.DEFAULT_MAX_FORWARDS}",
            f"From: {local}",
            f"To: {remote}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            *((self._contact, ALLOW) if method == "INVITE" else ()),
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
        ]
        return Request(method, uri, [line.partition(":")[0].lower() for line in lines], lines, body)


def enter_dialog(call: AgentCall, answer: Response) -> None:
    """What a caller takes from a 2xx (RFC 3261 §12.1.2)."""
    call.remote = answer.require("to")
    call.target = find_uri(answer.require("contact"))
    call.routes = list(reversed(answer.get_all("record-route")))


def open_dialog(call: AgentCall, invite: Request) -> None:
    """What a callee takes from an INVITE (RFC 3261 §12.1.1)."""
    call.local = f"{invite.require('to')};tag={call.tag}"
    call.remote = invite.require("from")
    call.target = find_uri(invite.require("contact"))
    call.routes = invite.get_all("record-route")
    call.cseq = 0

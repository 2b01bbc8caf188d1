"""Listeners for phones, and for PBXs without an address of their own: who is unknown there is asked for a password.

Owns who is asked, who may register, and the answer: 401, without a transaction, so that nobody can fill our memory by asking. Only
requests that begin something are asked for credentials: within a call our sealed Route is the passport (`dialogs`), and
an ACK or a CANCEL cannot be asked (RFC 3261 §22.1). Must not decide what somebody may do once he is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.bindings import Answer, Bindings
from controller.edge.sources import Sources
from controller.types import REALM, Dialplan, User
from sip import builder
from sip.authenticator import Authenticator
from sip.digest import realm_of
from sip.element import Element
from sip.message import Request, Response
from sip.transaction import Hop, RequestReceived


class Phones:
    """See the top of the file. ``secret`` is new in each life, and nobody can guess it."""

    def __init__(self, element: Element, sources: Sources, secret: str, bindings: Bindings) -> None:
        self._element = element
        self._sources = sources
        self._authenticator = Authenticator(REALM, {}, secret.encode())
        self._bindings = bindings
        self._registering: frozenset[str] = frozenset()  # trunks that are where their user registers
        self._users: Mapping[str, User] = {}
        self.listeners: frozenset[tuple[str, str]] = frozenset()  # transport and name, as in a `Hop`

    def swap(self, dialplan: Dialplan) -> None:
        """Know its users and listeners from now on."""
        self._users = dialplan.users
        self._authenticator.swap({name: user.ha1 for name, user in self._users.items()})
        self._registering = frozenset(trunk.name for trunk in dialplan.trunks.values() if trunk.registered)
        self.listeners = frozenset((ours.transport, ours.listener) for ours in dialplan.listen if ours.phones)

    def screen(self, request: Request, source: Hop, now: float) -> str | Response:
        """The name of the user who sent a request that begins a transaction, "" where nobody is asked, or the answer
        that asks."""
        if (
            source[2:] not in self.listeners
            or request.method == "CANCEL"
            or request.to_tag
            or self._sources.knows(source)
        ):
            return ""
        known = self._authenticator.check(request, source.host, now)
        if known.user:
            return known.user
        challenge = self._authenticator.challenge(source.host, now, stale=known.stale)
        return builder.make_response(request, 401, self._element.to_tag_for(request), extra=(challenge,))

    def register(self, event: RequestReceived, now: float) -> Answer | None:
        """The answer to the REGISTER of somebody who may; None to anything else."""
        if event.request.method != "REGISTER" or not event.identity:
            return None
        trunk = self.trunk_of(event.identity)
        return self._bindings.register(event.request, trunk, event.source, now) if trunk in self._registering else None

    def suspects(self, source: Hop) -> list[str]:
        """Who may have sent what cannot be asked: a user of each trunk, and "" for whoever has none."""
        if source[2:] not in self.listeners or self._sources.knows(source):
            return [""]
        return ["", *{user.trunk: name for name, user in self._users.items() if user.trunk}.values()]

    def trunk_of(self, user: str) -> str:
        """The trunk whose calls those of a user are, "" for none."""
        known = self._users.get(user)
        return known.trunk if known is not None else ""


def remove_credentials(request: Request) -> None:
    """Take out what was meant for us alone (RFC 3261 §22.1)."""
    for index in range(len(request.names) - 1, -1, -1):
        if request.names[index] == "authorization" and realm_of(request.lines[index].partition(":")[2]) == REALM:
            del request.names[index], request.lines[index]

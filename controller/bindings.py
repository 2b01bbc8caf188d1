"""Where phones are: the registrar for users whose trunk is reached where they have registered (RFC 3261 §10.3).

Owns the bindings, one for each such trunk, the answers to REGISTER, and what a dialplan and its addresses look like with
them. Who sent a REGISTER has been proved by then (`planes.phones`). Nothing is kept over a restart: the connection is gone
as well, so the times that are granted are short. Pure: time is an argument.

Rules

* A phone is reached over the connection on which it registered, whatever its Contact says: that is what leads through
  its NAT. Its Contact is what it is called by there.
* The last Contact counts: who registers anew has moved. ``*`` or a time of 0 takes the binding away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType

from controller.types import Dialplan, Trunk
from sip.errors import RemoteProtocolError
from sip.headers import find_params, find_uri
from sip.message import Request
from sip.transaction import Hop
from sip.uri import find_param, parse_uri

#: What is granted, seconds: asked for less than the least, a phone is told so (§10.3 step 6).
LEAST, MOST = 60.0, 120.0

LONGEST = 256  # characters of a Contact

Answer = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Binding:
    """Where somebody is."""

    contact: str  # URI
    hop: Hop
    until: float


class Bindings:
    """See the top of the file."""

    def __init__(self) -> None:
        self._bound: dict[str, Binding] = {}  # by trunk
        self.due = inf  # when `expire` may have something to do
        self.moved: set[str] = set()  # trunks whose address has changed; whoever acts on it clears it

    def register(self, request: Request, trunk: str, source: Hop, now: float) -> Answer:
        """Answer the REGISTER of a user of a trunk that came on ``source``.

        Raises `RemoteProtocolError` for a Contact that cannot be read.
        """
        self.expire(now)
        values = request.get_all("contact")
        if values == ["*"]:
            self._drop(trunk)
            return 200, ()
        for value in values[:1]:
            contact = find_uri(value)
            if len(contact) > LONGEST or parse_uri(contact).headers:  # it goes into request lines of ours
                raise RemoteProtocolError("a Contact that nobody can be called by")
            wanted = _seconds(find_param(find_params(value), "expires"))
            wanted = _seconds(request.get("expires")) if wanted is None else wanted
            wanted = MOST if wanted is None else wanted
            if not wanted:
                self._drop(trunk)
            elif wanted < LEAST:
                return 423, (f"Min-Expires: {LEAST:.0f}",)
            else:
                self._keep(trunk, Binding(contact, source, now + min(wanted, MOST)))
        known = self._bound.get(trunk)
        return 200, () if known is None else (f"Contact: <{known.contact}>;expires={known.until - now:.0f}",)

    def expire(self, now: float) -> None:
        """Forget who has not been heard of in time."""
        if now < self.due:
            return
        for trunk in [trunk for trunk, binding in self._bound.items() if binding.until <= now]:
            self._drop(trunk)
        self.due = min((binding.until for binding in self._bound.values()), default=inf)

    def lose(self, connection: Hop) -> None:
        """A connection is gone, and with it the way to whoever registered on it."""
        for trunk in [trunk for trunk, binding in self._bound.items() if binding.hop == connection]:
            self._drop(trunk)

    def is_bound(self, trunk: str) -> bool:
        """Whether it is known where a trunk is."""
        return trunk in self._bound

    def place(self, dialplan: Dialplan, hops: Mapping[str, Hop]) -> tuple[Dialplan, Mapping[str, Hop]]:
        """A dialplan and its addresses as they are now: trunks that nobody has registered for have none."""
        ours = [trunk for trunk in dialplan.trunks.values() if trunk.registered]
        if not ours:
            return dialplan, hops
        trunks, places = dict(dialplan.trunks), dict(hops)
        for trunk in ours:
            trunks[trunk.name] = self._place(trunk)
            places.pop(trunk.name, None)
            binding = self._bound.get(trunk.name)
            if binding is not None:
                places[trunk.name] = binding.hop
        for name in self._bound.keys() - {trunk.name for trunk in ours}:
            del self._bound[name]
        return replace(dialplan, trunks=MappingProxyType(trunks)), places

    def _place(self, trunk: Trunk) -> Trunk:
        binding = self._bound.get(trunk.name)
        if binding is None:
            return replace(trunk, contact="")
        hop = binding.hop
        return replace(trunk, host=hop.host, port=hop.port, transport=hop.transport, contact=binding.contact)

    def _keep(self, trunk: str, binding: Binding) -> None:
        known = self._bound.get(trunk)
        if known is None or (known.contact, known.hop) != (binding.contact, binding.hop):
            self.moved.add(trunk)
        self._bound[trunk] = binding
        self.due = min(self.due, binding.until)

    def _drop(self, trunk: str) -> None:
        if self._bound.pop(trunk, None) is not None:
            self.moved.add(trunk)


def called_there(address: str, contact: str) -> str:
    """The Request-URI of somebody at a trunk, as the other side knows itself: its own Contact where that is meant."""
    uri, theirs = parse_uri(address), parse_uri(contact)
    if uri.user == theirs.user or not theirs.user:
        return contact
    scheme, _, rest = contact.partition(":")
    return f"{scheme}:{address.partition(':')[2].rpartition('@')[0]}@{rest.rpartition('@')[2]}"


def _seconds(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(min(int(text[:10]), 2**31)) if text.isascii() and text.isdigit() else None

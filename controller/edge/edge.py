"""The edge: decides about each message, before it is parsed, whether it is let in; whoever is not gets silence.

Owns that decision and its budgets. Sans-IO, and thrifty: a message of a trunk costs one look into a table, junk little
more. Must not answer anything, and must not know calls.

Rules, in this order

* From an address or certificate of a trunk: let in. Under load OPTIONS are dropped first (`Pressure`), new INVITEs are
  answered by the plane; requests within a dialog and responses always pass.
* From anybody else: responses, since only an answer to a branch of ours has any effect, and requests within a dialog
  that bring our sealed Record-Route: a phone that talks to us directly. Both within a budget per source and one in all.
* Calls to a Contact of ours: who knows it was told by a registrar (`controller.registration`). Within the same budgets.
* Whatever comes to a listener for phones: the plane asks who it is (`controller.planes.phones`). The same budgets.
* With ``access: anyone`` new requests of strangers too, within the same budgets; answers to them have to be paid for
  (`Credit`).
* All the rest is silence: no answer, no trace but a counter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.edge.buckets import Bucket, Buckets
from controller.edge.credit import Credit
from controller.edge.pressure import Pressure
from controller.edge.sources import Sources
from controller.types import Access, Listen
from sip.element import SEAL_PARAM, Element
from sip.errors import RemoteProtocolError
from sip.message import Request
from sip.parser import parse_message, validate
from sip.route import SealedRoute
from sip.transaction import Hop

_RESPONSE = b"SIP/2.0 "
_ACK = b"ACK "
_OPTIONS = b"OPTIONS "
_FIRST_WORDS = 64  # bytes: a method, and the user part of a Contact of ours
_SEALED = f";{SEAL_PARAM}=".encode()


@dataclass(frozen=True, slots=True)
class Budget:
    """What strangers may cost, in messages a second and at once.

    A phone in a call sends a few; parsing one and opening its seal takes some 60 us, so that all of them together may
    take a tenth of a core.
    """

    source: tuple[float, float] = (20.0, 60.0)
    total: tuple[float, float] = (1500.0, 1500.0)
    #: Over TCP and TLS nobody forges his address, an office of phones may sit behind one, and connections are few.
    stream_source: tuple[float, float] = (200.0, 1000.0)
    stream_total: tuple[float, float] = (1500.0, 3000.0)


class Edge:
    """``counters`` say how many messages met silence, and why."""

    def __init__(self, element: Element, access: Access | None, sources: Sources, budget: Budget | None = None) -> None:
        """``access`` None is an open door, for tests of what lies behind it: nothing is looked at."""
        self._element = element
        budget = budget or Budget()
        self._each = Buckets(*budget.source)
        self._all = Bucket(*budget.total)
        self._each_stream = Buckets(*budget.stream_source)
        self._all_stream = Bucket(*budget.stream_total)
        self.pressure = Pressure()
        self.credit = Credit()
        self._now = 0.0  # when a stranger was last let in
        self.counters: dict[str, int] = {"unknown": 0, "forged": 0, "over_budget": 0, "shed_options": 0, "vouched": 0}
        self.access = access
        self._elsewhere: dict[tuple[str, ...], Access] = {}  # on listeners that have one of their own
        self.phones: frozenset[tuple[str, str]] = frozenset()  # listeners, by transport and name
        self.contacts: frozenset[bytes] = frozenset()  # the user parts of our Contacts at registrars
        self._sources = sources

    def admit(self, data: bytes, source: Hop, now: float) -> bool:
        """Whether a message is let in."""
        if self.access is None:
            return True
        if self._sources.knows(source):
            if self.pressure.is_high and data.startswith(_OPTIONS) and _SEALED not in data:
                self.counters["shed_options"] += 1
                return False
            return True
        return self._admit_stranger(data, source, now)

    def swap(self, access: Access | None, listen: Iterable[Listen]) -> None:
        """Go by these from now on."""
        self.access = access
        self._elsewhere = {(ours.transport, ours.listener): ours.access for ours in listen if ours.access is not None}

    @property
    def is_open(self) -> bool:
        """Whether anyone may call somewhere."""
        return Access.ANYONE in (self.access, *self._elsewhere.values())

    def knows(self, source: Hop) -> bool:
        """Whether whatever comes from there is let in."""
        return self._access_at(source) is not Access.TRUNKS or self._sources.knows(source)

    def _access_at(self, source: Hop) -> Access | None:
        return self._elsewhere.get(source[2:], self.access) if self._elsewhere else self.access

    def _admit_stranger(self, data: bytes, source: Hop, now: float) -> bool:
        response = data.startswith(_RESPONSE)
        sealed = _SEALED in data
        anyone = self._access_at(source) is Access.ANYONE
        invited = source[2:] in self.phones or (bool(self.contacts) and _user_called(data) in self.contacts)
        if not (response or sealed or invited) and (not anyone or self.pressure.is_felt):
            self.counters["unknown"] += 1
            return False
        if not self._may_spend(source, now):
            self.counters["over_budget"] += 1
            return False
        if response:
            return True
        if anyone:
            self._now = now
            if source.transport == "udp":
                self.credit.earn(source.host, len(data))
                if (sealed or data.startswith(_ACK)) and self._has_read(data):
                    self.credit.prove(source.host, now)
            return True
        if invited:
            return True
        if self._is_within_a_dialog(data):
            self.counters["vouched"] += 1
            return True
        self.counters["forged"] += 1
        return False

    def _may_spend(self, source: Hop, now: float) -> bool:
        if source.transport == "udp":
            return self._each.take(source.host, now) and self._all.take(now)
        return self._each_stream.take(source.host, now) and self._all_stream.take(now)

    def may_send(self, data: bytes, hop: Hop) -> bool:
        """Whether a message may go to a stranger over UDP: where anyone may call, answers have to be paid for."""
        if hop.transport != "udp" or not data.startswith(_RESPONSE) or self._sources.knows(hop):
            return True
        return self.credit.spend(data, hop.host, self._now)

    def _has_read(self, data: bytes) -> bool:
        """Whether a request brings back what stood in a response of ours to this very caller."""
        try:
            request = parse_message(data)
            if not isinstance(request, Request) or not request.to_tag:
                return False
            if request.method == "ACK" and request.to_tag == self._element.to_tag_for(request):
                return True
            return isinstance(self._element.open_route(request), SealedRoute)
        except RemoteProtocolError:
            return False

    def _is_within_a_dialog(self, data: bytes) -> bool:
        try:
            request = parse_message(data)
            validate(request)
            return (
                isinstance(request, Request)
                and bool(request.to_tag)
                and isinstance(self._element.open_route(request), SealedRoute)
            )
        except RemoteProtocolError:
            return False


def _user_called(data: bytes) -> bytes:
    """The user part of a Request-URI as it stands there; b"" or nonsense where there is none."""
    _, _, uri = data[:_FIRST_WORDS].partition(b" sip:")
    return uri.partition(b"@")[0].partition(b";")[0]

"""Too many calls: a share of the new ones gets 503 at once, and peers that understand it are told to send less.

Owns the refusal, which keeps no transaction and costs a tenth of a call, and the feedback of RFC 7339 by its loss
algorithm: a client that writes ``oc`` into its Via reads in our responses which share of its requests to keep back.
Must not measure (`controller.edge.pressure`).

A refused INVITE is refused again when it is repeated: its caller has moved on, and a call that began after that would
ring for nobody. So its key is remembered for as long as it may be repeated, up to `REMEMBERED` of them.
"""

from __future__ import annotations

from collections.abc import Hashable

from controller.edge.fairness import Fairness
from controller.edge.pressure import Pressure
from sip import builder
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.message import Request, Response
from sip.transaction import Hop
from sip.uri import find_param, split_params

REMEMBERED = 20_000
REPEATED = 32.0  # seconds: 64 x T1, RFC 3261 §17.1.1.2
FOLLOWS = 0.5  # up to this share whoever understands the feedback is left to it (RFC 7339 §5.9)
VALID = 500  # milliseconds, the default of RFC 7339 §4.3
_LOSS = 'oc-algo="loss"'
_OURS = ("oc", "oc-algo", "oc-validity", "oc-seq")


class Overload:
    """See the top of the file; ``is_on`` says whether `gate` and `tell` have anything to do."""

    def __init__(self, element: Element, pressure: Pressure) -> None:
        self._element = element
        self._pressure = pressure
        self._fairness = Fairness()
        self._refused: dict[Hashable, float] = {}  # until when, by transaction; in order
        self._told_until = 0.0  # somebody may still keep calls back
        self._now = 0.0
        self.epoch_offset = 0.0  # epoch seconds minus `now`
        self.turned_away = 0
        self.is_on = False

    def update(self, now: float) -> None:
        """Look at the pressure as it is now; cheap while there is none."""
        if self._pressure.shed > 0:
            self.is_on = True
            self._told_until = now + 4 * VALID / 1000
        elif self.is_on:
            refused = self._refused
            while refused and next(iter(refused.values())) <= now:
                del refused[next(iter(refused))]
            self.is_on = bool(refused) or now < self._told_until
        self._now = now

    def gate(self, request: Request, key: Hashable, source: Hop, now: float) -> Response | None:
        """The refusal of a request that begins a transaction, None to let it begin. ``key`` names the transaction."""
        if request.method != "INVITE" or request.to_tag:
            return None
        if key not in self._refused:
            shed = self._pressure.shed
            if not shed or (shed <= FOLLOWS and _understands(request)):
                return None
            if not self._fairness.turns_away(source.host, shed, now):
                return None
            if len(self._refused) >= REMEMBERED:
                del self._refused[next(iter(self._refused))]
            self._refused[key] = now + REPEATED
        self.turned_away += 1
        again = f"Retry-After: {1 + int(self._pressure.shed * 10)}"  # the more, the longer
        response = builder.make_response(request, 503, self._element.to_tag_for(request), extra=(again,))
        self.tell(response)
        return response

    def tell(self, response: Response) -> None:
        """Write into the Via of a client that understands it how much to keep back."""
        if "via" not in response.names or ";oc" not in response.lines[response.names.index("via")].lower():
            return
        try:
            if not _understands(response):
                return
        except RemoteProtocolError:  # whoever answers may have spoilt it
            return
        via = response.via
        share = round(self._pressure.shed * 100)
        validity = VALID if share else 0  # RFC 7339 §4.3: 0 is the end of it
        kept = [part for part in split_params(via.params) if part.partition("=")[0].strip().lower() not in _OURS]
        kept += [f"oc={share}", _LOSS, f"oc-validity={validity}", f"oc-seq={self._now + self.epoch_offset:.5f}"]
        shown = f"{via.host}:{via.port}" if via.port else via.host
        response.replace_first_value("via", f"SIP/2.0/{via.transport} {shown};{';'.join(filter(None, kept))}")


def _understands(message: Request | Response) -> bool:
    """Whether the client on top of the Vias offers overload control by loss (RFC 7339 §4.1, §4.2)."""
    params = message.via.params
    if find_param(params, "oc") is None:
        return False
    return "loss" in (find_param(params, "oc-algo") or '"loss"').strip('"').lower().split(",")

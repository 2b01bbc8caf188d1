"""One registration: our Contact bound to an account at a registrar, as a machine (RFC 3261 §10.2).

Owns what a REGISTER holds, what its answers mean, which registrar is next and when. Must not own transactions, addresses
or health: who drives it asks `begin` when it is `due`, sends what `make_request` makes, and tells what came of it. After
each telling the turn either goes on (send again, now) or is over (and ``due`` says when the next one begins).

Rules

* The Call-ID is of this life, CSeq rises with each request (§10.2.4). The next life has another Call-ID, so that a
  registrar has no reason to call its numbers old (§10.3 step 7); its Contact is the same, so that the binding is replaced.
* Registrars are tried in the order in which they are written; one that failed is held out for longer each time. So one
  that comes back is used again from the next refresh on, and there is one way of waiting, not two.
* Which challenges are answered is `sip.account`'s to say; a registrar that refuses our credentials is asked seldom.
* What a response says counts for this binding only: a Contact whose user part is ours. One of ours that has an older
  address is taken away once, and by its own name: never ``*``, the account may have other phones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from sip import builder
from sip.account import Account, Tried
from sip.errors import RemoteProtocolError
from sip.headers import find_params, find_uri, parse_retry_after
from sip.message import Request, Response
from sip.transaction import Hop
from sip.uri import bare_host, bracketed, find_param, is_address, parse_uri

#: How long a registrar may be silent before the next one is tried, seconds: four packets over UDP.
PATIENCE = 5.0

#: A registration is refreshed when this share of its time has passed, plus up to `REFRESH_JITTER` of it: a thousand
#: trunks that were registered at once come back one by one, and a quarter of the time is left for what goes wrong.
REFRESH, REFRESH_JITTER = 0.65, 0.1

#: A registrar that failed is left alone for so long, twice as long after each failure in a row; seconds, first and most.
HOLD, MAX_HOLD = 4.0, 300.0
HOLD_REFUSED, MAX_HOLD_REFUSED = 60.0, 1800.0  # who says no will say it again, and may lock the account

MAX_RETRY_AFTER = 1800.0  # seconds; an answer that is wrong must not keep us away for a day
MAX_EXPIRES = 86_400.0  # seconds; what a 423 may ask for
MAX_STEPS = 6  # requests of one turn to one registrar: challenge, stale, too brief, elsewhere
MAX_STALE_CONTACTS = 8

#: Between a registration and the next one because of a lost connection, seconds.
LEAST_BETWEEN = 30.0


@dataclass(frozen=True, slots=True)
class Binding:
    """What is bound to what. ``domain`` is a host as it stands in a URI; ``contact`` the user part of our Contact, which
    nobody can guess; ``expires`` what we ask for, in seconds."""

    user: str
    domain: str
    contact: str
    expires: float

    @property
    def aor(self) -> str:
        """The address-of-record, which is To and From (§10.2)."""
        return f"sip:{self.user}@{self.domain}"


class Registrar:
    """One place to register at, and how it fared."""

    __slots__ = ("failures", "held_until", "hop", "why")

    def __init__(self, hop: Hop) -> None:
        self.hop = hop
        self.failures = 0  # in a row
        self.held_until = -inf
        self.why = ""


class Registration:
    """See the top of the file."""

    def __init__(
        self,
        binding: Binding,
        hops: Sequence[Hop],
        token: Callable[[], str],
        dice: Callable[[], float],
        due: float,
        account: Account | None = None,
    ) -> None:
        """``hops`` are the registrars, best first; ``token`` makes unguessable tokens, ``dice`` numbers from 0 to 1;
        ``due`` is when the first turn is."""
        self.binding = binding
        self.registrars = [Registrar(hop) for hop in hops]
        self.due = due
        self.bound_until = -inf
        self.bound_at: Hop | None = None
        self.bound_since = inf
        self._refreshed = -inf
        self.failing_since = inf
        self.why = ""  # what was last wrong; "" while all is well
        self.tries = 0  # turns that are over
        self.learns = True  # whether the address under which a registrar sees us is ours to tell
        self.leaving = False
        self.gone = False  # the binding was taken away, or nothing more is done about it
        self._token = token
        self._dice = dice
        self._account = account
        self._call_id = f"{token()}@{binding.domain}"
        self._tag = token()
        self._cseq = 0
        self._expires = binding.expires
        self._current: Registrar | None = None
        self._target: Hop | None = None  # where the turn goes: the registrar, or where it sent us
        self._steps = 0
        self._tried = Tried()
        self._local: Hop | None = None
        self._seen: dict[Hop, Hop] = {}  # our address as a registrar sees it, by that which we sent from
        self._stale: list[str] = []  # URIs of ours to be taken away
        self._dropped: set[str] = set()

    def follow(self, hops: Sequence[Hop], now: float) -> None:
        """Go on with these registrars: those that stay keep what is held against them."""
        known = {each.hop: each for each in self.registrars}
        self.registrars = [known.get(hop) or Registrar(hop) for hop in hops]
        is_lost = self.bound_at is not None and self.bound_at not in hops
        is_news = self.due == inf or (not self.is_bound(now) and not known.keys() >= {*hops})
        if self._target is None and (is_lost or is_news):
            self.due = now

    def renew(self, binding: Binding, account: Account | None, now: float) -> None:
        """Begin anew with another time or another password, and whatever was held against anybody is forgotten. The
        address-of-record stays."""
        self.binding, self._account = binding, account
        self._expires = binding.expires
        self.registrars = [Registrar(each.hop) for each in self.registrars]
        if self._target is None:
            self.due = now

    def lose_connection(self, hop: Hop, now: float) -> None:
        """The connection over which it registered there is lost: calls may come by that one alone, so another is made,
        by registering. Not at any rate: some hang up after every answer."""
        if hop == self.bound_at and self._target is None and self.is_bound(now):
            soon = max(now, self._refreshed + LEAST_BETWEEN) + self._dice()
            self.due = min(self.due, soon)

    # -- what is so

    def is_bound(self, now: float) -> bool:
        """Whether calls to the account come to us, as far as we were told."""
        return now < self.bound_until

    @property
    def target(self) -> Hop | None:
        """Where the request of this turn goes; None between turns."""
        return self._target

    # -- a turn

    def begin(self, now: float) -> bool:
        """Begin a turn with the best registrar that is not held out; False if all are, and ``due`` says until when."""
        self.due = inf
        ready = [each for each in self.registrars if each.held_until <= now]
        if not ready:
            self.due = min((each.held_until for each in self.registrars), default=inf)
            return False
        self._enter(ready[0])
        return True

    def leave(self) -> bool:
        """Begin the last turn: take the binding away. False if there is none."""
        self.leaving, self.due = True, inf
        bound = next((each for each in self.registrars if each.hop == self.bound_at), None)
        self.gone = bound is None
        if bound is None:
            self._target = None
            return False
        self._enter(bound)
        return True

    def _enter(self, registrar: Registrar) -> None:
        self._current, self._target = registrar, registrar.hop
        self._steps, self._tried = 0, Tried()

    def make_request(self, via: str, local: Hop) -> Request:
        """The REGISTER of this turn (§10.2); ``via`` is ours, new each time, ``local`` what others reach us by."""
        self._steps += 1
        self._cseq += 1
        self._local = local
        binding, expires = self.binding, 0 if self.leaving else round(self._expires)
        lines = [
            f"Via: {via}",
            f"Max-Forwards: {builder.DEFAULT_MAX_FORWARDS}",
            f"From: <{binding.aor}>;tag={self._tag}",
            f"To: <{binding.aor}>",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._cseq} REGISTER",
            f"Contact: <{self.contact_at(local)}>;expires={expires}",
            *(f"Contact: <{uri}>;expires=0" for uri in self._stale),
            f"Expires: {expires}",
            "Content-Length: 0",
        ]
        names = [line.partition(":")[0].lower() for line in lines]
        request = Request("REGISTER", f"sip:{binding.domain}", names, lines)
        if self._account is not None:
            self._account.dress(request, self._tried)
        return request

    def contact_at(self, local: Hop) -> str:
        """Our Contact, as seen from outside where that is known."""
        host, port = self._seen.get(local, local)[:2]
        kind = "" if local.transport == "udp" else f";transport={local.transport}"
        return f"sip:{self.binding.contact}@{bracketed(host)}:{port}{kind}"

    # -- what came of it: each returns whether the turn goes on

    def on_response(self, response: Response, find_hop: Callable[[str], Hop | None], now: float) -> bool:
        """Take the final response of the request that is out. ``find_hop`` gives the address of a URI, if it is known."""
        status = response.status
        if status < 300:
            return self._on_success(response, now)
        if self._steps >= MAX_STEPS:
            return self._fail(f"{_show(response)} after {self._steps} requests", HOLD_REFUSED, now)
        if status in (401, 407):
            return self._on_challenge(response, now)
        if status == 423 and not self.leaving:  # §10.3 step 6
            least = response.get("min-expires") or ""
            if least.isascii() and least.isdigit() and self._expires < int(least[:9]) <= MAX_EXPIRES:
                self._expires = float(least[:9])
                return True
        if status in (301, 302) and self._follow(response, find_hop):
            return True
        if status == 503 or (status >= 500 and "retry-after" in response.names):
            after = min(float(parse_retry_after(response.get("retry-after"))), MAX_RETRY_AFTER)
            return self._fail(_show(response), HOLD, now, at_least=after)
        if status in (408, 480, 430) or 500 <= status < 600:
            return self._fail(_show(response), HOLD, now)
        return self._fail(_show(response), HOLD_REFUSED, now)

    def on_silence(self, now: float) -> bool:
        """Nothing came in time."""
        return self._fail("no answer", HOLD, now)

    def on_unreachable(self, now: float) -> bool:
        """The network says that nobody is there."""
        return self._fail("cannot be reached", HOLD, now)

    def _on_challenge(self, response: Response, now: float) -> bool:
        if self._account is None:
            return self._fail(f"{_show(response)}: it wants credentials, and the trunk has none", HOLD_REFUSED, now)
        why = self._account.learn(response, self._tried)
        return self._fail(f"{_show(response)}: {why}", HOLD_REFUSED, now) if why else True

    def _follow(self, response: Response, find_hop: Callable[[str], Hop | None]) -> bool:
        """Go where the registrar says, once, and by no transport that is less safe (§10.2.7, §8.1.3.4)."""
        current, here = self._current, self._target
        if current is None or here is None or here != current.hop:
            return False
        for value in response.get_all("contact"):
            try:
                hop = find_hop(find_uri(value))
            except RemoteProtocolError:
                continue
            if hop is not None and hop != here and hop.transport in {here.transport, "tls"}:
                self._target = hop
                return True
        return False

    def _on_success(self, response: Response, now: float) -> bool:
        current = self._current
        assert current is not None
        current.failures, current.held_until, current.why = 0, -inf, ""
        self.tries += 1
        if self.leaving:
            self.gone, self._target = True, None
            self.bound_until, self.bound_at = -inf, None
            return False
        granted, others = self._read_contacts(response)
        if granted <= 0:
            return self._fail("it took the registration and granted no time", HOLD_REFUSED, now)
        if not self.is_bound(now):
            self.bound_since = now
        self.failing_since, self.why, self._refreshed = inf, "", now
        self.bound_until, self.bound_at = now + granted, current.hop
        self._stale = [uri for uri in others if uri not in self._dropped][:MAX_STALE_CONTACTS]
        self._dropped.update(self._stale[: MAX_STALE_CONTACTS - len(self._dropped)])
        self._target = None
        wait = granted * (REFRESH + REFRESH_JITTER * self._dice())
        moved = self._learn_address(response)
        self.due = now if moved or self._stale else now + wait
        return False

    def _read_contacts(self, response: Response) -> tuple[float, list[str]]:
        """How long our binding holds, and under which other addresses of ours there are bindings."""
        assert self._local is not None
        ours = parse_uri(self.contact_at(self._local))
        overall = _seconds(response.get("expires")) or self._expires
        exact: float | None = None
        similar: float | None = None
        others: list[str] = []
        for value in response.get_all("contact"):
            try:
                text = find_uri(value)
                uri = parse_uri(text)
            except RemoteProtocolError:
                continue  # somebody else's, whatever it is
            if uri.user != ours.user:
                continue
            seconds = _seconds(find_param(find_params(value), "expires"))
            seconds = overall if seconds is None else seconds
            if (uri.host, uri.port or 5060) == (ours.host, ours.port):
                exact = max(exact or 0.0, seconds)
            else:
                similar = max(similar or 0.0, seconds)
                others.append(text)
        if exact is not None:
            return min(exact, MAX_EXPIRES), others
        # a border controller that shows its own address in place of ours: what looks old may be what is new
        return min(similar if similar is not None else overall, MAX_EXPIRES), []

    def _learn_address(self, response: Response) -> bool:
        """Whether a NAT shows us under another address than we gave (RFC 3581): then that one is our Contact.

        Over a stream the port is that of the connection, on which nobody listens: there the operator has to say.
        """
        local = self._local
        if local is None or local.transport != "udp" or not self.learns:
            return False
        params = response.via.params
        host, port = find_param(params, "received") or "", find_param(params, "rport") or ""
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
            return False
        host = bare_host(host) if host else local.host
        if not is_address(host):
            return False
        seen = Hop(host, int(port), local.transport)
        before = self._seen.get(local, local)
        if seen[:2] == before[:2]:
            return False
        old = self.contact_at(local)
        self._seen[local] = seen
        self._dropped.discard(old)
        self._stale = [*(uri for uri in self._stale if uri != self.contact_at(local)), old]
        return True

    def _fail(self, why: str, hold: float, now: float, at_least: float = 0.0) -> bool:
        """The registrar is held out; the turn goes on with the next one that is not."""
        current = self._current
        assert current is not None
        self.tries += 1
        refused = hold == HOLD_REFUSED
        most = MAX_HOLD_REFUSED if refused else MAX_HOLD
        wait = min(hold * 2.0 ** min(current.failures, 16), most)
        current.failures += 1
        current.held_until = now + max(wait * (0.75 + 0.25 * self._dice()), at_least)
        current.why = why
        if refused and current.hop == self.bound_at:
            self.bound_until = min(self.bound_until, now)  # it may still hold the binding: nobody should count on that
        self.failing_since = min(self.failing_since, now)
        self.why = why
        if self.leaving:
            self.gone, self._target = True, None
            return False
        if self.begin(now):
            return True
        self._target = None
        return False


def _show(response: Response) -> str:
    reason = "".join(char for char in response.reason if char.isprintable())[:60]
    return f"{response.status} {reason}".rstrip()


def _seconds(text: str | None) -> float | None:
    """Delta-seconds (§25.1), None where there are none."""
    text = (text or "").strip()
    return float(min(int(text[:10]), 2**31)) if text.isascii() and text.isdigit() else None

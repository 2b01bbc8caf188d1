"""What can be done with cascades, without HTTP: accept, look, explain, feedback, cancel, opt out, erase.

Owns the order of things when a request comes in: who may, limits, plan, sealing, the store, and only then the answer and
the commands. Must not know HTTP beyond the problems that it raises, nor decide where a message goes: planning does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from controller import clock
from controller.api.admission import Admission
from controller.api.events import Announcer
from controller.api.models import CascadeRequest, OptOut, Person
from controller.api.preparing import Prepared, Preparer, content_of, read_number
from controller.api.problems import Problem, no_such, wrong
from controller.api.taken import Accepted
from controller.api.tokens import Principal
from controller.api.views import show_cascade, show_explanation, show_receipt
from controller.channels.base import Adapter, News
from controller.messages.cascade import Cascade, Terms
from controller.messages.content import Content, lacking
from controller.messages.ids import PATTERN
from controller.messages.region import Number
from controller.messages.request import Request
from controller.messages.stamps import stamp
from controller.privacy import BlindIndex, Cipher, Place, Unsealable
from controller.rules.run import Run
from controller.store.base import (
    Again,
    Applied,
    Conflict,
    Facts,
    History,
    Kept,
    NewCascade,
    Received,
    Store,
    StoreError,
)
from controller.types import Plan
from controller.types.cascades import (
    OPTED_OUT,
    Audit,
    CascadeCancelled,
    CascadeCommand,
    CascadeEvent,
    CascadeStatus,
    Circumstances,
    FeedbackGiven,
    TellClient,
)
from controller.types.messages import Messaging

#: What the store being lost means for whoever asks, in seconds.
STORE_RETRY = 2.0
#: What it means that there is more to do than can be done.
BUSY_RETRY = 1.0
_encode = msgspec.json.Encoder().encode

#: Policy forbids it; anything else that nothing can be sent for is the request's own fault.
FORBIDDEN = frozenset(("OPTED_OUT", "FRAUD", "NOT_ALLOWED"))


@dataclass(frozen=True, slots=True)
class Planned:
    """A request and where it is to go."""

    plan: Plan
    terms: Terms
    facts: Facts
    audit: Sequence[Audit] = ()
    refusal: str = ""  # a cause: nothing may be sent


class Turned(Exception):
    """A request that cannot be planned: ``pointer`` says where in its body, "/to/phone"."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.pointer = pointer


class Planner(Protocol):
    """Policy and plan."""

    def __call__(self, request: Request, number: Number | None, risk: float, key: str, now: float) -> Planned:
        """``number``: None for a request by mail alone; ``risk``: of fraud, 0 to 1; ``key``: the id that draws are made
        by. Raises `Turned`."""

    def explain(self, request: Request, number: Number | None, risk: float, key: str, now: float) -> dict[str, Any]:
        """The same in words, as `messages.explanation` has them, leaving no trace. Raises `Turned`."""


class Hands(Protocol):
    """The broker, as far as the API needs it."""

    def at_first(self, cascade: Cascade, now: float) -> Circumstances:
        """What counts for a cascade that begins."""

    def carry_out(self, cascade: Cascade, facts: Facts, commands: Sequence[CascadeCommand]) -> None:
        """Do what came of an event, now that it is durable. Returns at once."""

    def hear_store(self, why: str) -> None:
        """Why a request could not be written down; "" when one could."""

    async def apply(self, cascade_id: str, event: CascadeEvent) -> Applied | None:
        """Give a cascade an event. Raises `StoreError`."""

    async def take(self, news: Sequence[News]) -> None:
        """Take what a webhook brings; durable on return. Raises `StoreError`."""

    def adapter(self, name: str) -> Adapter | None:
        """Who carries for a provider."""


class Service:
    """The use cases."""

    def __init__(
        self,
        messaging: Messaging,
        store: Store,
        cipher: Cipher,
        index: BlindIndex,
        planner: Planner,
        hands: Hands,
        announcer: Announcer | None = None,
        *,
        now: Callable[[], float] = clock.epoch,
        chance: Callable[[int], bytes] | None = None,
    ) -> None:
        """``now``: seconds since the epoch."""
        self.messaging = messaging
        self.store = store
        self.hands = hands
        self._cipher = cipher
        self._index = index
        self._planner = planner
        self._admission = Admission(messaging)
        self.announcer = announcer or Announcer()
        self.now = now
        self.preparer = Preparer(cipher, index, now, chance)
        self._under_way: dict[tuple[str, str], asyncio.Event] = {}  # keys whose first request is being written down

    def adopt(self, messaging: Messaging, planner: Planner) -> None:
        """Go by another dialplan from now on."""
        self.messaging, self._planner = messaging, planner
        self._admission.adopt(messaging)

    def notice(self, cascade: Cascade, _told: Sequence[TellClient] = ()) -> None:
        """Something became of a cascade, and is durable: the broker calls this after each event."""
        self.announcer.announce(cascade.id)
        self._admission.notice(cascade)

    def learn(self, cascade_id: str, facts: Facts) -> None:
        """What is known of a cascade may be more than when it was planned."""
        self._admission.learn(cascade_id, facts, self.now())

    # -- a request comes in

    async def accept(self, who: Principal, body: CascadeRequest, raw: bytes, key: str) -> Accepted:
        """Write a request down and set it going. ``raw`` is the body as it came, ``key`` its Idempotency-Key or "".

        Raises `Problem`.
        """
        return await self.take(self.preparer.prepare(who.tenant, body, raw, key))

    async def take(self, prepared: Prepared) -> Accepted:
        """The same with a request that is prepared, here or in another process. Raises `Problem`."""
        tenant, key = prepared.request.tenant, prepared.key
        if not key:
            return await self._take(prepared)
        place = (tenant, key)
        while (first := self._under_way.get(place)) is not None:  # its answer is ours, if it gets one
            await first.wait()
            if (known := await self._known(tenant, key, prepared.body_hash)) is not None:
                return known
        done = self._under_way[place] = asyncio.Event()
        try:
            return await self._take(prepared)
        except Problem:  # limits and plans change: what was accepted once stays accepted
            known = await self._known(tenant, key, prepared.body_hash)
            if known is None:
                raise
            return known
        finally:
            del self._under_way[place]
            done.set()

    async def _take(self, prepared: Prepared) -> Accepted:
        now, request, cascade_id = self.now(), prepared.request, prepared.cascade_id
        self._check_content(content_of(request), prepared.named)
        number, person, indexes = prepared.number, b"", prepared.indexes
        if number is not None:
            same = number.e164 == request.phone
            person = indexes["phone"] if same else self._index.of("phone", number.e164)
            number = self._admission.refine(number, person, now)
        try:
            planned = self._planner(request, number, self._admission.risk(request, number, now), cascade_id, now)
        except Turned as turned:
            raise wrong(turned.pointer, str(turned)) from None
        plan = planned.plan
        cascade = Cascade(cascade_id, request.tenant, "", Run(plan), planned.terms, created=now)
        circumstances, refusal = self.hands.at_first(cascade, now), planned.refusal
        carriers = planned.terms.channels.keys()
        if not refusal and carriers and circumstances.barred.keys() >= carriers:
            raise Problem(503, "busy", "all who could carry it have more to do than they can", retry_after=BUSY_RETRY)
        self._admission.admit(request, number, now)
        if not refusal and await self._want_nothing(request.tenant, indexes):
            refusal = OPTED_OUT
        audit, recipient, payload = planned.audit, prepared.recipient, prepared.payload
        if refusal:
            cascade.status, cascade.reason, cascade.ended = CascadeStatus.REFUSED, refusal, now
            recipient, payload = {}, b""  # nobody needs to be reached; the index stays, so that it can be erased
            audit = (*audit, Audit("refused", "", CascadeStatus.REFUSED.value, refusal))
        receipt = _encode(show_receipt(cascade)).decode()
        key, body_hash = prepared.key, prepared.body_hash
        new = NewCascade(cascade, plan, key, body_hash, receipt, planned.facts, recipient, indexes, payload, audit)
        try:
            admission = await self.store.accept(new, now, circumstances)
        except StoreError as error:
            self.hands.hear_store(str(error))
            raise lost(error) from None
        self.hands.hear_store("")
        match admission:
            case Again(answer=answer):
                return self._again(answer)
            case Conflict():
                raise _other_body()
            case Kept():
                pass
        if refusal:
            raise _refused(refusal, cascade_id)
        self._admission.begun(cascade, number, person, now)
        self.hands.carry_out(cascade, planned.facts, admission.commands)
        return Accepted(cascade_id, receipt)

    def foresee(self, who: Principal, body: CascadeRequest) -> dict[str, Any]:
        """Where a request would go now, and why; nothing is counted, written down or sent. Raises `Problem`."""
        now = self.now()
        request = body.to_request(who.tenant)
        number = read_number(request)
        risk = self._admission.risk(request, number, now)
        try:
            return self._planner.explain(request, number, risk, self.preparer.new_id(), now)
        except Turned as turned:
            raise wrong(turned.pointer, str(turned)) from None

    def _check_content(self, content: Content, named: str) -> None:
        """``named``: the cascade whose name stands for that of a template; "" where one was given."""
        if not content.template:
            return
        template = self.messaging.templates.get(content.template)
        if template is None:
            if named and named not in self.messaging.cascades:
                raise wrong("/cascade", "there is no such cascade in the dialplan")
            if named:
                raise wrong("/template", "no template has the name of the cascade: give a template, or a text")
            raise wrong("/template", "there is no such template in the dialplan")
        if missing := lacking(content, template):
            raise wrong("/params", f"the template needs {', '.join(sorted(missing))}")

    async def _want_nothing(self, tenant: str, indexes: dict[str, bytes]) -> bool:
        """Whether the person is out by every way there is; one channel that is out is the broker's business."""
        try:
            for index in indexes.values():
                if not await self.store.is_opted_out(tenant, index):
                    return False
        except StoreError as error:
            raise lost(error) from None
        return True

    async def _known(self, tenant: str, key: str, body_hash: str) -> Accepted | None:
        try:
            seen = await self.store.seen(tenant, key)
        except StoreError:
            return None
        if seen is None:
            return None
        if seen[0] != body_hash:
            raise _other_body()
        return self._again(seen[1])

    @staticmethod
    def _again(answer: str) -> Accepted:
        said = json.loads(answer)
        if said["status"] == CascadeStatus.REFUSED.value:
            raise _refused(said["reason"], said["id"])
        return Accepted(said["id"], answer, again=True)

    # -- one cascade

    async def find(self, who: Principal, cascade_id: str) -> tuple[Cascade, Facts]:
        """One of the tenant's own. Raises `Problem`: another tenant's is not there."""
        if PATTERN.fullmatch(cascade_id) is None:
            raise no_such("cascade")
        try:
            found = await self.store.get(cascade_id)
        except StoreError as error:
            raise lost(error) from None
        if found is None or found[0].tenant != who.tenant:
            raise no_such("cascade")
        return found

    async def show(self, who: Principal, cascade_id: str) -> dict[str, Any]:
        """One cascade as it is now."""
        return show_cascade(*await self.find(who, cascade_id))

    async def page(self, who: Principal, status: str, before: str, limit: int) -> dict[str, Any]:
        """Some of the tenant's, the newest first."""
        try:
            rows = await self.store.find(who.tenant, status=status, before=before, limit=limit + 1)
        except StoreError as error:
            raise lost(error) from None
        page = [show_cascade(*row) for row in rows[:limit]]
        return {"cascades": page, "next": page[-1]["id"] if len(rows) > limit else None}

    async def explain(self, who: Principal, cascade_id: str) -> dict[str, Any]:
        """Where it went, why, and what came of it."""
        cascade, facts = await self.find(who, cascade_id)
        return show_explanation(cascade, facts, await self.history(cascade_id))

    async def history(self, cascade_id: str, after: int = 0) -> list[History]:
        """Its history from a sequence number on."""
        try:
            return await self.store.history(cascade_id, after)
        except StoreError as error:
            raise lost(error) from None

    async def feedback(self, who: Principal, cascade_id: str, event: FeedbackGiven) -> dict[str, Any]:
        """What became of the code; the same twice changes nothing."""
        return show_cascade(*await self._apply(who, cascade_id, event))

    async def cancel(self, who: Principal, cascade_id: str) -> dict[str, Any]:
        """Take it back: nothing more is sent. Raises `Problem` where it is over otherwise."""
        cascade, facts = await self._apply(who, cascade_id, CascadeCancelled())
        if cascade.status is not CascadeStatus.CANCELLED:
            raise Problem(409, "over", f"it is over already: {cascade.status.value}", cascade=cascade_id)
        return show_cascade(cascade, facts)

    async def _apply(self, who: Principal, cascade_id: str, event: CascadeEvent) -> tuple[Cascade, Facts]:
        await self.find(who, cascade_id)
        try:
            applied = await self.hands.apply(cascade_id, event)
        except StoreError as error:
            raise lost(error) from None
        if applied is None:
            raise no_such("cascade")
        return applied.cascade, applied.facts

    # -- persons

    async def set_opt_out(self, who: Principal, wish: OptOut) -> dict[str, Any]:
        """Remember that somebody wants nothing more, or wants it again."""
        index = self._index.of(*wish.known_as())
        channel = wish.channel.value if wish.channel is not None else ""
        try:
            await self.store.set_opt_out(who.tenant, index, channel, self.now(), out=wish.out)
        except StoreError as error:
            raise lost(error) from None
        return {"out": wish.out, "channel": channel}

    async def is_opted_out(self, who: Principal, wish: OptOut) -> dict[str, Any]:
        """Whether somebody does."""
        index = self._index.of(*wish.known_as())
        channel = wish.channel.value if wish.channel is not None else ""
        try:
            out = await self.store.is_opted_out(who.tenant, index, channel)
        except StoreError as error:
            raise lost(error) from None
        return {"out": out, "channel": channel}

    async def erase(self, person: Person) -> dict[str, Any]:
        """Take a person out of all that is kept, of all tenants."""
        try:
            known = await self.store.erase(self._index.of(*person.known_as()), self.now())
        except StoreError as error:
            raise lost(error) from None
        return {"cascades": known}

    async def inbound(self, who: Principal, before: int, limit: int) -> dict[str, Any]:
        """Messages from persons to the tenant's numbers, the newest first."""
        try:
            rows = await self.store.inbound(who.tenant, before=before, limit=limit + 1)
        except StoreError as error:
            raise lost(error) from None
        page = [self._open_inbound(who.tenant, row) for row in rows[:limit]]
        return {"messages": page, "next": rows[limit - 1].number if len(rows) > limit else None}

    def _open_inbound(self, tenant: str, row: Received) -> dict[str, Any]:
        shown: dict[str, Any] = {"number": row.number, "provider": row.provider, "to": row.to, "at": stamp(row.at)}
        for column in ("sender", "text"):
            sealed = row.sealed.get(column)
            try:
                place = Place(tenant, "inbound", column, f"{row.provider}:{row.ref}")
                shown["from" if column == "sender" else column] = self._cipher.open(sealed, place) if sealed else None
            except Unsealable:  # its key is gone
                shown["from" if column == "sender" else column] = None
        return shown


def lost(error: StoreError) -> Problem:
    """The store cannot do it now; nothing of it was done."""
    return Problem(503, "store", f"nothing was done: {error}", retry_after=STORE_RETRY)


def _other_body() -> Problem:
    return Problem(409, "key-reused", "this Idempotency-Key was used for another body; use a new one for each request")


def _refused(cause: str, cascade_id: str) -> Problem:
    """It is written down with its reason, and nothing was sent."""
    detail = _REASONS.get(cause, "nothing can be sent for this request")
    return Problem(403 if cause in FORBIDDEN else 422, cause.lower().replace("_", "-"), detail, cascade=cascade_id)


_REASONS = {
    "OPTED_OUT": "the person wants nothing more",
    "FRAUD": "the fraud score is too high",
    "NOT_ALLOWED": "policy does not allow it",
    "NO_PROVIDER": "no provider can carry this: /explain says why for each",
    "NOT_WORTH": "what could be sent promises less than it costs",
}

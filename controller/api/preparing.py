"""A request made ready to be written down: read, its number looked up, named, hashed and sealed.

Owns all that can be done with a request before anything is known of what else goes on. It may be done in another process than
the one that has the store (`front`), so it must not count, plan or ask anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from controller import clock
from controller.api.models import CascadeRequest
from controller.api.problems import wrong
from controller.messages.content import Content
from controller.messages.ids import CHANCE, make_id
from controller.messages.region import NotANumber, Number, read_recipient
from controller.messages.request import Request
from controller.privacy import BlindIndex, Chance, Cipher, Place


@dataclass(slots=True)
class Prepared:
    """A request but for what becomes of it."""

    cascade_id: str
    request: Request
    number: Number | None  # None for a request by mail alone
    key: str  # a keyed hash of its Idempotency-Key, which may hold a number and would outlive an erasure; or ""
    body_hash: str  # of the whole body; "" without a key
    recipient: dict[str, bytes] = field(repr=False)  # "phone", "email": sealed
    indexes: dict[str, bytes] = field(repr=False)  # the same, as blind indexes
    payload: bytes = field(repr=False)  # the content, sealed
    named: str  # the cascade whose name stands for that of a template; "" where one was given


class Preparer:
    """Makes requests ready, with the keys of one state folder."""

    def __init__(
        self,
        cipher: Cipher,
        index: BlindIndex,
        now: Callable[[], float] = clock.epoch,
        chance: Callable[[int], bytes] | None = None,
    ) -> None:
        """``now``: seconds since the epoch."""
        self._cipher = cipher
        self._index = index
        self._now = now
        self._chance = chance or Chance()

    def prepare(self, tenant: str, body: CascadeRequest, raw: bytes, key: str) -> Prepared:
        """``raw`` is the body as it came. Raises `Problem`: nothing can be sent to such a number."""
        request = body.to_request(tenant)
        number = read_number(request)
        cascade_id = self.new_id()
        recipient, indexes = {}, {}
        for kind, value in (("phone", request.phone), ("email", request.email)):
            if value:
                recipient[kind] = self._cipher.seal(value, Place(tenant, "recipient", kind, cascade_id))
                indexes[kind] = self._index.of(kind, value)
        payload = self._cipher.seal(content_of(request).write(), Place(tenant, "payload", "body", cascade_id))
        body_hash = self._index.digest(raw) if key else ""
        named = "" if body.template else request.cascade
        name = self._index.digest(b"key:" + key.encode()) if key else ""
        return Prepared(cascade_id, request, number, name, body_hash, recipient, indexes, payload, named)

    def new_id(self) -> str:
        """The id of a cascade that begins now."""
        return make_id(self._now(), self._chance(CHANCE))


def content_of(request: Request) -> Content:
    """What is to be said."""
    return Content(request.text, request.subject, request.template, request.language, request.params)


def read_number(request: Request) -> Number | None:
    """Whose number it is; None for a request by mail alone. Raises `Problem`."""
    if not request.phone:
        return None
    try:
        number = read_recipient(request.phone)
    except NotANumber as error:
        raise wrong("/to/phone", str(error)) from None
    if number.refused:
        raise wrong("/to/phone", f"nothing is sent there: it is {number.refused}")
    return number

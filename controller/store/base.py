"""What a store promises: an event is applied once, in one transaction with its history; commands come after the commit.

Owns the words between the broker, the API and the stores. Must not know how rows are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from controller.channels.base import Inbound, Report
from controller.messages.cascade import Cascade
from controller.privacy import Cipher
from controller.types import Plan
from controller.types.cascades import Audit, CascadeCommand, CascadeEvent, Circumstances, TellClient


class StoreError(Exception):
    """The store cannot do it now (lost, full); nothing of it was done. The message is for a person."""


class UnfitStoreError(StoreError):
    """The store is there, and not for this daemon: trying again is of no use."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What figures are made of; no number, no address."""

    use_case: str = ""
    route_class: str = "standard"
    country: str = ""
    operator: str = ""
    operator_source: str = ""  # "report", "lookup", "range", "guess"
    kind: str = ""
    prefix: str = ""  # the first digits of the number, too few to tell who it is
    cascade: str = ""
    version: str = ""  # of the dialplan


@dataclass(frozen=True, slots=True)
class OptWish:
    """What a person's message asks for: to hear nothing more of these tenants by this channel, or to hear again."""

    tenants: tuple[str, ...]
    channel: str
    out: bool


@dataclass(slots=True)
class NewCascade:
    """A request that is to be written down. Sealed fields are ciphertext already (controller.privacy)."""

    cascade: Cascade
    plan: Plan
    idem_key: str  # "" for none
    body_hash: str
    answer: str  # what the API answers, JSON: the same again for the same key
    facts: Facts
    recipient: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # "phone", "email": sealed
    indexes: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # the same, as blind indexes
    payload: bytes = field(default=b"", repr=False)  # sealed: text, template, params, feedback hash
    audit: Sequence[Audit] = ()  # decisions of the plan


@dataclass(slots=True)
class Kept:
    """It is new, and durable."""

    commands: list[CascadeCommand]


@dataclass(frozen=True, slots=True)
class Again:
    """The key was seen with the same body: the first answer."""

    answer: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The key was seen with another body."""


Admission = Kept | Again | Conflict


@dataclass(slots=True)
class Applied:
    """What an event came to, once it is durable."""

    cascade: Cascade
    facts: Facts
    commands: list[CascadeCommand]
    changed: bool  # False: it came too late, or twice, and is in the history alone (or nowhere)


@dataclass(frozen=True, slots=True)
class History:
    """One row of the audit."""

    seq: int
    at: float
    audit: Audit


@dataclass(frozen=True, slots=True)
class Received:
    """A message from a person, as it is kept."""

    number: int  # in the order in which they came
    provider: str
    ref: str
    to: str  # the number of ours
    at: float
    sealed: Mapping[str, bytes] = field(repr=False)  # "sender", "text"; empty once erased or purged


#: The body of a callback for the tenant of a cascade, or "" for nothing (`messages.telling`). A store is made with one:
#: each `TellClient` that it answers for is queued in the transaction it came of, so that a crash loses none.
Hear = Callable[[Cascade, TellClient, float], str]


#: Nothing speaks against anything.
CALM = Circumstances()


class Store(Protocol):
    """A place for cascades. All times are seconds since the epoch. Methods raise `StoreError`."""

    async def open(self) -> None:
        """Make or open it; older schemas are brought up."""

    async def close(self) -> None:
        """Write what is under way, let go."""

    async def accept(self, new: NewCascade, now: float, circumstances: Circumstances = CALM) -> Admission:
        """Write a request down and take `CascadeBegun`, in one transaction. Durable on return."""

    async def apply(
        self, cascade_id: str, event: CascadeEvent, now: float, circumstances: Circumstances
    ) -> Applied | None:
        """Reduce one event in a transaction; None for an id that is not there. Durable on return."""

    async def take_report(self, report: Report, now: float, circumstances: Circumstances) -> Applied | None:
        """Find the send that a report is about and apply it; a report that comes before the name of its message is
        kept, and applied once `SendAccepted` brings it. The same report twice changes nothing."""

    async def take_reports(
        self, reports: Sequence[tuple[Report, Circumstances]], now: float
    ) -> list[Applied | Exception | None]:
        """The same with reports that arrived together: what each came to, or why it could not be taken. Raises nothing."""

    async def due(self, now: float, limit: int) -> list[tuple[str, bool]]:
        """Ids whose `due` has come, oldest first, taken for this daemon; True: a send of a daemon that is gone."""

    async def next_due(self) -> float | None:
        """The earliest `due`."""

    async def get(self, cascade_id: str) -> tuple[Cascade, Facts] | None:
        """One cascade."""

    async def history(self, cascade_id: str, after: int = 0) -> list[History]:
        """Its audit from a sequence number on."""

    async def find(
        self, tenant: str, *, status: str = "", before: str = "", limit: int = 50
    ) -> list[tuple[Cascade, Facts]]:
        """The newest first; ``before`` is an id."""

    async def recipient(self, cascade_id: str) -> tuple[Mapping[str, bytes], bytes] | None:
        """Sealed addresses and payload; None once purged."""

    async def seen(self, tenant: str, idem_key: str) -> tuple[str, str] | None:
        """Body hash and answer of an idempotency key; None if it is new. Asked before a request is turned away only."""

    async def keep_inbound(
        self,
        message: Inbound,
        sealed: Mapping[str, bytes],
        index: bytes,
        now: float,
        tenant: str = "",
        wish: OptWish | None = None,
    ) -> bool:
        """Write a message from a person down; False if it is known already. ``tenant``: whose number it went to.
        ``sealed`` has "sender" and "text"; their place is (tenant, "inbound", column, "PROVIDER:REF"). The ``wish`` is
        carried out in the same transaction, and only once: what a provider repeats later changes nothing."""

    async def inbound(self, tenant: str, *, before: int = 0, limit: int = 50) -> list[Received]:
        """Messages from persons to numbers of a tenant, the newest first; ``before``: a number of one (0: from the top)."""

    async def is_opted_out(self, tenant: str, index: bytes, channel: str = "") -> bool:
        """Whether a person wants nothing more of this tenant (by all channels, or this one)."""

    async def set_opt_out(self, tenant: str, index: bytes, channel: str, now: float, *, out: bool) -> None:
        """Remember it, or forget it."""

    async def put_callback(self, tenant: str, cascade_id: str, body: str, now: float) -> None:
        """Queue something for the tenant to hear; what cascades tell is queued already (`Hear`)."""

    async def due_callbacks(
        self, now: float, limit: int, but: Collection[str] = ()
    ) -> list[tuple[int, str, str, str, int]]:
        """(number, tenant, cascade, body, tries so far) of callbacks that are to be sent now, taken for this daemon; none
        of the tenants in ``but``."""

    async def done_callback(self, number: int, *, again_at: float | None) -> None:
        """It was heard, or is to be tried again then."""

    async def purge(self, now: float, grace: float, keep: Mapping[str, float]) -> dict[str, int]:
        """Drop texts and identities whose window and grace are over, and rows after what their tenant keeps."""

    async def erase(self, index: bytes, now: float) -> int:
        """Take a person out: identities, texts and inbound messages; how many cascades knew the person."""

    async def reseal(self, cipher: Cipher) -> int:
        """Seal anew what older keys than the newest have sealed; how many rows had such. It takes its time, in small steps."""

    async def outcomes(self, since: float, until: float) -> list[dict[str, Any]]:
        """Rows for figures: one for each send, and one for each cascade that is over (see `messages.figures`)."""

    async def outcomes_after(self, seq: int, limit: int) -> list[tuple[int, str, Audit]]:
        """(sequence, cascade, audit) of what all daemons wrote, for health that they share."""

    async def last_seq(self) -> int:
        """The number of the last audit row; 0 if there is none."""

    async def clock(self) -> float | None:
        """What the clock of its server says; None for one that has none but ours."""

"""What must be true of a store after whatever happened to it."""

from __future__ import annotations

from collections.abc import Iterable

from controller.messages.replay import replay
from controller.store.base import Store
from controller.types.cascades import CascadeStatus

#: What is in the history of a cascade of `worker` when it is over; each once.
WHOLE = ["begun", "sending", "refused", "sending", "accepted", "delivered", "completed"]


async def check_all(store: Store, tenant: str = "acme") -> set[str]:
    """Every row is what its history comes to, and nothing active is without a due; the names of all cascades."""
    names: set[str] = set()
    for cascade, _ in await store.find(tenant, limit=100_000):
        names.add(cascade.id)
        history = [line.audit for line in await store.history(cascade.id)]
        again = replay(cascade, history)
        assert not again.differs, f"{cascade.id}: {again.differs}"
        assert again.cascade.dump() == cascade.dump(), cascade.id
        assert (again.cascade.status, again.cascade.due) == (cascade.status, cascade.due), cascade.id
        events = [line.event for line in history]
        assert events == WHOLE[: len(events)], f"{cascade.id}: {events}"
        assert (cascade.due is None) == (cascade.status is not CascadeStatus.ACTIVE), cascade.id
    return names


async def check_promises(store: Store, lines: Iterable[str]) -> int:
    """All that was said to be durable is there; how many cascades were promised."""
    promised: dict[str, str] = {}
    for line in lines:
        name, what = line.split()
        promised[name] = what  # the last is the most
    for name, what in promised.items():
        events = [one.audit.event for one in await store.history(name)]
        assert what in events, f"{name}: {what} was said, and there is {events}"
        assert await store.seen("acme", name) == ("hash", f'{{"id": "{name}"}}'), name
        assert await store.recipient(name) is not None, name
    return len(promised)

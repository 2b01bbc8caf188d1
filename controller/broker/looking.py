"""Cascades for whoever operates this machine: the latest of all tenants, and one of them with all that became of it.

Owns two commands of the control socket. Nobody's number, address or text is in the answers. Must not change anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controller.api.views import show_cascade, show_explanation
from controller.control import Answer, Commands, Request
from controller.messages.ids import PATTERN
from controller.store.base import Store, StoreError
from controller.types import Dialplan

#: So many are shown, at most and unless fewer are asked for.
MOST, USUAL = 200, 50


class Looking:
    """Over one store."""

    def __init__(self, store: Store, dialplan: Callable[[], Dialplan]) -> None:
        """``dialplan`` is the one in force."""
        self._store, self._dialplan = store, dialplan
        self._known: tuple[Dialplan, list[str]] | None = None
        self.commands: Commands = {"cascades": self.cascades, "cascade": self.cascade}

    async def cascades(self, request: Request) -> Answer:
        """The latest, the newest first: what the API shows of each, and its tenant. ``limit``: so many."""
        limit = max(1, min(int(request.get("limit", USUAL)), MOST))
        found: list[tuple[float, dict[str, Any]]] = []
        try:
            for tenant in self._tenants():
                rows = await self._store.find(tenant, limit=limit)
                found += [(row.created, {"tenant": tenant, **show_cascade(row, facts)}) for row, facts in rows]
        except StoreError as error:
            return _lost(error)
        found.sort(key=lambda pair: pair[0], reverse=True)
        return {"ok": True, "cascades": [row for _, row in found[:limit]]}

    async def cascade(self, request: Request) -> Answer:
        """One by its ``id``, as the API explains it."""
        name = str(request.get("id"))
        try:
            found = await self._store.get(name) if PATTERN.fullmatch(name) else None
            history = await self._store.history(name) if found is not None else []
        except StoreError as error:
            return _lost(error)
        if found is None:
            return {"ok": False, "text": f"there is no cascade {name!r}"}
        return {"ok": True, "explanation": show_explanation(*found, history)}

    def _tenants(self) -> list[str]:
        dialplan = self._dialplan()
        if self._known is None or self._known[0] is not dialplan:
            self._known = (dialplan, find_tenants(dialplan))
        return self._known[1]


def find_tenants(dialplan: Dialplan) -> list[str]:
    """All that may ask for cascades by a dialplan, and those in whose name missed calls do."""
    routes = (
        *dialplan.routes.values(),
        *dialplan.prefixes.values(),
        *(route for route in (dialplan.default,) if route),
    )
    found = {route.missed.tenant for route in routes if route.missed is not None}
    if dialplan.messaging is not None:
        found |= {token.tenant for token in dialplan.messaging.tokens} | set(dialplan.messaging.clients)
    return sorted(found)


def _lost(error: StoreError) -> Answer:
    return {"ok": False, "text": f"the store does not answer: {error}"}

"""Messages from persons: sealed and kept, and their wish to hear nothing more.

Owns the way of an inbound message into the store, and what it is known by when it comes again. Must not answer it.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace

from controller.channels.base import Inbound
from controller.messages.optout import Wish, wish_of
from controller.privacy import BlindIndex, Cipher, Place
from controller.store.base import OptWish, Store
from controller.types.messages import Channel, Messaging

#: Seconds before it came that a message may say it was sent; what says another time was sent when it came. What is kept goes
#: by this time: nobody's clock but ours may keep a message for ever, or drop it before anybody has seen it.
LATEST = 3600.0


class Inbox:
    """Takes messages from persons."""

    def __init__(self, store: Store, cipher: Cipher, index: BlindIndex, messaging: Messaging) -> None:
        self._store = store
        self._cipher = cipher
        self._index = index
        self.messaging = messaging  # swapped by a reload

    async def take(self, message: Inbound, now: float) -> None:
        """Write it down; durable on return. ``now``: seconds since the epoch.

        Raises `StoreError`.
        """
        try:
            index = self._index.of_address(message.sender)
        except ValueError:
            return  # from nobody: a network's own notice
        tenant = self._tenant(message)
        at = message.at if now - LATEST <= message.at <= now else now
        message = replace(message, ref=message.ref or self._name(message), at=at)
        row = f"{message.provider}:{message.ref}"
        sealed = {
            "sender": self._cipher.seal(message.sender, Place(tenant, "inbound", "sender", row)),
            "text": self._cipher.seal(message.text, Place(tenant, "inbound", "text", row)),
        }
        said, wish = wish_of(message.text), None
        if said is not Wish.NOTHING:
            wish = OptWish(self._whose(tenant), self._channel(message), out=said is Wish.STOP)
        # Together: a START that a provider repeats after a STOP is known, and brings nobody back.
        await self._store.keep_inbound(message, sealed, index, now, tenant, wish)

    def _name(self, message: Inbound) -> str:
        """A name for a message that has none, the same if it comes again: a START that is brought twice must not undo the
        STOP between. By what it says and when, else by the webhook, which a provider may sign anew. It is a keyed hash: the
        few numbers and words that there are could be tried."""
        if message.at:
            told = [message.provider, message.sender, message.to, message.at, message.text]
            return f"said-{self._index.digest(json.dumps(told).encode())[:32]}"
        if message.brought:
            return f"hook-{self._index.digest(message.brought.encode())[:32]}"
        return f"once-{secrets.token_hex(16)}"

    def _tenant(self, message: Inbound) -> str:
        provider = self.messaging.providers.get(message.provider)
        senders = provider.senders if provider is not None else ()
        return next((sender.tenant for sender in senders if sender.id == message.to), "")

    def _whose(self, tenant: str) -> tuple[str, ...]:
        """A number that is nobody's own is everybody's: whoever says no to it says no to all."""
        known = self.messaging
        return (tenant,) if tenant else tuple({"", *known.clients, *(token.tenant for token in known.tokens)})

    def _channel(self, message: Inbound) -> Channel | str:
        provider = self.messaging.providers.get(message.provider)
        return provider.channel if provider is not None else ""

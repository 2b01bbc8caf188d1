"""From a command to a message: the sealed recipient and content are looked up, opened and put into words.

Owns the only place where a number or a text stands in clear, between the store and the adapter. Must not log, keep or
decide; whoever wants nothing more is asked about here, for the wish may be younger than the cascade.
"""

from __future__ import annotations

from controller.broker.lane import Job
from controller.channels.base import Message
from controller.messages.content import ADDRESS, PHONE, Content, choose_language, wording
from controller.privacy import BlindIndex, Cipher, Place, Unsealable
from controller.store.base import Store
from controller.types.cascades import BAD_TEMPLATE, NO_PROVIDER, NO_TIME, OPTED_OUT, SendMessage, SendRefused
from controller.types.messages import Messaging

#: The identity or the text is purged or erased, or its key is gone: there is nothing to send.
ERASED = "erased"


class Composer:
    """Makes messages of jobs."""

    def __init__(self, store: Store, cipher: Cipher, index: BlindIndex, messaging: Messaging) -> None:
        self._store = store
        self._cipher = cipher
        self._index = index
        self.messaging = messaging

    async def compose(self, job: Job, command: SendMessage, now: float) -> Message | SendRefused:
        """The message, or why there is none. ``now``: seconds since the epoch.

        Raises `StoreError`.
        """
        provider = self.messaging.providers.get(command.provider)
        if provider is None:
            return SendRefused(command.attempt, NO_PROVIDER)
        if now >= command.until:
            return SendRefused(command.attempt, NO_TIME)
        found = await self._store.recipient(job.cascade_id)
        if found is None:
            return SendRefused(command.attempt, ERASED)
        sealed, payload = found
        kind = ADDRESS.get(command.channel, PHONE)
        if kind not in sealed:
            return SendRefused(command.attempt, NO_PROVIDER, f"no {kind}")
        try:
            to = self._cipher.open(sealed[kind], Place(job.tenant, "recipient", kind, job.cascade_id))
            content = Content.read(
                self._cipher.open_bytes(payload, Place(job.tenant, "payload", "body", job.cascade_id))
            )
        except Unsealable:
            return SendRefused(command.attempt, ERASED)
        if await self._store.is_opted_out(job.tenant, self._index.of(kind, to), command.channel):
            return SendRefused(command.attempt, OPTED_OUT)
        template = self.messaging.templates.get(content.template)
        if content.template and template is None and not content.text:  # gone by a reload: nobody gets an empty message
            return SendRefused(command.attempt, BAD_TEMPLATE)
        text, subject = wording(content, self.messaging.templates)
        return Message(
            command.send_key,
            command.channel,
            to,
            text,
            sender=command.sender,
            subject=subject,
            template=content.template,
            language=choose_language(template.texts, content.language) if template else content.language,
            params=content.params,
            lifetime=command.until - now,
            wait=command.wait,
        )

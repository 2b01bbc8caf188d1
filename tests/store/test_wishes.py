"""STOP and START: each is carried out once, with the message that says it, whatever a provider repeats."""

from __future__ import annotations

import asyncio

from controller.broker.inbound import Inbox
from controller.channels.base import Inbound
from controller.privacy import BlindIndex, Cipher, Keyring
from controller.types.messages import Messaging
from tests.messages.playbook import EPOCH
from tests.store.conftest import MakeStore

KEYS = Keyring({"1": b"a" * 32}, "1", b"i" * 32)
ANN = "+4915112345678"


def test_wish_that_is_repeated_late_changes_nothing(make_store: MakeStore) -> None:
    async def main() -> None:
        store, index = make_store(), BlindIndex(KEYS)
        await store.open()
        try:
            inbox = Inbox(store, Cipher(KEYS), index, Messaging({}, {}))
            states = []
            for at, (ref, text) in enumerate(
                [("1", "STOP"), ("2", "START"), ("1", "STOP"), ("3", "STOP"), ("2", "START")]
            ):
                await inbox.take(Inbound("sms-1", ref, ANN, "+15550100", text), EPOCH + at)
                states.append(await store.is_opted_out("", index.of_address(ANN)))
            assert states == [True, False, False, True, True]
        finally:
            await store.close()

    asyncio.run(main())

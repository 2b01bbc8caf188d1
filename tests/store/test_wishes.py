"""STOP and START: each is carried out once, with the message that says it, whatever a provider repeats."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from controller.broker.inbound import Inbox
from controller.channels.base import Inbound
from controller.privacy import BlindIndex, Cipher, Keyring, Place
from controller.store.base import Received
from controller.types.messages import Client, Messaging
from tests.messages.playbook import EPOCH
from tests.store.conftest import MakeStore

KEYS = Keyring({"1": b"a" * 32}, "1", b"i" * 32)
ANN = "+4915112345678"


def take_all(
    make_store: MakeStore, *messages: tuple[float, Inbound], **messaging: Any
) -> tuple[list[bool], list[Received]]:
    """Whether Ann is out for everybody after each message, and what is kept of them, the first first."""

    async def main() -> tuple[list[bool], list[Received]]:
        store, index = make_store(), BlindIndex(KEYS)
        await store.open()
        try:
            inbox = Inbox(store, Cipher(KEYS), index, Messaging({}, {}, **messaging))
            states = []
            for now, message in messages:
                await inbox.take(message, now)
                states.append(await store.is_opted_out("", index.of_address(ANN)))
            return states, (await store.inbound(""))[::-1]
        finally:
            await store.close()

    return asyncio.run(main())


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


def test_start_without_a_name_that_comes_again_brings_nobody_back(make_store: MakeStore) -> None:
    """Its provider signs it anew and gives it no name: what it says, and when it was said, is the same."""
    start = Inbound("sms-1", "", ANN, "+15550100", "START", EPOCH - 9.0, brought="one signature")
    stop = Inbound("sms-1", "", ANN, "+15550100", "STOP", EPOCH - 5.0, brought="another")
    later = replace(start, at=EPOCH + 60.0, brought="and now she means it")
    again = replace(start, brought="signed anew")
    states, kept = take_all(make_store, (EPOCH, start), (EPOCH + 1, stop), (EPOCH + 9, again), (EPOCH + 70, later))
    assert states == [False, True, True, False]
    assert len(kept) == 3
    undated = Inbound("sms-1", "", ANN, "+15550100", "START", brought="one signature")
    states, kept = take_all(make_store, (EPOCH, undated), (EPOCH + 1, replace(stop, at=EPOCH)), (EPOCH + 9, undated))
    assert states == [False, True, True]


def test_message_without_a_name_can_be_read(make_store: MakeStore) -> None:
    """As SMPP brings it."""
    message = Inbound("smsc", "", ANN, "+15550100", "hello there", EPOCH)
    _, kept = take_all(make_store, (EPOCH, message), (EPOCH + 1, replace(message, at=0.0)))
    cipher = Cipher(KEYS)
    for row in kept:
        place = Place("", "inbound", "text", f"{row.provider}:{row.ref}")
        assert cipher.open(row.sealed["text"], place) == "hello there"
        assert ANN[1:] not in row.ref


def test_stop_to_a_number_of_nobody_holds_for_tenants_without_a_token(make_store: MakeStore) -> None:
    async def main() -> bool:
        store, index = make_store(), BlindIndex(KEYS)
        await store.open()
        try:
            inbox = Inbox(store, Cipher(KEYS), index, Messaging({}, {}, clients={"bmce": Client("bmce")}))
            await inbox.take(Inbound("sms-1", "1", ANN, "+15550100", "STOP"), EPOCH)
            return await store.is_opted_out("bmce", index.of_address(ANN))
        finally:
            await store.close()

    assert asyncio.run(main())


def test_clock_of_a_provider_neither_keeps_a_message_for_ever_nor_drops_it(make_store: MakeStore) -> None:
    times = [EPOCH - 60.0, EPOCH + 9e8, 1.0, 0.0]
    messages = [Inbound("sms-1", str(number), ANN, "+15550100", "hi", at) for number, at in enumerate(times)]
    _, kept = take_all(make_store, *((EPOCH, message) for message in messages))
    assert [row.at for row in kept] == [EPOCH - 60.0, EPOCH, EPOCH, EPOCH]

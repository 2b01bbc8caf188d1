"""Rotation: what an old key sealed is sealed anew in place, whatever else happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from controller.channels.base import Inbound
from controller.privacy import Cipher, Keyring, Place, Unsealable
from controller.store import resealing
from controller.store.base import Store
from tests.messages.playbook import EPOCH
from tests.store.cases import make_new
from tests.store.conftest import MakeStore

OLD = Keyring({"1": b"a" * 32}, "1", b"i" * 32)
BOTH = Keyring({**OLD.data, "2": b"b" * 32}, "2", OLD.index)
NEW = Keyring({"2": b"b" * 32}, "2", OLD.index)
NUMBER = "+4915112345678"


def run(make_store: MakeStore, act: Callable[[Store], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        store = make_store()
        await store.open()
        try:
            await act(store)
        finally:
            await store.close()

    asyncio.run(main())


async def fill(store: Store, count: int, cipher: Cipher) -> None:
    """Cascades to one person, with what has to be sealed sealed, and a message from that person."""

    async def one(name: str) -> None:
        recipient = {"phone": cipher.seal(NUMBER, Place("acme", "recipient", "phone", name))}
        payload = cipher.seal("text of " + name, Place("acme", "payload", "body", name))
        await store.accept(replace(make_new(name), recipient=recipient, payload=payload), EPOCH)

    await asyncio.gather(*(one(f"c{number}") for number in range(count)))
    message = Inbound("sms-1", "m1", NUMBER, "CALLWARD", "hello")
    sealed = {
        column: cipher.seal(text, Place("acme", "inbound", column, "sms-1:m1"))
        for column, text in (("sender", NUMBER), ("text", "hello"))
    }
    await store.keep_inbound(message, sealed, b"index of ann", EPOCH, "acme")


async def read(store: Store, cipher: Cipher, name: str) -> tuple[str, str]:
    found = await store.recipient(name)
    assert found is not None
    phone = cipher.open(found[0]["phone"], Place("acme", "recipient", "phone", name))
    return phone, cipher.open(found[1], Place("acme", "payload", "body", name))


def test_after_a_rotation_the_old_key_may_go(make_store: MakeStore) -> None:
    count = resealing.PAGE + 20

    async def act(store: Store) -> None:
        await fill(store, count, Cipher(OLD))
        with pytest.raises(Unsealable):
            await read(store, Cipher(NEW), "c1")
        assert await store.reseal(Cipher(BOTH)) == 2 * count + 1
        for name in ("c0", "c1", f"c{count - 1}"):
            assert await read(store, Cipher(NEW), name) == (NUMBER, "text of " + name)
        (message,) = await store.inbound("acme")
        assert Cipher(NEW).open(message.sealed["text"], Place("acme", "inbound", "text", "sms-1:m1")) == "hello"
        assert await store.reseal(Cipher(BOTH)) == 0, "nothing is left to do"

    run(make_store, act)


def test_who_was_erased_meanwhile_does_not_come_back(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await fill(store, 3, Cipher(OLD))
        cipher = Cipher(BOTH)
        pages = [
            (fields, await store._read(lambda f=fields: resealing.page(f, f.first)))
            for fields in resealing.all_fields()
        ]  # type: ignore[attr-defined,misc]
        assert [len(rows) for _, rows in pages] == [3, 3, 1]
        assert await store.erase(b"index of ann", EPOCH) == 3
        for fields, rows in pages:
            await store._write(lambda f=fields, r=rows: resealing.reseal(f, r, cipher))  # type: ignore[attr-defined,misc]
        assert await store.recipient("c1") is None
        (message,) = await store.inbound("acme")
        assert not message.sealed

    run(make_store, act)


def test_what_nobody_can_open_is_left_as_it_is(make_store: MakeStore) -> None:
    async def act(store: Store) -> None:
        await fill(store, 1, Cipher(OLD))
        before = await store.recipient("c0")
        assert await store.reseal(Cipher(Keyring({"2": NEW.data["2"], "3": b"c" * 32}, "3", NEW.index))) == 0
        assert await store.recipient("c0") == before

    run(make_store, act)

"""A daemon that does nothing but keep cascades, to be killed: `python -m tests.store.worker URL FOLDER LIFE`.

Each line that it writes is a promise: what it names is durable. It ends when there is enough, or when it is killed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from controller.messages.reducer import reduce
from controller.messages.telling import show
from controller.store.base import Store
from controller.store.opening import open_store
from controller.types.cascades import SendRefused
from tests.messages.playbook import EPOCH
from tests.store.cases import CALM, delivered, make_new, take_ref

AT_ONCE = 40
ENOUGH = 20_000  # cascades; it is killed long before


def say(name: str, what: str) -> None:
    os.write(1, f"{name} {what}\n".encode())


async def go_through(store: Store, name: str, early: bool) -> None:
    """From acceptance to delivery by the second provider; ``early``: its report comes before its name."""
    await store.accept(make_new(name, key=name), EPOCH)
    say(name, "begun")
    await store.apply(name, SendRefused(1, "rejected"), EPOCH + 1, CALM)
    say(name, "refused")
    report = delivered(f"m-{name}", "sms-1")
    if early:
        await store.take_report(report, EPOCH + 2, CALM)
    await take_ref(store, name, 2, f"m-{name}", EPOCH + 3)
    say(name, "accepted")
    if not early:
        await store.take_report(report, EPOCH + 4, CALM)
    say(name, "delivered")


async def main(url: str, folder: Path, life: str) -> None:
    store = open_store(url, folder, reduce, show)
    await store.open()
    numbers = iter(range(ENOUGH))

    async def work() -> None:
        for number in numbers:
            await go_through(store, f"{life}-{number}", number % 2 == 1)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))

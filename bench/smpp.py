"""How much one SMPP bind carries: the adapter against the simulated SMSC, a receipt for each message, in one process.

``python -m bench.smpp``: submits a second, and CPU per message, both ends together.
"""

from __future__ import annotations

import asyncio
import time
from random import Random

from controller.channels.base import Accepted, Message, News, Report
from controller.channels.smpp import SmppAdapter
from controller.simulate.base import Fate, FatedReport, Fates, Word
from controller.simulate.smsc import Smsc
from controller.types.messages import Channel, Provider
from controller.types.smpp import Smpp

MESSAGES = 5000
WINDOWS = (1, 10, 50)


async def carry(window: int) -> tuple[float, float]:
    """Messages a second until the last receipt, and microseconds of CPU for each."""
    smsc = Smsc(fates=Fates(script=[Fate(reports=(FatedReport(0.0, Word.DELIVERED),))] * MESSAGES))
    settings = Smpp("127.0.0.1", await smsc.start(), "bench", "secret", window=window)
    adapter = SmppAdapter(Provider("sms", Channel.SMS, "smpp", settings), Random(1))
    bound, reported, reports = asyncio.Event(), asyncio.Event(), 0

    async def take(news: list[News]) -> None:
        nonlocal reports
        bound.set()
        reports += sum(isinstance(each, Report) for each in news)
        if reports == MESSAGES:
            reported.set()

    await adapter.start(take)
    await bound.wait()
    numbers = iter(range(MESSAGES))

    async def send() -> None:
        for number in numbers:
            message = Message(f"c{number}:0:1", Channel.SMS, "+15550100", f"Your code is {number:06}", sender="ACME")
            assert isinstance(await adapter.submit(message), Accepted)

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(send() for _ in range(window)))
    await reported.wait()
    took, used = time.perf_counter() - began, time.process_time() - cpu
    await adapter.close()
    await smsc.close()
    return MESSAGES / took, used / MESSAGES * 1e6


def main() -> None:
    """Print a line for each window."""
    for window in WINDOWS:
        rate, cpu = asyncio.run(carry(window))
        print(f"window {window:3}: {rate:6.0f} messages/s with a receipt each, {cpu:4.0f} us of CPU, both ends")


if __name__ == "__main__":
    main()

"""`callward simulate`: a town that stays open until SIGTERM, and what it prints.

Owns the lines. They show numbers and texts, for nobody writes to real people here.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TextIO

from controller import clock
from controller.simulate.base import Faults, Got, Journal
from controller.simulate.saying import USAGE, Lines, read_said
from controller.simulate.town import Running, TellingJournal, Town


async def serve(town: Town, faults: Mapping[str, Faults], seed: int, out: TextIO, *, as_json: bool) -> None:
    """Be open until SIGTERM or SIGINT. Raises `OSError` where an address is taken."""

    def tell(got: Got) -> None:
        print(_as_json(got) if as_json else _as_text(got), file=out, flush=True)

    journal = TellingJournal(tell=tell)
    running = Running(town, faults, seed, journal)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    def hear(line: str) -> None:
        said = read_said(line, running.reachable)
        if isinstance(said, str):
            print(f"# {said}", file=out, flush=True)
            return
        task = loop.create_task(running.say(*said))
        under_way.add(task)
        task.add_done_callback(under_way.discard)

    lines = Lines(hear)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        for line in await running.open():
            print(f"# {line}", file=out)
        for name, why in town.left_out.items():
            print(f"# {name}: not simulated, {why}", file=out)
        if lines.open() and sys.stdin.isatty():
            print(f"# {USAGE}", file=out)
        print("# ready", file=out, flush=True)
        await ended.wait()
    finally:
        lines.close()
        await asyncio.gather(*under_way, return_exceptions=True)
        await running.close()
    for line in summary(journal):
        print(f"# {line}", file=out, flush=True)


def summary(journal: Journal) -> Iterator[str]:
    """A line for each provider: what came, what it took, what reached a person, what it sent twice."""
    came, taken = Counter(got.provider for got in journal.entries), Counter(got.provider for got in journal.taken())
    delivered = Counter(got.provider for got in journal.delivered())
    twice = Counter(provider for provider, _ in journal.sent_twice())
    for name in sorted(came):
        yield f"{name}: {came[name]} came, {taken[name]} taken, {delivered[name]} delivered, {twice[name]} sent twice"


def _as_text(got: Got) -> str:
    moment = datetime.fromtimestamp(clock.epoch(), UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
    again = " (known already)" if got.repeated else ""
    return f"{moment} {got.provider} {got.fate.answer}{again} {got.to} {json.dumps(got.text, ensure_ascii=False)}"


def _as_json(got: Got) -> str:
    return json.dumps(
        {
            "at": clock.epoch(),
            "provider": got.provider,
            "send_key": got.send_key,
            "to": got.to,
            "text": got.text,
            "answer": got.fate.answer,
            "ref": got.ref,
            "repeated": got.repeated,
            "delivered": got.fate.taken and not got.repeated and got.fate.delivered,
        },
        ensure_ascii=False,
    )

"""Stores alone: how long an acceptance takes, and how many cascades of three sends go through in a second.

`python -m bench.store [sqlite] [postgres] [--cascades N] [--rate N] [--seconds N]`. The server of PostgreSQL is one of
our own in a temporary folder, and runs on the same processors. A cascade is one acceptance, three sends taken by their
providers, two bad reports and a good one: seven transactions' worth of events, and three looks at the recipient.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.messages.cascade import Cascade
from controller.messages.reducer import reduce
from controller.messages.telling import show
from controller.process import run_quick, tune_garbage_collector
from controller.store.base import Store
from controller.store.opening import open_store
from controller.types.cascades import CascadeStatus, SendAccepted, TellClient
from tests.messages.playbook import make_plan
from tests.store.cases import CALM, delivered, lost, make_new
from tests.store.postgres import Server

PLAN = make_plan("whatsapp/wa-1", "rcs/rcs-1", "sms/sms-1,sms-2")
EVENTS = 7
AT_ONCE = 200  # cascades under way


@contextmanager
def make_url(kind: str, folder: Path) -> Iterator[str]:
    """An empty store of this kind."""
    if kind == "sqlite":
        yield ""
        return
    server = Server(folder / "cluster")
    server.make()
    server.start()
    try:
        yield server.new_url()
    finally:
        server.stop("immediate")


def hear(cascade: Cascade, command: TellClient, now: float) -> str:
    """Tenants hear of the end."""
    return show(cascade, command, now) if command.final else ""


async def go_through(store: Store, name: str) -> None:
    """One cascade from its acceptance to its end."""
    now = time.time()
    await store.accept(make_new(name, key=name, plan=PLAN, at=now, expires=now + 180), now)
    for attempt, provider in enumerate(("wa-1", "rcs-1", "sms-1"), 1):
        await store.recipient(name)
        await store.apply(name, SendAccepted(attempt, f"{name}-{attempt}"), time.time(), CALM)
        report = lost if attempt < 3 else delivered
        done = await store.take_report(report(f"{name}-{attempt}", provider), time.time(), CALM)
    assert done is not None
    assert done.cascade.status is CascadeStatus.COMPLETED


async def measure_throughput(store: Store, count: int, first: int = 0) -> float:
    """Cascades a second, `AT_ONCE` at a time."""
    names = iter(range(first, first + count))

    async def work() -> None:
        for number in names:
            await go_through(store, f"through-{number}")

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return count / (time.perf_counter() - begun)


async def measure_acceptance(store: Store, rate: float, seconds: float) -> list[float]:
    """How long acceptances took that came at this rate, whatever became of those before; sorted, in milliseconds."""
    took: list[float] = []

    async def accept(number: int, due: float) -> None:
        now = time.time()
        new = make_new(f"accept-{number}", key=f"a{number}", plan=PLAN, at=now, expires=now + 180)
        await store.accept(new, now)
        took.append(1000 * (time.perf_counter() - due))

    begun, tasks = time.perf_counter(), []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.ensure_future(accept(number, due)))
    await asyncio.gather(*tasks)
    return sorted(took)


async def measure(kind: str, url: str, folder: Path, options: argparse.Namespace) -> None:
    store = open_store(url, folder, reduce, hear)
    await store.open()
    await measure_throughput(store, AT_ONCE)  # warm
    tune_garbage_collector()  # as the daemon does
    before = resource.getrusage(resource.RUSAGE_SELF)
    through = await measure_throughput(store, options.cascades, AT_ONCE)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / options.cascades
    took = await measure_acceptance(store, options.rate, options.seconds)
    await store.close()
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    print(
        f"{kind:9} {through:7.0f} cascades/s  {through * EVENTS:7.0f} events/s  {1e6 * cpu:5.0f} us of CPU each"
        f"   accept at {options.rate:.0f}/s: p50 {p50:.2f} ms  p99 {p99:.2f} ms  worst {took[-1]:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--cascades", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    for kind in options.kinds:
        with tempfile.TemporaryDirectory(prefix="callward-bench-") as name:
            folder = Path(name)
            folder.chmod(0o711)
            with make_url(kind, folder) as url:
                run_quick(measure(kind, url, folder, options))


if __name__ == "__main__":
    main()

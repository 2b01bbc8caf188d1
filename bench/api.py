"""The API and the store: how long an acceptance takes over HTTP, at a rate that is kept whatever the answers do.

`python -m bench.api [--rate 1000] [--seconds 10] [--store URL] [--workers N]`. The API runs as in the daemon, in a process of
its own behind those in front, with the real planner
and store; its broker does nothing, so this is the price of accepting alone. Latency counts from the moment at which a
request was due, not from when it could be sent: a server that stalls is not spared its queue.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from bench.cascades import cpu_of
from controller.api.app import create_app
from controller.api.planning import RequestPlanner
from controller.api.server import open_socket
from controller.api.service import Service
from controller.broker.listening import make_api
from controller.broker.meter import Meter
from controller.channels.base import Adapter, News
from controller.health.score import Scores, Target
from controller.messages.cascade import Cascade
from controller.messages.planning import Planner
from controller.messages.reducer import reduce
from controller.messages.region import warm
from controller.privacy import BlindIndex, Cipher, load_keyring
from controller.process import run_quick, share_interpreter, tune_garbage_collector
from controller.store.base import Applied, Facts
from controller.store.opening import open_store
from controller.types.cascades import CascadeCommand, CascadeEvent, Circumstances
from controller.types.messages import (
    ApiToken,
    CascadeRules,
    Channel,
    Messaging,
    NumberKind,
    Policy,
    Provider,
    Sender,
    Step,
    Templates,
)

TOKEN = "bench"
CONNECTIONS = 32
CALM = Circumstances()


def messaging(url: str) -> Messaging:
    """Three channels, four providers."""
    sender = (Sender("Callward", NumberKind.ALPHANUMERIC), Sender("+14155550100", NumberKind.MOBILE, ("US",)))
    providers = {
        name: Provider(name, channel, "http", None, upstream=name, costs={"": 0.01}, senders=sender)
        for name, channel in (
            ("wa-1", Channel.WHATSAPP), ("rcs-1", Channel.RCS), ("sms-1", Channel.SMS), ("sms-2", Channel.SMS),
        )
    }  # fmt: skip
    steps = (Step(Channel.WHATSAPP), Step(Channel.RCS), Step(Channel.SMS, fanout=2))
    return Messaging(
        providers,
        {"otp": CascadeRules("otp", steps)},
        (Policy("base", cascade="otp"),),
        (ApiToken("bench", hashlib.sha256(TOKEN.encode()).hexdigest(), "bench"),),
        templates={"otp": Templates("otp", {"": "Your code is {code}"})},
        store=url,
    )


class IdleHands:
    """A broker that does nothing."""

    def hear_store(self, why: str) -> None:
        pass

    def at_first(self, cascade: Cascade, now: float) -> Circumstances:
        return CALM

    def carry_out(self, cascade: Cascade, facts: Facts, commands: Sequence[CascadeCommand]) -> None: ...

    async def apply(self, cascade_id: str, event: CascadeEvent) -> Applied | None:
        raise NotImplementedError

    async def take(self, news: Sequence[News]) -> None:
        raise NotImplementedError

    def adapter(self, name: str) -> Adapter | None:
        return None


async def serve(url: str, folder: Path, workers: int | None) -> None:
    """The API until standard input ends."""
    share_interpreter()
    rules = replace(messaging(url), workers=workers)
    store = open_store(url, folder, reduce)
    await store.open()
    keyring = load_keyring(folder)
    planner = RequestPlanner(Planner(rules, Scores([Target(each, (each,)) for each in rules.providers]), "bench"))
    service = Service(rules, store, Cipher(keyring), BlindIndex(keyring), planner, IdleHands())
    meter, sock = Meter(), open_socket("127.0.0.1", 0)
    shell = create_app(service, on_request=meter.see_request)
    server = make_api(shell, service, sock, folder, meter, structlog.get_logger())
    warm()
    tune_garbage_collector()
    loop = asyncio.get_running_loop()
    serving = loop.create_task(server.serve())
    await server.started()
    before = _cpu()
    print(server.address[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(*(now - then for now, then in zip(_cpu(), before, strict=True)), flush=True)
    server.stop()
    await serving
    await store.close()


def _cpu() -> tuple[float, float]:
    return cpu_of(os.getpid())


async def drive(port: int, rate: float, seconds: float) -> tuple[list[float], float]:
    """Latencies in seconds, and how long it all took."""
    dice, due = random.Random(4), asyncio.Queue[float | None]()
    latencies: list[float] = []
    loop = asyncio.get_running_loop()

    async def work() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (when := await due.get()) is not None:
            number = f"+1415{dice.randrange(200, 999)}{dice.randrange(10_000):04}"
            body = json.dumps({
                "to": {"phone": number, "email": "somebody@example.com"}, "cascade": "otp", "use_case": "login",
                "params": {"code": f"{dice.randrange(10**6):06}"}, "limit_keys": {"ip": "192.0.2.1"},
            }).encode()  # fmt: skip
            writer.write(
                b"POST /v1/cascades HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
                b"Authorization: Bearer %s\r\nIdempotency-Key: %x\r\nContent-Length: %d\r\n\r\n%s"
                % (TOKEN.encode(), dice.getrandbits(128), len(body), body)
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 202"), head
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            latencies.append(loop.time() - when)
        writer.close()

    workers = [loop.create_task(work()) for _ in range(CONNECTIONS)]
    began, sent = loop.time(), 0
    while sent < rate * seconds:
        due_by_now = min(int((loop.time() - began) * rate) + 1, int(rate * seconds))
        for number in range(sent, due_by_now):
            due.put_nowait(began + number / rate)
        sent = due_by_now
        await asyncio.sleep(0.001)
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    return latencies, loop.time() - began


def measure(url: str, rate: float, seconds: float, workers: list[str]) -> dict[str, Any]:
    """One run."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        command = [sys.executable, "-m", "bench.api", "--serve", folder, "--store", url, *workers]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            port = int(server.stdout.readline())
            try:
                asyncio.run(drive(port, 200, 1))  # everything is met once
                latencies, took = asyncio.run(drive(port, rate, seconds))
            finally:
                with contextlib.suppress(BrokenPipeError):
                    server.stdin.close()
            cpu = [float(each) for each in server.stdout.readline().split()]
    latencies.sort()
    place = [round(latencies[int(len(latencies) * share)] * 1000, 2) for share in (0.5, 0.95, 0.99, 0.999)]
    return {
        "asked": rate, "accepted a second": round(len(latencies) / took), "p50 p95 p99 p99.9 ms": place,
        "worst ms": round(latencies[-1] * 1000, 1), "cpu us each: daemon, fronts": [round(each * 1e6 / (len(latencies) + 200)) for each in cpu],
    }  # fmt: skip


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, nargs="*", default=[1000.0])
    options.add_argument("--seconds", type=float, default=10.0)
    options.add_argument("--store", default="")
    options.add_argument("--workers", type=int, help="processes in front; default: as the daemon has it")
    options.add_argument("--serve", default="")
    given = options.parse_args()
    if given.serve:
        run_quick(serve(given.store, Path(given.serve), given.workers))
        return
    workers = [] if given.workers is None else ["--workers", str(given.workers)]
    for rate in given.rate:
        print(
            json.dumps(measure(given.store, rate, given.seconds, workers)), f"load {os.getloadavg()[0]:.1f}", flush=True
        )
        time.sleep(0.5)


if __name__ == "__main__":
    main()

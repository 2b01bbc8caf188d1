"""The daemon that `bench.cascades` measures: API, planner, store and broker as `callward run --role messages` has them, and
providers within the process that answer at once.

`python -m bench.cascades_daemon STORE FOLDER` prints the port of its API, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import structlog

from bench.cascades_world import DIALPLAN, REPORT_AFTER
from controller.api.app import create_app
from controller.api.planning import RequestPlanner
from controller.api.server import open_socket
from controller.api.service import Service
from controller.broker import kept
from controller.broker.broker import Broker
from controller.broker.listening import make_api
from controller.broker.meter import Meter
from controller.broker.metrics import metrics_router
from controller.broker.outcomes import Evidence, targets_of
from controller.broker.sending import Composer
from controller.channels.base import Accepted, Message, Refused, Report, Sink, Submission, Webhook, WebhookAnswer
from controller.config import load
from controller.messages.cascade import Cascade
from controller.messages.limits import SenderTurns
from controller.messages.planning import Planner
from controller.messages.reducer import reduce
from controller.messages.region import warm
from controller.messages.telling import show
from controller.privacy import BlindIndex, Cipher, load_keyring
from controller.process import run_quick, share_interpreter, tune_garbage_collector
from controller.store.opening import open_store
from controller.supervise import Supervisor
from controller.types import Milestone
from controller.types.cascades import NOT_ON_CHANNEL, UNDELIVERED, TellClient
from controller.types.messages import Dedup


class Instant:
    """A provider that costs nothing: it refuses, or takes and reports a little later, all that is due at once."""

    dedup = Dedup.NATIVE

    def __init__(self, name: str, fate: str) -> None:
        self._name, self._fate = name, fate
        self._due: list[Report] = []
        self._sink: Sink

    async def start(self, sink: Sink) -> None:
        self._sink = sink

    async def submit(self, message: Message) -> Submission:
        if self._fate == "refuse":
            return Refused(NOT_ON_CHANNEL)
        good = self._fate == "deliver"
        ref = f"{self._name}-{message.send_key}"
        report = Report(self._name, ref, Milestone.ANSWERED if good else None, "" if good else UNDELIVERED)
        if not self._due:
            asyncio.get_running_loop().call_later(REPORT_AFTER, self._report)
        self._due.append(report)
        return Accepted(ref)

    def _report(self) -> None:
        due, self._due = self._due, []
        REPORTING.spawn(self._sink(due), "reports")  # type: ignore[arg-type]

    async def look_up(self, send_key: str) -> Submission:
        return Accepted(f"{self._name}-{send_key}")

    def receive(self, request: Webhook, now: float) -> WebhookAnswer:
        return WebhookAnswer(status=404)

    async def close(self) -> None: ...


REPORTING = Supervisor(lambda error: print(repr(error), file=sys.stderr))


async def serve(store_url: str, folder: Path) -> None:
    """Until standard input ends."""
    share_interpreter()
    file = folder / "dialplan.yaml"
    file.write_text(DIALPLAN)
    loaded = load(file)
    assert loaded.dialplan is not None, loaded.diagnostics
    messaging = loaded.dialplan.messaging
    assert messaging is not None
    warm()
    keyring = load_keyring(folder)
    cipher, index = Cipher(keyring), BlindIndex(keyring)
    scores, _, bursts = kept.read_scores(folder, targets_of(messaging), time.time())
    store = open_store(
        store_url, folder, reduce, lambda c, command, now: show(c, command, now) if command.final else ""
    )
    await store.open()
    evidence = Evidence(scores, lambda _change: None)
    meter = Meter()
    service: Service

    def watch(cascade: Cascade, told: Sequence[TellClient]) -> None:
        service.notice(cascade, told)

    async def ignore(*_: object) -> None: ...

    broker = Broker(
        store,
        Composer(store, cipher, index, messaging),
        evidence,
        SenderTurns(messaging),
        REPORTING.spawn,
        lease=messaging.lease,
        watch=watch,
        take_inbound=ignore,
        on_fault=lambda error: print(repr(error), file=sys.stderr),
        on_store=lambda _why: None,
        see=meter.see,
    )
    for provider in messaging.providers.values():
        adapter = Instant(provider.name, {"wa-1": "refuse", "rcs-1": "fail"}.get(provider.name, "deliver"))
        broker.use(provider, adapter)
        await adapter.start(broker.take)
    planner = RequestPlanner(Planner(messaging, scores, "bench", bursts))
    service = Service(messaging, store, cipher, index, planner, broker)
    shell = create_app(service, routers=(metrics_router(meter),), on_fault=partial(print, file=sys.stderr))
    api = make_api(shell, service, open_socket("127.0.0.1", 0), folder, meter, structlog.get_logger())
    REPORTING.spawn(broker.sweep(), "sweeper")
    serving = asyncio.get_running_loop().create_task(api.serve())
    await api.started()
    tune_garbage_collector()
    print(api.address[1], flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()
    api.stop()
    broker.rest()
    await serving
    await broker.drained()
    await REPORTING.close()
    await store.close()


if __name__ == "__main__":
    run_quick(serve(sys.argv[1] if len(sys.argv) > 2 else "", Path(sys.argv[-1])))

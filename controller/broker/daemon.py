"""The daemon for messages: builds store, keys, adapters, broker and API around a dialplan, starts them, stops them.

Owns the wiring and the lifecycle of the process for messages. All that needs no network is opened in `build`, so that what is
wrong is said before anything listens. It decides nothing itself. Whatever it does, calls are another process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from controller import clock
from controller.api.app import create_app
from controller.api.fronts import Fronts
from controller.api.planning import RequestPlanner
from controller.api.server import ApiServer, ListenError, open_socket
from controller.api.service import Service
from controller.broker import kept
from controller.broker.broker import Broker
from controller.broker.callbacks import Callbacks
from controller.broker.drivers import make_adapter
from controller.broker.inbound import Inbox
from controller.broker.libraries import listen_to_libraries
from controller.broker.listening import fixed, make_api
from controller.broker.looking import Looking
from controller.broker.meter import Meter
from controller.broker.missed import MissedCalls, take_text
from controller.broker.news import CascadeEnded, MessageNews, StoreNews, ended_news, show_news
from controller.broker.outcomes import Evidence, targets_of
from controller.broker.routes import daemon_routers
from controller.broker.sending import Composer
from controller.broker.status import collect_status
from controller.broker.swap import close_all, make_changed, swap
from controller.broker.upkeep import Upkeep
from controller.companion import Companion
from controller.compiled import Compiled
from controller.control import MESSAGES, Answer, Command, ControlError, ControlServer, Request, open_control, pack
from controller.feed import MESSAGES as FEED
from controller.feed import Feed
from controller.health.node import Change
from controller.keyfile import KeyFileError
from controller.log import log_news
from controller.masking import trace_of
from controller.messages.cascade import Cascade
from controller.messages.limits import SenderTurns
from controller.messages.planning import Planner
from controller.messages.reducer import reduce
from controller.messages.region import warm
from controller.messages.telling import Telling
from controller.privacy import BlindIndex, Cipher, load_keyring
from controller.process import raise_file_limit, share_interpreter, show_process, tune_garbage_collector
from controller.starting import StartError
from controller.store.base import Facts, Store, StoreError, UnfitStoreError
from controller.store.opening import open_store
from controller.supervise import Supervisor, run_aside
from controller.types import Fault
from controller.types.cascades import CascadeCommand, TellClient
from controller.types.messages import Messaging, Provider
from sip.uri import bracketed

#: Seconds after the start until tables of numbers are read that few requests need.
WARM_AFTER = 10.0

#: Seconds between two tries to reach a store that does not answer when we start.
STORE_PAUSE = 1.0


class Daemon(Companion):
    """One process for messages: `build`, then `serve`, then `stop`."""

    role = "messages"

    def __init__(self, compiled: Compiled, state_dir: Path, file: Path, *, end_with_stdin: bool = False) -> None:
        super().__init__(compiled, state_dir, file, end_with_stdin=end_with_stdin)
        self._api_ended = asyncio.Event()
        self._patience: asyncio.Timeout | None = None  # while what is under way is finished
        self._failed: Exception | None = None
        self._store_lost = "it is not open yet"
        self._control: ControlServer
        self._feed: Feed
        self._store: Store
        self._api: ApiServer | Fronts
        self.broker: Broker

    # -- build

    def _build(self) -> None:
        listen_to_libraries(self._log)
        messaging = self._dialplan.messaging
        if messaging is None:
            raise StartError("there is nothing about messages in this dialplan: write 'providers' and 'cascades'")
        try:
            keyring = load_keyring(self._state_dir)
            control = open_control(self._state_dir, MESSAGES)
        except (KeyFileError, ControlError) as error:
            raise StartError(str(error)) from error
        commands: dict[str, Command] = {
            "reload": self.reload,
            "status": self.status,
            "metrics": self.metrics,
            "missed": self._on_missed,
            "inbound": self._on_inbound,
        }
        self._control = ControlServer(control, commands, self._on_fault)
        self._undo.append(self._control.close)
        try:
            self._feed = Feed(self._state_dir, show_news, FEED)
        except ControlError as error:
            raise StartError(str(error)) from error
        self._undo.append(self._feed.close)
        try:
            sock = open_socket(messaging.host, messaging.port)
        except ListenError as error:
            raise StartError(str(error)) from error
        self._undo.append(sock.close)
        cipher, index = Cipher(keyring, partial(load_keyring, self._state_dir)), BlindIndex(keyring)
        scores, read, self._bursts = kept.read_scores(self._state_dir, targets_of(messaging), clock.epoch())
        self._telling = Telling(messaging.clients)
        self._store = self._make_store(messaging, keyring.fingerprint())
        commands |= Looking(self._store, lambda: self._dialplan).commands
        self._evidence = Evidence(scores, self._on_change, shared=bool(messaging.store), read=read)
        self._composer = Composer(self._store, cipher, index, messaging)
        self._inbox = Inbox(self._store, cipher, index, messaging)
        self._upkeep = Upkeep(
            self._store, self._evidence, self._bursts, cipher, self._state_dir, self._log, lambda: self._messaging
        )
        self._callbacks = Callbacks(self._store, messaging.clients, self._log, self._on_fault)
        self._supervisor = Supervisor(self._on_fault)
        self._meter = Meter(self._look)
        self.broker = Broker(
            self._store,
            self._composer,
            self._evidence,
            SenderTurns(messaging),
            self._supervisor.spawn,
            lease=messaging.lease,
            watch=self._watch,
            take_inbound=self._inbox.take,
            on_fault=self._on_fault,
            on_store=self._on_store,
            see=self._see,
        )
        self._service = Service(messaging, self._store, cipher, index, self._planner(), self.broker)
        routers = daemon_routers(self._meter, self._state_dir, self.reload)
        shell = create_app(
            self._service, on_request=self._meter.see_request, on_fault=self._on_api_fault, routers=routers
        )
        self._api = make_api(shell, self._service, sock, self._state_dir, self._meter, self._log)

    def _make_store(self, messaging: Messaging, keys: str) -> Store:
        try:
            return open_store(messaging.store, self._state_dir, reduce, self._telling.hear, keys)
        except StoreError as error:
            raise StartError(str(error)) from error

    def _planner(self) -> RequestPlanner:
        return RequestPlanner(Planner(self._messaging, self._evidence.scores, self._dialplan.version, self._bursts))

    # -- serve

    async def serve(self) -> None:
        """Send messages until SIGTERM or SIGINT, then finish what is under way; a second signal ends at once.

        Raises `StartError`.
        """
        raise_file_limit()
        share_interpreter()
        loop = asyncio.get_running_loop()
        self._follow_system()
        await self._control.start()
        self._feed.start(loop)
        self._supervisor.spawn(self._start(), "start")
        await self._stopping.wait()
        await self._finish()
        if isinstance(self._failed, StartError):
            raise self._failed
        if self._failed is not None:
            raise StartError(f"a bug in callward ({type(self._failed).__name__}): please report the fault in its log")

    async def _start(self) -> None:
        try:
            await self._open()
        except StartError as error:
            self._log.error("not started", why=str(error))
            self._failed = error
            self._api_ended.set()  # it was never there
            self._stopping.set()
        except Exception as error:  # noqa: BLE001  # a fault of ours: whoever started us tries again
            self._on_fault(error)
            self._failed = error
            self._stopping.set()

    async def _open(self) -> None:
        self._supervisor.spawn(self._warm(), "numbers")
        while True:
            if await self._open_store():
                break
            await asyncio.sleep(STORE_PAUSE)
        messaging = self._messaging
        await asyncio.gather(*(self._connect(provider, messaging) for provider in messaging.providers.values()))
        self._supervisor.keep(self.broker.sweep, "sweeper")
        self._supervisor.keep(self._callbacks.keep, "callbacks")
        self._upkeep.start(self._supervisor)
        self._supervisor.spawn(self._serve_api(), "api")
        await self._api.started()
        plan = self._dialplan
        self._log.info(
            "ready",
            listen=self._listen(),
            providers=len(messaging.providers),
            cascades=len(messaging.cascades),
            version=plan.version,
        )
        self._tell_ready()
        tune_garbage_collector()

    async def _warm(self) -> None:
        if isinstance(self._api, Fronts):  # numbers are read there: here it has time
            await asyncio.sleep(WARM_AFTER)
        await run_aside(warm, "numbers")

    async def _open_store(self) -> bool:
        try:
            await self._store.open()
        except UnfitStoreError as error:
            raise StartError(str(error)) from error
        except StoreError as error:
            self._on_store(str(error))
            return False
        self._on_store("")
        return True

    async def _connect(self, provider: Provider, messaging: Messaging) -> None:
        adapter = make_adapter(provider, self._state_dir)
        self.broker.use(provider, adapter)
        await adapter.start(self.broker.take)

    async def _serve_api(self) -> None:
        try:
            await self._api.serve()
        finally:
            self._api_ended.set()

    async def _finish(self) -> None:
        """What is under way is finished, as long as a lease: after that it is anybody's."""
        self._service.announcer.close()
        self._api.stop()
        self.broker.rest()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._messaging.lease) as self._patience:
                await self._api_ended.wait()
                await self.broker.drained()
        left = sum(self.broker.waiting().values())
        await self._supervisor.close()
        adapters = [self.broker.adapter(name) for name in self._messaging.providers]
        await close_all([adapter for adapter in adapters if adapter is not None], self._on_fault)
        await self._store.close()
        self._upkeep.save()()
        self._log.info("stopped", under_way=left)

    @property
    def _messaging(self) -> Messaging:
        assert self._dialplan.messaging is not None
        return self._dialplan.messaging

    # -- reload

    async def reload(self, _: Request) -> Answer:
        """Take what stands in the file now, or keep what runs where that is not whole. No cascade notices."""
        async with self._reloading:
            self._notifier.reloading(clock.monotonic())
            try:
                return await self._reload()
            finally:
                self._tell_ready()

    async def _reload(self) -> Answer:
        loaded, text = await self._read_again()
        if loaded.dialplan is None:
            return self._not_reloaded(text)
        before, after = self._messaging, loaded.dialplan.messaging
        if after is None:
            return self._not_reloaded("nothing about messages is left in the dialplan; end this process for that")
        if fixed(before) != fixed(after):
            return self._not_reloaded(
                "'listen', 'store' or 'workers' of 'messages' differs from what this daemon has; restart it for that, or write the"
                " old ones again"
            )
        try:
            changed = make_changed(before, after, self._state_dir)
        except StartError as error:
            return self._not_reloaded(str(error))
        if loaded.dialplan.listen and not self._dialplan.listen:
            return self._not_reloaded(
                "calls are new in the dialplan, and need a process of their own: restart this one"
            )
        was, self._dialplan = self._dialplan.version, loaded.dialplan
        self._adopt(after)
        await swap(self.broker, before, after, changed, self._supervisor.spawn)
        self._log.info("reloaded", before=was, providers=len(after.providers), version=self._dialplan.version)
        return {"ok": True, "text": text, "version": self._dialplan.version}

    def _adopt(self, messaging: Messaging) -> None:
        self._evidence.follow(messaging)
        self.broker.turns = SenderTurns(messaging)
        self.broker.outlook.patience = messaging.lease / 2
        self._composer.messaging = self._inbox.messaging = messaging
        self._telling.clients = self._callbacks.clients = messaging.clients
        self._service.adopt(messaging, self._planner())
        self._api.adopt(messaging.tokens)

    # -- beside

    async def status(self, _: Request) -> Answer:
        """How the daemon sees its providers now."""
        messages = self._look()
        process = show_process(self._writer.dropped, self._feed.lost)
        return {"ok": True, "status": {**messages, "process": process, "messages": messages}}

    async def metrics(self, request: Request) -> Answer:
        """What the API has under ``/metrics``, for the process for operators."""
        return {"ok": True, "packed": pack(self._meter.show(openmetrics=bool(request.get("openmetrics"))))}

    async def _on_missed(self, request: Request) -> Answer:
        """A call that nobody answered."""
        return await MissedCalls(self._service).take(request)

    async def _on_inbound(self, request: Request) -> Answer:
        """A message from a person that came over SIP."""
        return await take_text(self.broker.take, request)

    def _look(self) -> dict[str, Any]:
        parts = (self.broker, self._evidence, self._callbacks, self._bursts)
        return collect_status(self._dialplan, self._listen(), self._store_lost, *parts, clock.epoch())

    # -- what happens

    def _watch(self, cascade: Cascade, told: Sequence[TellClient]) -> None:
        self._service.notice(cascade, told)
        if told:
            self._callbacks.wake()

    def _see(self, cascade: Cascade, facts: Facts, commands: Sequence[CascadeCommand]) -> None:
        self._meter.see(cascade, facts, commands)
        if cascade.ended and self._feed.is_followed:
            self._tell(ended_news(cascade, facts))
        self._service.learn(cascade.id, facts)

    def _on_end(self) -> None:
        if self._stopping.is_set():
            if self._patience is not None and not self._patience.expired():
                self._patience.reschedule(asyncio.get_running_loop().time())
            return
        self._log.info("draining", under_way=sum(self.broker.waiting().values()), timeout=self._messaging.lease)
        self._notifier.tell("STOPPING=1")
        self._stopping.set()

    def _on_change(self, change: Change) -> None:
        where = " ".join(change.region)
        self._log.info("quality", provider=change.target, region=where, old=change.old, new=change.new, why=change.why)
        self._tell(change)

    def _on_store(self, why: str) -> None:
        if why == self._store_lost:
            return
        self._store_lost = why
        self._tell(StoreNews(why))
        if why:
            self._log.error("store lost", why=why, advice="nothing is accepted, and nothing that was is lost")
        else:
            self._log.info("store answers")

    def _tell(self, news: MessageNews) -> None:
        """To whoever watches."""
        self._feed.tell(news, clock.epoch(), keep=not isinstance(news, CascadeEnded))
        self._feed.flush()

    def _on_fault(self, error: BaseException) -> None:
        self._on_api_fault(trace_of(error))

    def _on_api_fault(self, where: str) -> None:
        fault = Fault(where)
        log_news(self._log, fault)
        self._tell(fault)

    def _listen(self) -> str:
        host, port = self._api.address
        return f"{bracketed(host)}:{port}"

    def _tell_ready(self) -> None:
        providers = len(self._messaging.providers)
        self._notifier.tell("READY=1", f"STATUS={providers} providers, version {self._dialplan.version}")

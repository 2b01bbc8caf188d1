"""The daemon: builds the engine and the sockets around a dialplan, starts them, stops them.

Owns the wiring and the lifecycle. All that can fail happens in `build`, before anything listens; `stop` undoes what
was started, last in first out. It routes nothing itself.
"""

from __future__ import annotations

import asyncio
import gc
import math
import secrets
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller import clock
from controller.addresses import AddressError, find_ways, place_trunks
from controller.beside import Beside
from controller.callbook import load_calls
from controller.child import Child
from controller.compiled import Compiled, write_compiled
from controller.control import OPS, Answer, Command, ControlError, ControlServer, Request, open_control
from controller.engine import Engine
from controller.feed import Feed
from controller.keys import KeyFileError, load_keys
from controller.lifecycle import follow_system
from controller.listeners import find_misled
from controller.log import LineWriter, Log, log_news, open_log
from controller.news import AnyNews, show_news
from controller.operating import Operating
from controller.planes.peers import host_names
from controller.process import raise_file_limit, show_process, tune_garbage_collector
from controller.resolver.book import Book, NameNews
from controller.resolver.keeper import Keeper
from controller.resolver.store import read_addresses
from controller.rules.quality import trunk_targets
from controller.secure import Secured, SecureError, keep_alive, owners_of
from controller.snapshot import load_scores
from controller.sockets import ListenError, Sockets
from controller.starting import StartError
from controller.status import collect_status, show_listeners
from controller.supervise import Supervisor, run_aside
from controller.systemd import Inherited, Notifier
from controller.tap import Tap
from controller.trust import Trust
from controller.types import Address, Dialplan, Fault
from controller.under_way import collect_calls, describe_wire
from controller.upkeep import Upkeep
from controller.wording import count_routes
from sip.element import Element
from sip.endpoint import UdpEndpoint
from sip.stream import StreamEndpoint
from sip.transaction import Hop

if TYPE_CHECKING:
    from controller.reload import Prepared

__all__ = ["App", "StartError"]

#: How long calls that are being set up may take to finish once the daemon is asked to end, in seconds.
DRAIN_TIMEOUT = 30.0

#: How long those may take to answer from whom we part at the very end (registrars), in seconds.
PARTING = 2.0


class App:
    """One daemon: `build`, then `serve`, then `stop`."""

    def __init__(
        self,
        compiled: Compiled,
        state_dir: Path,
        file: Path,
        drain_timeout: float = DRAIN_TIMEOUT,
        *,
        is_new: bool = True,
        messages: Sequence[str] = (),
        ops: Sequence[str] = (),
    ) -> None:
        """``file`` is where the dialplan came from, and is read again for a reload; ``drain_timeout`` in seconds;
        ``is_new`` says that the state folder does not hold it yet; ``messages`` and ``ops`` are the commands that start the
        processes for messages and for operators, none for calls alone."""
        self._dialplan = compiled.dialplan
        self._to_keep = compiled if is_new else None
        self._state_dir = state_dir
        self._file = file
        self._reloading = asyncio.Lock()
        self._last_reload: dict[str, Any] | None = None
        self._drain_timeout = drain_timeout
        self._draining = False
        self._stopped = asyncio.Event()
        self._quiet = asyncio.Event()  # after that: nobody is left whose answer would matter
        self._notifier = Notifier()
        self._hung_up = False  # a SIGHUP waits to be followed
        self._undo: list[Callable[[], None]] = []
        self._log: Log
        self._writer: LineWriter
        self._control: ControlServer
        self._beside: Beside
        self._operating: Operating
        self._names = Book()
        self._keeper: Keeper
        self._messages, self._ops = messages, ops
        self._child: Child  # the process for messages
        self._watcher: Child  # that for operators
        self._feed: Feed
        self._tap: Tap
        self._supervisor: Supervisor
        self.endpoint: UdpEndpoint
        self.streams: list[StreamEndpoint]
        self.engine: Engine
        self._secured: Secured
        self._trust: Trust | None = None  # only where there is TLS

    def build(self) -> None:
        """Open what the daemon needs.

        Raises `StartError`; nothing stays open then.
        """
        self._log, self._writer = open_log()
        self._undo.append(self._writer.close)
        self._child = Child(self._messages, self._state_dir, self._log)
        self._watcher = Child(self._ops, self._state_dir, self._log, "ops", OPS, may_hang=False)
        try:
            self._build()
        except StartError:
            self.stop()
            raise

    def _build(self) -> None:
        plan = self._dialplan
        now = clock.monotonic()
        read_addresses(self._names, self._state_dir, now, clock.epoch())
        self._names.follow(plan, now)
        try:
            placed = place_trunks(plan, self._names.known())
            keys = load_keys(self._state_dir)
            control = open_control(self._state_dir)
            self._undo.append(control.close)
            self._feed = Feed(self._state_dir, show_news)
            self._undo.append(self._feed.close)
            self._tap = Tap(self._state_dir, lambda: describe_wire(self.engine))
            self._undo.append(self._tap.close)
        except (AddressError, KeyFileError, ControlError) as error:
            raise StartError(str(error)) from error
        self._names.take(placed.found, nobody_knows, clock.monotonic())
        self._beside = Beside(self._state_dir, lambda: self.engine, self._pump, self._on_untold)
        self._undo.append(self._beside.close)
        commands: dict[str, Command] = {"reload": self.reload, "status": self.status, "calls": self.calls}
        self._operating = Operating(lambda: self.engine, lambda: self._dialplan, self._pump)
        commands |= {**self._operating.commands, **self._beside.commands}
        self._control = ControlServer(control, commands, self._on_fault)
        self._undo.append(self._control.close)
        inherited = Inherited()
        sockets = Sockets()
        self._undo.append(sockets.close)
        try:
            self._secured = Secured(placed.dialplan)
            securities = self._secured.at(placed.dialplan, placed.hops, placed.names)
            sockets.open(plan.listen, inherited, placed.hops.values(), securities)
        except (SecureError, ListenError) as error:
            raise StartError(str(error)) from error
        self.endpoint, self.streams = sockets.endpoint, sockets.streams
        keep_alive(self.streams, placed.hops)
        if securities:
            self._trust = Trust(self.streams, clock.epoch, self._tell)
            self._trust.swap(owners_of(placed.dialplan, placed.hops, placed.names), securities, self._secured.ours)
        for one, ours in zip(plan.listen, sockets.ours, strict=True):
            if misled := find_misled(one, ours.host, placed.hops):
                self._log.warning(
                    "trunks are told an address that is not on their way: name each address in 'listen'",
                    where=one.where,
                    told=ours.host,
                    trunks=misled,
                )
        if unused := inherited.rest():
            self._log.warning("inherited sockets are not in the dialplan", addresses=unused)
        now = clock.monotonic()
        epoch_offset = clock.epoch() - now
        self.engine = Engine(
            placed.dialplan,
            Element(
                sockets.ours[0],
                keys.branch,
                keys.seal(),
                {**placed.names, **host_names(placed.dialplan, placed.hops)},
                *sockets.ours[1:],
            ),
            placed.hops,
            now,
            token=lambda: secrets.token_hex(12),
            epoch_offset=epoch_offset,
            scores=load_scores(self._state_dir, trunk_targets(placed.dialplan), epoch_offset),
        )
        self.engine.switchboard.usage.restore(load_calls(self._state_dir, epoch_offset), now)
        self.endpoint.on_turn = self._on_turn
        self.endpoint.on_queue = self.engine.see_queue

    async def serve(self) -> None:
        """Carry calls until SIGTERM or SIGINT, and then those that are being set up; a second signal ends at once."""
        raise_file_limit()
        loop = asyncio.get_running_loop()
        self._supervisor = Supervisor(self._on_fault)
        follow_system(loop, on_end=self._on_end, on_hangup=self._on_hangup, on_fault=self._on_fault)
        tune_garbage_collector()
        for streams in self.streams:
            streams.start(self.engine, loop, self.endpoint.pump)
        self.endpoint.start(self.engine, loop)
        self._feed.start(loop)
        self._tap.start(loop, (self.endpoint, *self.streams))
        await self._control.start()
        upkeep = Upkeep(self._state_dir, self.engine, self._trust)
        upkeep.start(self._supervisor)
        self._supervisor.spawn(self._beside.keep(), "missed calls")
        self._supervisor.spawn(self._get_ready_for_more(), "compiled")
        self._keeper = Keeper(self._names, self._state_dir, self.engine.living, self._on_names, self._on_fault)
        self._supervisor.spawn(self._keeper.keep(), "names")
        self._log.info(
            "ready",
            listen=show_listeners(self.engine),
            trunks=len(self._dialplan.trunks),
            routes=count_routes(self._dialplan),
            version=self._dialplan.version,
        )
        self._notifier.tell("READY=1", f"STATUS={self._show_plan()}")
        if self._notifier.beat is not None:
            self._supervisor.spawn(self._keep_turning(self._notifier.beat), "watchdog")
        await self._stopped.wait()
        self.engine.close(clock.monotonic())
        self.endpoint.pump()
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTING):
                await self._quiet.wait()
        await self._child.ended(self._drain_timeout)
        self._publish()
        self._watcher.end()  # the last to go: it sees the others end
        await self._watcher.ended(0.0)
        await self._supervisor.close()
        upkeep.save()
        self._keeper.save()
        self._log.info("stopped", calls=len(self.engine.plane))

    async def reload(self, _: Request) -> Answer:
        """Take what stands in the file now, or keep what runs where that is not whole. Calls notice neither."""
        async with self._reloading:
            return await self._reload()

    async def calls(self, _: Request) -> Answer:
        """The calls of this moment."""
        return {"ok": True, "calls": collect_calls(self.engine, clock.monotonic())}

    async def _get_ready_for_more(self) -> None:
        """What the next start and the first reload want, done once calls are carried."""
        if self._to_keep is not None:
            await self._keep_compiled(self._to_keep)
        self._child.want(self._dialplan.messaging is not None)
        self._watcher.want(self._dialplan.ops is not None)
        self._supervisor.spawn(self._child.keep(), "messages")
        self._supervisor.spawn(self._watcher.keep(), "ops")
        await run_aside(partial(import_module, "controller.reload"), "reload")  # as it is now on disk, not by then
        gc.freeze()

    async def _keep_compiled(self, compiled: Compiled) -> None:
        self._to_keep = None
        await run_aside(partial(write_compiled, self._file, self._state_dir, compiled), "compiled")

    async def _keep_turning(self, beat: float) -> None:
        """An idle pump stands still: it must show that it can turn."""
        while True:
            await asyncio.sleep(beat)
            self.endpoint.pump()

    async def status(self, request: Request) -> Answer:
        """How the daemon sees its trunks now. ``brief``: for whoever asks every second. The process for messages is not asked
        then: one that hangs would keep the picture of calls from operators."""
        brief = bool(request.get("brief"))
        messages = self._child.known() if brief else await self._child.status()
        status = collect_status(self.engine, clock.monotonic(), self._trust, self._names, brief=brief)
        process = show_process(self._writer.dropped, self._feed.lost)
        more = {"process": process, "reload": self._last_reload, "messages": messages, "ops": self._watcher.known()}
        return {"ok": True, "status": {**status, **more}}

    async def _reload(self) -> Answer:
        self._notifier.reloading(clock.monotonic())
        try:
            answer = await self._replace()
            self._last_reload = {"ok": answer["ok"], "at": clock.epoch()}
            return answer
        finally:  # whole or not, something runs: only the log and whoever asked hear the difference
            self._notifier.tell("READY=1", f"STATUS={self._show_plan()}")

    def _show_plan(self) -> str:
        plan = self._dialplan
        return f"{len(plan.trunks)} trunks, {count_routes(plan)} routes, version {plan.version}"

    async def _replace(self) -> Answer:
        from controller.reload import ReloadError, prepare

        try:
            known = self._names.known()
            prepared = await run_aside(lambda: prepare(self._file, self._dialplan, known), "reload")
        except ReloadError as error:
            self._log.error("not reloaded", why=str(error), version=self._dialplan.version)
            return {"ok": False, "text": str(error), "version": self._dialplan.version}
        self._swap(prepared)
        await self._keep_compiled(prepared.compiled)
        self._child.want(self._dialplan.messaging is not None)
        self._watcher.want(self._dialplan.ops is not None)
        seen = await self._watcher.reload() if self._dialplan.ops is not None else None
        answer = await self._child.reload() or {"ok": True, "text": prepared.compiled.warnings}
        if (
            seen is not None and not seen["ok"]
        ):  # calls go by the new one, and operators see by the old: they are to know
            texts = [answer["text"]] if not answer["ok"] else []
            answer = {"ok": False, "text": "\n".join([*texts, f"the process for operators: {seen['text']}"])}
        return {**answer, "version": self._dialplan.version}

    def _swap(self, prepared: Prepared) -> None:
        before, plan = self._dialplan, prepared.compiled.dialplan
        now, placed = clock.monotonic(), prepared.placed
        self._secured = prepared.secured
        self._use(placed.dialplan, placed.hops, placed.names)
        self._dialplan = plan
        self._names.follow(plan, now)
        self._names.take(placed.found, self.engine.living(), now)
        self._keeper.wake()
        gc.freeze()  # as at the start: it stays until the next one
        self._log.info(
            "reloaded", before=before.version, trunks=len(plan.trunks), routes=count_routes(plan), version=plan.version
        )

    async def _on_names(self, news: Sequence[NameNews]) -> None:
        """Use what is believed of DNS by now. Calls under way keep their plan and their addresses, as with a reload."""
        for item in news:
            self._tell(item)
        self._feed.flush()
        if all(item.old == item.new for item in news):
            return
        async with self._reloading:
            plan, addresses = self._dialplan, self._names.addresses()

            dialplan, hops = await run_aside(lambda: find_ways(plan, addresses), "addresses")
            self._use(dialplan, hops, self._names.hosts())

    def _use(self, dialplan: Dialplan, hops: Mapping[str, Hop], names: Mapping[str, tuple[str, ...]]) -> None:
        """Between two events: another dialplan, or other addresses of it."""
        if self._trust is not None:
            securities = self._secured.at(dialplan, hops, names)
            self._trust.swap(owners_of(dialplan, hops, names), securities, self._secured.ours)
        keep_alive(self.streams, hops)
        self.engine.element.learn_names(names)
        self.engine.reload(dialplan, hops, clock.monotonic())
        self._tap.renew()
        self.endpoint.pump()  # new trunks want their first probe

    def _on_hangup(self) -> None:
        if not self._hung_up:  # one that waits will read the file as it is by then
            self._hung_up = True
            self._supervisor.spawn(self._follow_hangup(), "reload")

    async def _follow_hangup(self) -> None:
        async with self._reloading:
            self._hung_up = False
            await self._reload()

    def _on_untold(self, why: str, calls: int) -> None:
        self._log.warning("not told to the process for messages", count=calls, why=why)

    def _on_fault(self, error: BaseException) -> None:
        self._tell(Fault("".join(traceback.format_exception(error))))

    def stop(self) -> None:
        """Close everything, last in first out; a second time is harmless."""
        while self._undo:
            self._undo.pop()()

    def _on_end(self) -> None:
        if self._draining:
            self._child.end()
            self._stopped.set()
            self._quiet.set()
            return
        self._draining = True
        self._child.end()
        self.engine.plane.refuse_new(max(1, math.ceil(self._drain_timeout)))
        calls = len(self.engine.plane)
        self._log.info("draining", calls=calls, timeout=self._drain_timeout)
        self._notifier.tell("STOPPING=1", f"STATUS=draining, {calls} calls being set up")
        asyncio.get_running_loop().call_later(self._drain_timeout, self._stopped.set)
        self.endpoint.pump()

    def _on_turn(self) -> None:
        # opening hours follow the wall clock through NTP steps and the sleep of a virtual machine
        now = clock.monotonic()
        self.engine.plane.epoch_offset = clock.epoch() - now
        self._publish()
        if self._notifier.beat is not None and self.engine.next_deadline() > now - self._notifier.beat:
            self._notifier.feed(now)  # not where the one timer is stuck, though datagrams turn the pump
        if self._stopped.is_set() and self.engine.is_quiet():
            self._quiet.set()
        if self._draining and not len(self.engine.plane):  # their last words have been sent in this turn
            self._stopped.set()

    def _pump(self) -> None:
        self.endpoint.pump()

    def _publish(self) -> None:
        if self.engine.plane.texts.received:
            self._beside.take(self.engine.plane.texts.received)
        news = self.engine.news
        if news:
            self.engine.news = []
            for item in news:
                self._tell(item)
                self._beside.hear(item, self._dialplan)
                self._operating.hear(item)
            self._feed.flush()

    def _tell(self, news: AnyNews) -> None:
        """To whoever reads the log, and to whoever watches."""
        log_news(self._log, news)
        self._feed.tell(news, clock.epoch())


def nobody_knows(_: Address) -> None:
    """Health before the first probe."""

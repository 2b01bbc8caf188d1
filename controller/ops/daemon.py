"""The daemon for operators: follows the daemons for calls and messages, and has consumers show what it hears.

Owns the wiring and the lifecycle of this process. It decides nothing, and whatever happens here, calls and messages are other
processes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from pathlib import Path
from typing import Any

from controller.api.server import ListenError, open_socket
from controller.companion import Companion
from controller.compiled import Compiled
from controller.control import OPS, Answer, Command, ControlError, ControlServer, Request, open_control
from controller.log import log_news
from controller.masking import trace_of
from controller.ops.consumer import Consumer, Event, Picture
from controller.ops.consumers import Tools, make_consumers
from controller.ops.metrics.meter import Meter
from controller.ops.watching import Watching
from controller.process import give_way, raise_file_limit, tune_garbage_collector
from controller.starting import StartError
from controller.supervise import Supervisor
from controller.types import Fault
from controller.types.ops import Console, Ops

#: Seconds that consumers may take for their last words.
PARTING = 2.0
#: Events that wait while consumers change: a reload takes seconds at most.
BETWEEN = 10_000


class Daemon(Companion):
    """One process for operators: `build`, then `serve`, then `stop`."""

    role = "ops"

    def __init__(self, compiled: Compiled, state_dir: Path, file: Path, *, end_with_stdin: bool = False) -> None:
        super().__init__(compiled, state_dir, file, end_with_stdin=end_with_stdin)
        self._consumers: list[Consumer] = []
        self._between: deque[Event] | None = None  # what happens while a reload changes consumers
        self._commands: dict[str, Command] = {}
        self._meter: Meter | None = None  # faults before it is there are logged alone
        self._control: ControlServer
        self._tools: Tools
        self._watching: Watching
        self._work: Supervisor  # of its consumers

    def _build(self) -> None:
        ops = self._dialplan.ops
        if ops is None:
            raise StartError(
                "nobody is to look at anything by this dialplan: write 'console', 'records', 'mqtt' or 'alerts'"
            )
        try:
            control = open_control(self._state_dir, OPS)
        except ControlError as error:
            raise StartError(str(error)) from error
        self._control = ControlServer(control, self._commands, self._on_fault)
        self._undo.append(self._control.close)
        self._watching = Watching(self._state_dir, self._hear, self._see)
        self._supervisor, self._work = Supervisor(self._on_fault), Supervisor(self._on_fault)
        sock = None
        if ops.console is not None:
            try:
                sock = open_socket(ops.console.host, ops.console.port)
            except ListenError as error:
                raise StartError(str(error)) from error
            self._undo.append(sock.close)
        self._tools = Tools(
            self._dialplan, self._state_dir, self._watching, self._log, self._on_fault, sock, commands=self._commands
        )
        self._meter = self._tools.meter

    async def serve(self) -> None:
        """Show what is until SIGTERM or SIGINT."""
        raise_file_limit()
        give_way()
        self._follow_system()
        await self._control.start()
        self._begin()
        for name, job in self._watching.jobs():
            self._supervisor.keep(job, name)
        self._log.info("ready", listen=self._tools.listen, version=self._dialplan.version)
        self._notifier.tell("READY=1", f"STATUS=version {self._dialplan.version}")
        tune_garbage_collector()
        await self._stopping.wait()
        await self._supervisor.close()
        await self._end()
        self._log.info("stopped")

    def _begin(self) -> None:
        self._commands.clear()
        self._commands |= {"reload": self.reload, "status": self.status}
        self._tools.hand_over.clear()
        self._consumers = make_consumers(self._tools)
        for consumer in self._consumers:
            self._work.keep(consumer.keep, type(consumer).__name__)
            consumer.see(self._watching.picture)
        waiting, self._between = self._between or (), None
        for event in waiting:
            self._hear(event)

    async def _end(self) -> None:
        """Have the consumers say their last words."""
        consumers, self._consumers = self._consumers, []
        self._between = deque(maxlen=BETWEEN)
        for consumer in consumers:
            try:
                async with asyncio.timeout(PARTING):
                    await consumer.close()
            except TimeoutError:  # somebody who reads slowly, a broker that hangs: no bug of ours
                self._log.warning("parted in haste", what=type(consumer).__name__, seconds=PARTING)
            except Exception as error:  # noqa: BLE001  # one that fails must not keep the others
                self._on_fault(error)
        await self._work.close()

    # -- what happens

    def _hear(self, event: Event) -> None:
        if self._between is not None:
            self._between.append(event)
            return
        for consumer in self._consumers:
            try:
                consumer.hear(event)
            except Exception as error:  # noqa: BLE001  # one that fails must not keep it from the others
                self._on_fault(error)

    def _see(self, picture: Picture) -> None:
        for consumer in self._consumers:
            try:
                consumer.see(picture)
            except Exception as error:  # noqa: BLE001  # the same
                self._on_fault(error)

    async def status(self, _: Request) -> Answer:
        """How it is with what operators see."""
        picture = self._watching.picture
        shown: dict[str, Any] = {"version": self._dialplan.version, "listen": self._tools.listen}
        return {"ok": True, "status": {**shown, "answers": dict(picture.answers)}}

    async def reload(self, _: Request) -> Answer:
        """Take what stands in the file now, or keep what runs where that is not whole."""
        async with self._reloading:
            return await self._reload()

    async def _reload(self) -> Answer:
        loaded, text = await self._read_again()
        if loaded.dialplan is None:
            return self._not_reloaded(text)
        before, after = self._dialplan.ops, loaded.dialplan.ops
        if after is None:
            return self._not_reloaded("nothing for operators is left in the dialplan; end this process for that")
        if _address(before) != _address(after):
            return self._not_reloaded("'listen' of 'console' differs from what this daemon has; restart it for that")
        self._dialplan = loaded.dialplan
        await self._end()
        self._work = Supervisor(self._on_fault)
        self._tools = self._tools.with_dialplan(loaded.dialplan)
        self._begin()
        self._log.info("reloaded", version=self._dialplan.version)
        return {"ok": True, "text": "", "version": self._dialplan.version}

    def _on_end(self) -> None:
        self._notifier.tell("STOPPING=1")
        self._stopping.set()

    def _on_fault(self, error: BaseException) -> None:
        if self._meter is not None:
            self._meter.note_fault()
        log_news(self._log, Fault(trace_of(error)))


def _address(ops: Ops | None) -> tuple[str, int] | None:
    console: Console | None = ops.console if ops is not None else None
    return (console.host, console.port) if console is not None else None

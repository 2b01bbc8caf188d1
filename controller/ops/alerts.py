"""Alerts: looks at what the daemons tell, and has people told.

Owns the deliveries under way and the file in the state folder, by which a restart neither tells twice nor forgets that it is
over. Must not decide what is an alert, or who is told: that is `alerting`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import Any

from controller import clock
from controller.alerting.conditions import Finder
from controller.alerting.incidents import Alerting
from controller.alerting.notices import make_notice, test_notice
from controller.alerting.outbox import Again, Done, Entry, Outbox, Result
from controller.alerting.words import Incident, Tell, What
from controller.control import Answer, Request
from controller.files import write_whole
from controller.ops.consumer import Event, Picture
from controller.ops.consumers import Tools
from controller.ops.notify.base import PATIENCE, Way
from controller.ops.notify.ways import LIVE, make_way
from controller.supervise import Supervisor, run_aside
from controller.wording import show_span, which_instead

FILE = "alerts.json"
#: Seconds until what could not be written down is tried again; a clock that jumps so far was set.
AGAIN, STEP = 5.0, 2.0
_SHOWN_OVER = 20  # incidents that are over, in a list


class Alerts:
    """The consumer that tells people."""

    def __init__(self, tools: Tools) -> None:
        settings = tools.ops.alerts
        assert settings is not None
        self._tools = tools
        self._finder = Finder(tools.dialplan)
        self._ways: dict[str, Way] = {
            each.name: make_way(each.target, tools.hand_over.get) for each in settings.notifiers
        }
        live = [each.name for each in settings.notifiers if isinstance(each.target, LIVE)]
        self.alerting = Alerting(settings.routes, tools.dialplan.hours, live)
        self.outbox = Outbox()
        self._file = tools.state_dir / FILE
        self._dirty = asyncio.Event()  # something that a restart must not forget is not written down
        self._writing = asyncio.Lock()
        self._complaint = ""  # why the file cannot be read or written, once said
        self._offset = clock.epoch() - clock.monotonic()
        self._changed = asyncio.Event()
        self._deliveries = Supervisor(tools.on_fault)
        self._ending = False
        self._load()
        tools.meter.parts["alerts"] = self._figures
        tools.commands["alerts"] = self.show
        tools.commands["acknowledge"] = self.acknowledge
        tools.commands["try notifier"] = self.try_notifier

    # -- what is heard and seen

    def hear(self, event: Event) -> None:
        """What no picture shows."""
        self._finder.hear(event.source, event.kind, event.at, event.data)

    def see(self, picture: Picture) -> None:
        """How things are."""
        self._follow_clock()
        sight = self._finder.see(picture.at, picture.calls, picture.messages, picture.answers)
        self._take(self.alerting.see(sight, self._finder.labels, clock.epoch()))
        self._changed.set()

    async def keep(self) -> None:
        """Tell people, and write down what was told, for ever: a disk that hangs keeps nobody from being told."""
        jobs = Supervisor(self._tools.on_fault)
        try:
            jobs.keep(self._tell_on, "tell of alerts")
            jobs.keep(self._write_on, "write down alerts")
            await asyncio.Event().wait()
        finally:
            await jobs.close()

    async def _tell_on(self) -> None:
        while True:
            self._changed.clear()
            self._follow_clock()
            now = clock.epoch()
            self._take(self.alerting.handle_timer(now))
            for entry in self.outbox.find_unheard(now):
                self._take(self.alerting.unheard(*entry.key, entry.why, now))
            for entry in self.outbox.take(now) if not self._ending else ():
                self._deliveries.spawn(self._deliver(entry), f"alert by {entry.notifier}")
            wait = min(self.alerting.next_deadline(now), self.outbox.next_deadline()) - clock.epoch()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait == inf else max(wait, 0.01)):
                    await self._changed.wait()

    async def close(self) -> None:
        """Write down what is still to be told."""
        self._ending = True
        await self._deliveries.close()
        for way in self._ways.values():
            await way.close()
        self._tools.kept[FILE] = self._dump()
        await self._write()

    def _follow_clock(self) -> None:
        """A clock that is set neither delays what waits nor hurries it."""
        before, self._offset = self._offset, clock.epoch() - clock.monotonic()
        if abs(step := self._offset - before) < STEP:
            return
        self.alerting.shift(step)
        self.outbox.shift(step)
        self._tools.log.warning("the clock was set: alerts wait as long as before", seconds=round(step, 3))

    # -- telling

    def _take(self, tells: Iterable[Tell]) -> None:
        now = clock.epoch()
        for tell in tells:
            if tell.notifier not in self._ways:
                continue  # a reload took it away
            self._dirty.set()
            notice = make_notice(tell.incident, tell.what)
            self.outbox.put(tell.notifier, tell.what, notice, now)
            if tell.what is not What.UPDATE:
                self._tools.log.warning(
                    "alert", id=tell.incident.id, what=tell.what.value, to=tell.notifier, title=notice["title"]
                )
            self._changed.set()

    async def _deliver(self, entry: Entry) -> None:
        result = await self._try(entry)
        now = clock.epoch()
        self._dirty.set()
        incident, notifier = entry.key
        why = self.outbox.settle(entry, result, now)
        if not why:
            if entry.what is not What.UPDATE:
                self.alerting.note(incident, f"{notifier} was told: {entry.what.value}", now)
            if isinstance(result, Done) and result.but:
                self._tools.log.error("alert not delivered to all", id=incident, to=notifier, why=result.but)
                self.alerting.note(incident, f"{notifier} was not told, but for others there: {result.but}", now)
        elif entry.tries == 1 or entry.tries % 10 == 0 or entry.key not in self.outbox.entries:
            self._tools.log.error("alert not delivered", id=incident, to=notifier, why=why, tries=entry.tries)
            self.alerting.note(incident, f"{notifier} was not told, try {entry.tries}: {why}", now)
        self._changed.set()

    async def _try(self, entry: Entry) -> Result:
        try:
            async with asyncio.timeout(PATIENCE + 1.0):
                return await self._ways[entry.notifier].deliver(entry)
        except TimeoutError:
            return Again(f"no answer within {PATIENCE:.0f} s")
        except Exception as error:  # noqa: BLE001  # a fault of ours must not keep others from being told
            self._tools.on_fault(error)
            return Again(f"a bug in callward: {type(error).__name__}")

    # -- what operators ask for

    async def show(self, _: Request) -> Answer:
        """All that is open, and what was last."""
        now = clock.epoch()
        over = reversed(self.alerting.over[-_SHOWN_OVER:])
        shown = [self._show(each, now) for each in (*self.alerting.open.values(), *over)]
        return {
            "ok": True,
            "alerts": shown,
            "undelivered": sum(each.tries > 0 for each in self.outbox.entries.values()),
        }

    def _figures(self) -> Iterable[tuple[str, tuple[str, ...], float]]:
        yield "callward_alerts_open", (), len(self.alerting.open)
        yield "callward_alerts_undelivered", (), sum(each.tries > 0 for each in self.outbox.entries.values())

    def _show(self, incident: Incident, now: float) -> dict[str, Any]:
        waiting = [entry for entry in self.outbox.entries.values() if entry.key[0] == incident.id]
        untold = {entry.notifier for entry in waiting if entry.what is What.TRIGGER or entry.missed}
        return {
            **make_notice(incident, What.TRIGGER),
            "told": incident.told,
            "notified": [name for name in incident.notified if name not in untold],
            "for": show_span((incident.resolved or now) - incident.opened),
            "lines": [{"at": line.at, "what": line.what} for line in incident.lines],
            "undelivered": [
                {
                    "notifier": entry.notifier,
                    "what": entry.what.value,
                    "tries": entry.tries,
                    "why": entry.why,
                    "next": round(max(0.0, entry.due - now), 1),
                }
                for entry in waiting
                if entry.tries
            ],
        }

    async def acknowledge(self, request: Request) -> Answer:
        """Somebody looks after it: nobody else is called."""
        name, who = str(request.get("id", "")), str(request.get("who", "")) or "an operator"
        tells = self.alerting.acknowledge(name, who, clock.epoch())
        if tells is None:
            return {"ok": False, "text": f"no alert {name!r} is open"}
        self._take(tells)
        self._changed.set()
        return {
            "ok": True,
            "changed": bool(tells),
            "title": make_notice(self.alerting.open[name], What.TRIGGER)["title"],
        }

    async def try_notifier(self, request: Request) -> Answer:
        """Tell by one notifier that nothing is wrong."""
        name = str(request.get("notifier", ""))
        if name not in self._ways:
            return {"ok": False, "text": f"no notifier {name!r}; {which_instead(name, self._ways)}"}
        now = clock.epoch()
        notice = test_notice(now)
        for what in (What.TRIGGER, What.RESOLVE):
            result = await self._try(Entry(name, what, notice, now, now, 0))
            if isinstance(result, Again):
                return {"ok": False, "text": f"{name} was not told: {result.why}"}
            notice = {
                **notice,
                "what": What.RESOLVE.value,
                "resolved": clock.epoch(),
                "title": "over: a test of callward",
            }
        return {"ok": True, "text": ""}

    # -- the file

    def _dump(self) -> str:
        return json.dumps({**self.alerting.dump(), "outbox": self.outbox.dump(), "found": self._finder.dump()})

    async def _write_on(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if not await self._write():
                self._dirty.set()
                await asyncio.sleep(AGAIN)

    async def _write(self) -> bool:
        """Write it down as it is now; whether that went well."""
        async with self._writing:
            text = self._dump().encode()
            try:
                await run_aside(lambda: write_whole(self._file, text, durable=True), "alerts")
            except OSError as error:
                self._complain("written down", error)
                return False
        if self._complaint:
            self._complaint = ""
            self._tools.log.info("alerts are kept again", file=str(self._file))
        return True

    def _load(self) -> None:
        try:
            kept = self._tools.kept.pop(FILE, "")
            data = json.loads(kept or self._file.read_text(encoding="utf-8"))
            self.alerting.load(data)
            self.outbox.load(data["outbox"])
            if "found" in data:  # older versions did not write it
                self._finder.load(data["found"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, LookupError) as error:
            self._complain("read", error)
            self.alerting.load({"open": [], "over": []})
            self.outbox = Outbox()
            self._finder = Finder(self._tools.dialplan)
        gone = {each.notifier for each in self.outbox.entries.values()} - self._ways.keys()
        self.outbox.drop(frozenset(gone))

    def _complain(self, what: str, error: Exception) -> None:
        if not self._complaint:
            self._complaint = str(error) or type(error).__name__
            self._tools.log.error("alerts not kept", what=what, file=str(self._file), why=self._complaint)

"""What operators do to trunks: drain, undrain, drill. Over the control socket, and so for commands, console and MQTT alike.

Owns these commands and who waits for the outcome of a drill. Must not judge an outcome: that is `controller.deep`, by the same
code for drills as for the test calls that it makes by itself. A command is never on the call path: it has the engine do
something between two events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from controller import clock
from controller.control import Answer, Command, Request
from controller.engine import Engine
from controller.types import Dialplan, Exercised, Trunk
from controller.wording import which_instead

#: Seconds that a drill may wait beyond `within` of its trunk: for its turn, and for the end of an INVITE before it that nobody
#: answers (Timer B, 32 s).
TURN = 45.0
NO_NUMBER = """\
trunk {0!r} has no test number, so nobody can be called there; give it one in the dialplan, such as
  {0}: {{..., deep: {{number: "+15550199"}}}}    # an echo or test number of the carrier, or deep: {{user: echo}} at a PBX"""
NOWHERE = (
    "trunk {0!r} cannot be called yet: its name has no address, or its user has not registered; see callward status"
)


class Operating:
    """See the top of the file. ``commands`` are for the control socket."""

    def __init__(
        self, engine: Callable[[], Engine], dialplan: Callable[[], Dialplan], pump: Callable[[], object]
    ) -> None:
        """``dialplan`` is the one with the names that operators know; ``pump`` has the engine's outbox sent."""
        self._engine, self._dialplan, self._pump = engine, dialplan, pump
        self._awaited: dict[str, asyncio.Future[Exercised]] = {}  # by trunk, one address each
        self.commands: Mapping[str, Command] = {"drain": self.drain, "undrain": self.undrain, "drill": self.drill}

    async def drain(self, request: Request) -> Answer:
        """Send calls elsewhere from now on, wherever another way leads; those that are up finish."""
        return self._act_on(request, self._engine().drain)

    async def undrain(self, request: Request) -> Answer:
        """Give a drained trunk its calls back, in steps."""
        return self._act_on(request, self._engine().undrain)

    async def drill(self, request: Request) -> Answer:
        """Make a test call over a trunk, over each of its addresses, and wait for what comes of it."""
        found = self._find(request)
        if not isinstance(found, Trunk):
            return found
        if found.deep is None:
            return {"ok": False, "text": NO_NUMBER.format(found.name), "why": "no-test-number"}
        engine, now = self._engine(), clock.monotonic()
        asked = [name for name in engine.members(found.name) if engine.deep.drill(name, now)]
        if not asked:
            return {"ok": False, "text": NOWHERE.format(found.name), "why": "nowhere"}
        loop = asyncio.get_running_loop()
        waiting = {name: self._awaited.setdefault(name, loop.create_future()) for name in asked}
        self._pump()
        await asyncio.wait(waiting.values(), timeout=found.deep.within + TURN)
        calls = [_show(name, future.result() if future.done() else None) for name, future in waiting.items()]
        return {"ok": True, "passed": all(call["passed"] for call in calls), "calls": calls}

    def hear(self, news: object) -> None:
        """Take news of the engine, whatever they are."""
        if isinstance(news, Exercised) and news.drill:
            future = self._awaited.pop(news.trunk, None)
            if future is not None:
                future.set_result(news)

    def _find(self, request: Request) -> Trunk | Answer:
        """The trunk that is meant, or why there is none."""
        name, trunks = str(request.get("trunk")), self._dialplan().trunks
        if name in trunks:
            return trunks[name]
        return {"ok": False, "text": f"unknown trunk {name!r}; {which_instead(name, trunks)}", "why": "unknown"}

    def _act_on(self, request: Request, act: Callable[[str, float], bool]) -> Answer:
        found = self._find(request)
        if not isinstance(found, Trunk):
            return found
        changed = act(found.name, clock.monotonic())
        self._pump()
        return {"ok": True, "changed": changed}


def _show(name: str, news: Exercised | None) -> dict[str, Any]:
    if news is None:
        what = "nothing came of it for too long; the log and the timeline say when it does"
        return {"trunk": name, "passed": None, "what": what, "seconds": None}
    return {"trunk": name, "passed": news.passed, "what": news.what, "seconds": round(news.seconds, 3)}

"""Talking to the daemons of one state folder: their news and pictures, and what is asked of them beside that.

Owns these questions. A daemon that does not answer is no error: `seen` shows what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from controller.control import FILE, OPS, Answer, ControlError, ask_soon, is_served
from controller.control import MESSAGES as MESSAGES_CONTROL
from controller.ops.consumer import Event, Picture
from controller.ops.watching import Watching
from controller.records.reading import NotKeptError, Reader
from controller.supervise import run_aside

PATIENCE = 2.0  # seconds


class Link:
    """Both daemons, and that for operators where there is one."""

    def __init__(self, state_dir: Path, hear: Callable[[Event], None], see: Callable[[Picture], None]) -> None:
        self._state_dir = state_dir
        self._watching = Watching(state_dir, hear, see)

    def jobs(self) -> list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]:
        """What has to run, each for ever."""
        return self._watching.jobs()

    def has_caught_up(self) -> bool:
        """Whether all was heard that is told again to whoever comes."""
        return self._watching.has_caught_up

    async def calls(self) -> Answer | None:
        """The calls of this moment, as `under_way` has them."""
        answer = await self._ask("calls", FILE)
        return answer["calls"] if answer is not None else None

    async def cascades(self) -> list[dict[str, Any]] | None:
        """The latest cascades, as `broker.looking` lists them."""
        answer = await self._ask("cascades", MESSAGES_CONTROL)
        return answer["cascades"] if answer is not None else None

    async def cascade(self, name: str) -> dict[str, Any] | None:
        """One with all that became of it, as the API explains it."""
        answer = await self._ask("cascade", MESSAGES_CONTROL, id=name)
        return answer["explanation"] if answer is not None else None

    async def alerts(self) -> tuple[str, ...]:
        """Titles of the alerts that are open."""
        if not is_served(self._state_dir, OPS):
            return ()
        answer = await self._ask("alerts", OPS)
        return tuple(each["title"] for each in answer["alerts"] if each["resolved"] is None) if answer else ()

    async def kept(self, call_id: str) -> dict[str, Any] | None:
        """What is kept of a call, with its messages; None for nothing."""
        try:
            return await run_aside(lambda: Reader(self._state_dir).call(call_id), "records")
        except NotKeptError:
            return None

    async def act(self, verb: str, trunk: str) -> str:
        """Drain or undrain a trunk: what came of it."""
        try:
            answer = await ask_soon(self._state_dir, verb, PATIENCE, {"trunk": trunk})
        except ControlError as error:
            return f"{trunk} is not {verb}ed: {error}"
        if not answer["ok"]:
            return f"{trunk} is not {verb}ed: {answer['text']}"
        return f"{trunk} {'is' if answer['changed'] else 'was'} {verb}ed{'' if answer['changed'] else ' already'}"

    async def _ask(self, command: str, file: str, **more: Any) -> Answer | None:
        try:
            answer = await ask_soon(self._state_dir, command, PATIENCE, more, file)
        except ControlError:
            return None
        return answer if answer["ok"] else None

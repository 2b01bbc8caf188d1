"""The demo after its story: calls and codes at a calm pace, while whoever looks breaks and repairs trunks and providers.

Owns the commands and their pace. Must not judge: here everything may be broken at once, and it is shown as it is.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial

from controller import clock
from controller.control import MESSAGES, ControlError, ask_soon
from controller.demo.board import draw_board, draw_parts
from controller.demo.boxes import VERBS
from controller.demo.buttons import Buttons, open_buttons
from controller.demo.keyboard import Keyboard
from controller.demo.screen import Screen
from controller.demo.show import Show
from controller.demo.testbed import Outcome, Sign
from controller.ops.board import state_of
from controller.supervise import Supervisor

EVERY = 4.0  # seconds between the end of a call and the next
TALK = 2.0  # seconds each call lasts
CODES = 5.0  # seconds between the end of a code and the next
LOOK = 1.0  # seconds between two looks at the providers

HELP = {
    "kill NAME": "its process ends: the port is closed",
    "silence NAME": "no power; a provider loses messages",
    "slow NAME": "a bad line; a provider takes seconds",
    "fail NAME": "answers every call, or message, by 503",
    "revive NAME": "it is as good as new",
    "call, code": "a call, or a code for Anna, now",
    "status": "how all are, and what callward thinks",
    "quit": "end; so does Ctrl-C",
}


class LiveDemo:
    """What is typed, or clicked, meets what is called and sent."""

    def __init__(self, show: Show, screen: Screen) -> None:
        self._show = show
        self._screen = screen
        self.keyboard = Keyboard(self._on_line, self._refresh)
        self.buttons = Buttons(show.controls, self._on_pressed, self._on_wanted)
        self._calls, self._codes = 0, 0
        self._call_wanted = False
        self._code_wanted = asyncio.Event()
        self._supervisor = Supervisor(_crash)
        self._commands: dict[str, Callable[[], None]] = {
            "call": partial(self._want, "call"),
            "code": partial(self._want, "code"),
            "status": self._show_status,
            "help": self._show_help,
            "quit": self._quit,
        }

    async def run(self) -> None:
        """Until cancelled."""
        show, screen = self._show, self._screen
        self.keyboard.open()
        try:
            async with open_buttons(show.state_dir, self.buttons, _crash):
                with screen.open_board(lambda: draw_board(show, self.keyboard)):
                    self._supervisor.spawn(self._send_codes(), "codes")
                    self._supervisor.spawn(self._look(), "providers")
                    await self._place_calls()
        finally:
            await self._supervisor.close()
            self.keyboard.close()

    async def _place_calls(self) -> None:
        testbed = self._show.testbed
        while True:
            await testbed.until(lambda: self._call_wanted, within=EVERY)
            self._call_wanted = False
            self._calls += 1
            await testbed.call(self._show_call, TALK)
            testbed.forget_calls()

    async def _send_codes(self) -> None:
        while True:
            try:
                async with asyncio.timeout(CODES):
                    await self._code_wanted.wait()
            except TimeoutError:
                pass
            self._code_wanted.clear()
            self._codes += 1
            self._screen.show_line_of_code(self._codes, await self._show.app.send())
            self._show.providers.forget()

    async def _look(self) -> None:
        """What callward says of providers, and ages on the board."""
        while True:
            try:
                answer = await ask_soon(self._show.state_dir, "status", LOOK, file=MESSAGES)
                for row in answer["status"]["providers"]:
                    self._note(row["provider"], state_of(row), row["why"])
            except (ControlError, KeyError):
                pass  # it is started again, and then it is asked again
            self._refresh()
            await asyncio.sleep(LOOK)

    def _note(self, name: str, state: str, why: str) -> None:
        before = self._show.signs[name]
        if before.state != state:
            sign = self._show.signs[name] = Sign(state, why, clock.monotonic())
            if before.at:
                self._screen.show_change(name, sign)

    def _show_call(self, outcome: Outcome) -> None:
        self._screen.show_line_of_call(self._calls, outcome)

    def _refresh(self) -> None:
        self._screen.refresh_board()

    # -- commands

    def _on_line(self, line: str) -> None:
        verb, *names = line.lower().split()
        self._screen.show_done("you", line)
        if verb in VERBS:
            self._supervisor.spawn(self._act(verb, " ".join(names)), verb)
        elif verb in self._commands and not names:
            self._commands[verb]()
        else:
            self._screen.show_mistake(f"{line!r} is no command; type help to see them all")

    async def _act(self, verb: str, name: str) -> None:
        if problem := await self._show.controls.act(verb, name):
            self._screen.show_mistake(problem)
        self._show.testbed.note_change()
        self._refresh()

    def _on_pressed(self, what: str, problem: str) -> None:
        self._screen.show_done("console", what)
        if problem:
            self._screen.show_mistake(problem)
        self._refresh()

    def _on_wanted(self, what: str) -> None:
        self._screen.show_done("console", what)
        self._want(what)

    def _want(self, what: str) -> None:
        if what == "call":
            self._call_wanted = True
            self._show.testbed.note_change()
        else:
            self._code_wanted.set()

    def _show_status(self) -> None:
        self._screen.show(draw_parts(self._show))

    def _show_help(self) -> None:
        self._screen.show_help(HELP)

    @staticmethod
    def _quit() -> None:
        os.kill(os.getpid(), signal.SIGINT)


def _crash(error: BaseException) -> None:
    """As a callback that fails: the demo ends, and says why."""
    context = {"message": "a part of the demo failed", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)

"""The demo after its story: a call every few seconds, while whoever looks breaks and repairs trunks.

Owns the commands and their pace. Must not judge: here everything may be broken at once, and it is shown as it is.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from controller.demo.boxes import Box
from controller.demo.daemon import DemoError
from controller.demo.keyboard import Keyboard
from controller.demo.screen import Screen
from controller.demo.testbed import Outcome, Testbed

EVERY = 4.0  # seconds between the end of a call and the next
TALK = 1.0  # seconds each call lasts

HELP = {
    "kill TRUNK": "its process ends: the port is closed, packets are refused",
    "silence TRUNK": "it loses power: packets vanish",
    "revive TRUNK": "it is as good as new",
    "call": "place a call now",
    "status": "how the trunks are, and what callward thinks of them",
    "quit": "end; so does Ctrl-C",
}


async def go_on(testbed: Testbed, screen: Screen) -> None:
    """Run until cancelled."""
    await LiveDemo(testbed, screen).run()


class LiveDemo:
    """What is typed meets what is called."""

    def __init__(self, testbed: Testbed, screen: Screen) -> None:
        self._testbed = testbed
        self._screen = screen
        self.keyboard = Keyboard(self._on_line, self._refresh)
        self._calls = 0
        self._wanted = False  # a call was asked for
        self._commands: dict[str, Callable[[], None]] = {
            "call": self._ask_for_call,
            "status": self._show_status,
            "help": self._show_help,
            "quit": self._quit,
        }
        self._trunk_commands: dict[str, Callable[[Box], None]] = {
            "kill": Box.kill,
            "silence": Box.silence,
            "revive": Box.revive,
        }

    async def run(self) -> None:
        """Until cancelled."""
        screen = self._screen
        screen.show_beginning(EVERY)
        self.keyboard.open()
        try:
            with screen.open_board(self._testbed, self.keyboard):
                self._tick()
                while True:
                    await self._testbed.until(lambda: self._wanted, within=EVERY)
                    self._wanted = False
                    self._calls += 1
                    await self._testbed.call(self._show_call, TALK)
                    self._testbed.forget_calls()
        finally:
            self.keyboard.close()

    def _show_call(self, outcome: Outcome) -> None:
        self._screen.show_line_of_call(self._calls, outcome)

    def _tick(self) -> None:
        """Durations on the board grow."""
        self._refresh()
        asyncio.get_running_loop().call_later(1.0, self._tick)

    def _refresh(self) -> None:
        self._screen.refresh_board()

    # -- commands

    def _on_line(self, line: str) -> None:
        verb, *names = line.lower().split()
        self._screen.show_typed(line)
        if verb in self._trunk_commands:
            self._on_trunk_command(verb, names)
        elif verb in self._commands and not names:
            self._commands[verb]()
        else:
            self._screen.show_mistake(f"{line!r} is no command; type help to see them all")

    def _on_trunk_command(self, verb: str, names: list[str]) -> None:
        boxes = self._testbed.boxes
        if len(names) != 1 or names[0] not in boxes:
            self._screen.show_mistake(f"{verb} wants the name of one trunk: {', '.join(boxes)}")
            return
        try:
            self._trunk_commands[verb](boxes[names[0]])
        except DemoError as error:
            self._screen.show_mistake(str(error))

    def _ask_for_call(self) -> None:
        self._wanted = True
        self._testbed.note_change()

    def _show_status(self) -> None:
        self._screen.show_status(self._testbed)

    def _show_help(self) -> None:
        self._screen.show_help(HELP)

    @staticmethod
    def _quit() -> None:
        os.kill(os.getpid(), signal.SIGINT)

"""The buttons of the console's demo page: commands that come over a socket in the state folder.

Owns the socket and what is answered. The process for operators hands on what its page asks (`controller.ops.staged`), for
operators alone; who may open the state folder may ask as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from controller.control import Answer, ControlError, ControlServer, Request, open_control
from controller.demo.boxes import VERBS
from controller.demo.controls import Controls
from controller.demo.daemon import DemoError
from controller.ops.staging import FILE


class Buttons:
    """What they do."""

    def __init__(
        self, controls: Controls, on_pressed: Callable[[str, str], None], on_wanted: Callable[[str], None]
    ) -> None:
        """``on_pressed``: what, and what was wrong with it; ``on_wanted``: "call" or "code"."""
        self._controls = controls
        self._on_pressed = on_pressed
        self._on_wanted = on_wanted
        self.commands = {"show": self.show, "act": self.act, "want": self.want}

    async def show(self, _: Request) -> Answer:
        """How the parts are simulated."""
        return {"ok": True, "parts": [*self._controls.show()]}

    async def act(self, request: Request) -> Answer:
        """Do something to one of them."""
        verb, name = str(request.get("verb", "")), str(request.get("name", ""))
        problem = await self._controls.act(verb, name) if verb in VERBS else f"{verb!r} cannot be done to it"
        self._on_pressed(f"{verb} {name}", problem)
        return {"ok": not problem, "text": problem}

    async def want(self, request: Request) -> Answer:
        """A call, or a code, now."""
        what = str(request.get("what", ""))
        if what not in ("call", "code"):
            return {"ok": False, "text": f"{what!r} cannot be had"}
        self._on_wanted(what)
        return {"ok": True, "text": ""}


@asynccontextmanager
async def open_buttons(
    state_dir: Path, buttons: Buttons, on_fault: Callable[[BaseException], None]
) -> AsyncIterator[None]:
    """Listen to them.

    Raises `DemoError`.
    """
    try:
        server = ControlServer(open_control(state_dir, FILE), buttons.commands, on_fault)
    except ControlError as error:
        raise DemoError(str(error)) from error
    try:
        await server.start()
        yield
    finally:
        server.close()

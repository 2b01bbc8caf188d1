"""What whoever looks may do to the simulated parts: the same words from the keyboard and from the console's buttons.

Owns the words, and who they are about. Must not print: whoever has the screen says what was done.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from controller import clock
from controller.demo.boxes import VERBS, Box, Condition
from controller.demo.daemon import DemoError
from controller.demo.providers import Provider, Providers
from controller.demo.testbed import Testbed

#: What a condition is of a provider, in other words than of a trunk.
_OF_PROVIDERS = {Condition.SILENT: "lost", Condition.FAILING: "answers 503"}
_CHANNELS = {"whatsapp": "WhatsApp", "sms": "SMS", "email": "mail"}
_OF_TRUNKS = {Condition.SILENT: "no power", Condition.FAILING: "answers 503"}


class Controls:
    """All parts by name."""

    def __init__(self, testbed: Testbed, providers: Providers) -> None:
        self._testbed = testbed
        self._providers = providers

    @property
    def names(self) -> list[str]:
        """Who there is."""
        return [*self._testbed.boxes, *self._providers.all]

    async def act(self, verb: str, name: str) -> str:
        """Do one of `VERBS` to a part; "" or what was wrong with that."""
        part: Box | Provider | None = self._testbed.boxes.get(name) or self._providers.all.get(name)
        if part is None:
            close = get_close_matches(name, self.names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(self.names)}"
            return f"{verb} wants the name of a trunk or provider: {hint}"
        try:
            if isinstance(part, Box):
                part.become(VERBS[verb])
            else:
                await part.become(VERBS[verb])
        except DemoError as error:
            return str(error)
        return ""

    def show(self) -> Iterator[Mapping[str, Any]]:
        """How each part is simulated now, as plain data; ``for``: since so many seconds."""
        now = clock.monotonic()
        for name, box in self._testbed.boxes.items():
            leads = ", ".join(self._testbed.reaches(name))
            yield _show("trunk", name, f"udp :{box.hop.port}", leads, box, now)
        for name, provider in self._providers.all.items():
            yield _show(
                "provider",
                name,
                f"tcp :{provider.port}",
                f"Anna by {_CHANNELS.get(provider.channel, provider.channel)}",
                provider,
                now,
            )


def word_for(part: Box | Provider) -> str:
    """How a part is, in a word or two."""
    words = _OF_TRUNKS if isinstance(part, Box) else _OF_PROVIDERS
    return words.get(part.condition, part.condition.value)


def _show(kind: str, name: str, where: str, leads: str, part: Box | Provider, now: float) -> Mapping[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "where": where,
        "leads_to": leads,
        "verb": next(verb for verb, condition in VERBS.items() if condition is part.condition),
        "condition": word_for(part),
        "for": round(now - part.since, 1),
    }

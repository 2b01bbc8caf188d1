"""Topics: what is published where.

Owns their names, below ``PREFIX/NAME`` of the dialplan. Must not know what stands in them.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.types.ops import Mqtt

ONLINE, OFFLINE = b"online", b"offline"


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics of one daemon."""

    base: str
    node: str  # one word for the same, as Home Assistant wants it

    @property
    def status(self) -> str:
        """Birth and last will."""
        return f"{self.base}/status"

    @property
    def everything(self) -> str:
        """A filter for all that is ours."""
        return f"{self.base}/#"

    @property
    def commands(self) -> str:
        """A filter for what operators want."""
        return f"{self.base}/command/+"

    @property
    def answers(self) -> str:
        """What response topics begin with, and where an answer goes that has none."""
        return f"{self.base}/answer"

    @property
    def marker(self) -> str:
        """What we say to ourselves, to know that all that was retained has come before it."""
        return f"{self.base}/marker"

    def command_of(self, topic: str) -> str:
        """The command that a topic stands for, "" for none."""
        before = f"{self.base}/command/"
        return topic.removeprefix(before) if topic.startswith(before) else ""

    def event(self, kind: str) -> str:
        return f"{self.base}/event/{kind}"

    def alert(self, ident: str) -> str:
        """An incident, while it is open."""
        return f"{self.base}/alert/{ident}"

    def daemon(self, name: str) -> str:
        """Whether the process for calls, or that for messages, answers."""
        return f"{self.base}/{name}"

    def of(self, kind: str, name: str) -> str:
        """How a trunk, a provider or a site is, in one word."""
        return f"{self.base}/{kind}/{name}"

    def state(self, kind: str, name: str) -> str:
        """The same with all that belongs to it, as JSON."""
        return f"{self.base}/{kind}/{name}/state"


def topics_of(settings: Mqtt) -> Topics:
    """Those of one daemon."""
    base = f"{settings.prefix}/{settings.name}"
    return Topics(base, "".join(each if each.isalnum() else "_" for each in base))

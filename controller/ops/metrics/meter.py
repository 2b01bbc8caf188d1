"""The metrics of the process for operators, and those of the process for messages behind them.

Owns the registry, which outlives reloads, and the form in which it is shown. Must not be asked for more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from controller import clock
from controller.control import MESSAGES, ControlError, ask_soon, unpack
from controller.ops.consumer import Event, Picture
from controller.ops.metrics.counting import Counting
from controller.ops.metrics.showing import OPS, Figure, Showing
from controller.supervise import run_aside
from controller.types import Dialplan

PLAIN = CONTENT_TYPE_PLAIN_0_0_4
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_END = b"# EOF\n"
#: Seconds that the process for messages may take: whoever scrapes waits for ten, usually.
PATIENCE = 2.0


class Meter:
    """Hears and sees as a consumer does; it lives as long as the process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a third more series, which nobody asks for
        self.registry = CollectorRegistry()
        self._counting = Counting(self.registry)
        self.since = clock.epoch()  # that it has counted
        self._picture = Picture(clock.epoch())
        self._dialplan: Dialplan | None = None
        #: Figures of other consumers, by their names; those of the catalogue.
        self.parts: dict[str, Callable[[], Iterable[Figure]]] = {}
        #: Counts of other consumers, which must not begin anew with a reload.
        self.counts: dict[str, dict[str, int]] = {}
        self._figures: list[Figure] = []
        self.registry.register(Showing(lambda: (self._picture, self._dialplan, self._figures)))

    def know(self, dialplan: Dialplan) -> None:
        """Go by this one from now on; the consumers that it has say for themselves what they have to show."""
        self.parts.clear()
        self._dialplan = dialplan
        self._counting.know(dialplan)

    def hear(self, event: Event) -> None:
        """Count it."""
        self._counting.hear(event)

    def note_fault(self) -> None:
        """A bug showed itself in this very process."""
        self._counting.note_fault(OPS)

    def see(self, picture: Picture) -> None:
        """Remember how things are."""
        self._picture = picture

    async def keep(self) -> None:
        """Nothing has to be awaited."""

    async def close(self) -> None:
        """Nothing is let go: a reload is no reason to begin at 0."""

    def show(self, *, openmetrics: bool = False) -> bytes:
        """All of our own, in Prometheus' text form, or in that of OpenMetrics, which alone has exemplars."""
        self.gather()
        return self._render(openmetrics=openmetrics)

    def gather(self) -> None:
        """Ask the other consumers, in whose loop we are, what they have to show: it is shown from now on."""
        self._figures = [figure for part in self.parts.values() for figure in part()]

    def _render(self, *, openmetrics: bool) -> bytes:
        if not openmetrics:
            return generate_latest(self.registry)
        shown: bytes = generate_openmetrics(self.registry)  # type: ignore[no-untyped-call]
        return shown

    async def show_all(self, state_dir: Path, *, openmetrics: bool = False) -> bytes:
        """The same, and what the process for messages has, if there is one and it answers."""
        self.gather()
        ours = await run_aside(partial(self._render, openmetrics=openmetrics), "metrics")  # 0.2 s with 1,000 trunks
        if self._dialplan is None or self._dialplan.messaging is None:
            return ours
        try:
            more = {"openmetrics": openmetrics}
            answer = await ask_soon(state_dir, "metrics", PATIENCE, more, file=MESSAGES)
        except ControlError:
            return ours
        if not answer.get("ok"):
            return ours
        theirs = unpack(answer["packed"])
        return ours.removesuffix(_END) + theirs


def wants_openmetrics(accept: str) -> bool:
    """What whoever asks can read, by its `Accept`."""
    return any(part.partition(";")[0].strip() == "application/openmetrics-text" for part in accept.split(","))

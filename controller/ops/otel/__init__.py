"""OpenTelemetry: a collector gets the metrics, and a trace of each call. An extra: ``pip install 'callward[otel]'``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.ops.consumer import Consumer

if TYPE_CHECKING:
    from controller.ops.consumers import Tools


def make_otel(tools: Tools) -> list[Consumer]:
    """The consumer, where the libraries are installed; else none, and the log says what to do."""
    try:
        from controller.ops.otel.consumer import Otel
    except ImportError:
        tools.log.warning("nothing goes to OpenTelemetry", advice="pip install 'callward[otel]'")
        return []
    return [Otel(tools)]

"""`otel` -> what the process for operators is to know of the collector.

Owns what its keys have to say to each other. Must not connect: that process does.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from controller.config.mqtt_compile import is_here
from controller.config.otel import OtelModel
from controller.config.places import Places
from controller.types.ops import Otel


def compile_otel(places: Places, model: OtelModel) -> Otel:
    """What the process for operators is to know."""
    lost = places.map_at("otel").lost
    clear = model.token is not None and not model.cleartext and not {"endpoint", "cleartext"} & set(lost)
    if (
        clear
        and model.endpoint
        and not model.endpoint.startswith("https:")
        and not is_here(urlsplit(model.endpoint).hostname or "")
    ):
        message = "the token of the collector would go over the network in clear"
        hint = "write endpoint: https://..., or say cleartext: true"
        places.report.error(places.at("otel", "endpoint"), "NOT_TLS", message, hint)
    return Otel(model.endpoint.rstrip("/"), model.token or "", places.where(places.at("otel")))

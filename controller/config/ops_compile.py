"""`console`, `records`, `mqtt`, `alerts` and `otel` -> what the process for operators is to know.

Owns what these keys have to say to each other.
"""

from __future__ import annotations

from dataclasses import replace

from controller.config.alerts_compile import build_alerts
from controller.config.certificates import Certificates
from controller.config.doors import check_listen, check_tokens
from controller.config.mqtt_compile import compile_mqtt
from controller.config.ops import OPERATOR, ConsoleModel, RecordsModel
from controller.config.otel_compile import compile_otel
from controller.config.places import Places
from controller.types.ops import Console, Ops, OpsToken, Records


def build_ops(places: Places, certificates: Certificates) -> Ops | None:
    """None where nothing is asked for."""
    asked, records, alerts = places.file.console, places.file.records, places.file.alerts
    otel = places.file.otel
    if all(section is None for section in (asked, records, alerts, otel, places.file.mqtt)):
        return None
    console = _console(places, asked) if asked is not None else None
    mqtt = compile_mqtt(places, certificates, console.tokens if console is not None else ())
    told = build_alerts(places, alerts) if alerts is not None else None
    collector = compile_otel(places, otel) if otel is not None else None
    is_kept = asked is not None or records is not None  # whoever looks wants to see what was
    return Ops(console, _records(records or RecordsModel()) if is_kept else None, mqtt, told, collector)


def _console(places: Places, model: ConsoleModel) -> Console:
    console = Console(tokens=_tokens(places, model), where=places.where(places.at("console")))
    if model.listen is None:
        return console
    risk = "the console would take tokens in clear from the network"
    check_listen(places, "console", model.listen, cleartext=model.cleartext, risk=risk)
    return replace(console, host=model.listen.host, port=model.listen.port)


def _tokens(places: Places, model: ConsoleModel) -> tuple[OpsToken, ...]:
    check_tokens(places, "console", model.tokens)
    return tuple(OpsToken(each.name, each.sha256, each.role == OPERATOR) for each in model.tokens)


def _records(model: RecordsModel) -> Records:
    own = {key: value for key in ("calls", "wire", "hep_id") if (value := getattr(model, key)) is not None}
    return Records(**own, hep=(model.hep.host, model.hep.port) if model.hep is not None else None)

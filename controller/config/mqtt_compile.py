"""`mqtt` -> what the process for operators is to know of its broker.

Owns what its keys have to say to each other. Must not connect: that process does.
"""

from __future__ import annotations

from controller.config.address import ip_version
from controller.config.certificates import Certificates
from controller.config.mqtt import MqttModel
from controller.config.places import Places
from controller.types.ops import Mqtt, OpsToken


def compile_mqtt(places: Places, certificates: Certificates, tokens: tuple[OpsToken, ...]) -> Mqtt | None:
    """What becomes of it; ``tokens`` are those of the console."""
    model = places.file.mqtt
    if model is None:
        return None
    broker, lost = model.broker, places.map_at("mqtt").lost
    if model.password is not None and model.user is None and "user" not in lost:
        _wrong(places, "password", "MISSING_KEY", "'password' without 'user'", "add user: ...")
    if "broker" not in lost and broker.host:
        _check_clear(places, model)
    if model.commands and not any(token.operator for token in tokens):
        hint = "add a token with role: operator to 'console': who gives a command shows it"
        _wrong(places, "commands", "MISSING_KEY", "commands are taken from operators, and there is none", hint)
    return Mqtt(
        broker.host,
        broker.port,
        tls=broker.tls,
        ca=certificates.trust(("mqtt", "ca"), model.ca) if broker.tls else "",
        user=model.user or "",
        password=model.password or "",
        prefix=model.prefix,
        name=model.name,
        discovery=model.discovery or "",
        commands=model.commands,
        version=model.version,
        where=places.where(places.at("mqtt")),
    )


def _check_clear(places: Places, model: MqttModel) -> None:
    """What must not be spoken in clear."""
    if model.broker.tls:
        return
    if model.ca is not None:
        hint = "write broker: mqtts://..., or remove it"
        _wrong(places, "ca", "NOT_TLS", "'ca' is for TLS, and this broker is asked for none", hint)
    secret = "password" if model.password is not None else "commands" if model.commands else ""
    if not secret or model.cleartext or "cleartext" in places.map_at("mqtt").lost or is_here(model.broker.host):
        return
    what = "the password" if secret == "password" else "tokens of operators"  # noqa: S105  # the names of keys
    hint = "write broker: mqtts://..., or say cleartext: true"
    _wrong(places, "broker", "NOT_TLS", f"{what} would go over the network in clear", hint)


def is_here(host: str) -> bool:
    """Whether a host is this machine."""
    return host in {"localhost", "::1"} or (ip_version(host) == 4 and host.startswith("127."))


def _wrong(places: Places, key: str, code: str, message: str, hint: str) -> None:
    places.report.error(places.at("mqtt", key), code, message, hint)

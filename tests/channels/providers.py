"""Accounts of every preset, as an operator would write them, and their settings."""

from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from controller.config.http_compile import compile_http
from controller.config.http_provider import HttpKeys
from controller.config.presets import PRESETS, read_preset
from controller.types.http import HttpSettings
from controller.types.messages import Channel

#: Every preset with every channel that it carries.
ALL = [(preset, Channel(channel)) for preset in PRESETS for channel in read_preset(preset)["channels"]]


@cache
def private_key() -> str:
    """An RSA key in PEM: one for all tests, for it takes a while."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


def keys(preset: str, **more: Any) -> dict[str, Any]:
    """What an operator writes beside `preset`."""
    needed: dict[str, dict[str, Any]] = {
        "vonage": {"token": private_key()},
        "rbm": {"token": private_key(), "vars": {"client": "agent@project.example"}},
        "generic": {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        "infobip": {"secret": "user:password"},
        "viber": {"secret": "user:password"},
        "meta-cloud": {"vars": {"verify": "handshake"}},
        "bird": {"vars": {"channel_id": "ch-1"}},
        "sinch-conversation": {"vars": {"app": "app-1", "key_id": "key-1"}},
    }
    base = {"preset": preset, "account": "AC-1", "token": "token-1", "secret": "secret-1", "url": "https://p.example"}
    return base | needed.get(preset, {}) | more


def settings(
    preset: str, channel: Channel, public: str = "https://hooks.example", http: Any = None, **more: Any
) -> HttpSettings:
    """The settings of a sound provider by the name of its preset."""
    found: list[tuple[str, ...]] = []
    written = keys(preset, **more)
    made = compile_http(
        HttpKeys.model_validate(written), http or {}, preset, channel, public, lambda *why: found.append(why)
    )
    assert made is not None, found
    assert not found
    return made

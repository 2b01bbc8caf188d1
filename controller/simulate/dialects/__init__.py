"""How each provider speaks HTTP: what it is sent, what it answers, how its webhooks look and how it signs them.

Owns the other side of the presets, written from the providers' documents and not from the presets: what both have wrong
in the same way only the provider itself would show.
"""

from __future__ import annotations

from controller.simulate.dialects.base import Account, Dialect
from controller.simulate.dialects.bird import Bird
from controller.simulate.dialects.generic import Generic
from controller.simulate.dialects.google import Google
from controller.simulate.dialects.infobip import Infobip
from controller.simulate.dialects.messagebird import MessageBird
from controller.simulate.dialects.meta import Meta
from controller.simulate.dialects.sinch import Conversation, Sinch
from controller.simulate.dialects.telegram import Telegram
from controller.simulate.dialects.twilio import Twilio
from controller.simulate.dialects.vonage import Vonage

#: By the name of the preset.
DIALECTS: dict[str, type[Dialect]] = {
    "twilio": Twilio,
    "vonage": Vonage,
    "infobip": Infobip,
    "viber": Infobip,
    "sinch": Sinch,
    "sinch-conversation": Conversation,
    "messagebird": MessageBird,
    "bird": Bird,
    "meta-cloud": Meta,
    "rbm": Google,
    "telegram-gateway": Telegram,
    "generic": Generic,
}

__all__ = ["DIALECTS", "Account", "Dialect"]

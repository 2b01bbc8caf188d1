"""Which adapter carries a provider's messages.

Owns the choice by driver. Their libraries are imported when the first provider needs them.
"""

from __future__ import annotations

from pathlib import Path

from controller.channels.base import Adapter
from controller.starting import StartError
from controller.types.messages import Provider


def make_adapter(provider: Provider, state_dir: Path) -> Adapter:
    """The adapter of a provider, not started yet.

    Raises `StartError`.
    """
    match provider.driver:
        case "http":
            from controller.channels.http.adapter import HttpAdapter

            return HttpAdapter(provider.settings)
        case "smpp":
            from controller.channels.smpp import SmppAdapter

            return SmppAdapter(provider)
        case "smtp":
            from controller.channels.email import EmailAdapter

            return EmailAdapter(provider)
        case "voice":
            from controller.channels.voice import VoiceAdapter

            return VoiceAdapter(provider, state_dir)
        case "sip":
            from controller.channels.sip_message import SipMessageAdapter

            return SipMessageAdapter(provider, state_dir)
        case driver:
            raise StartError(f"{provider.where}: nothing here carries messages by {driver!r}")

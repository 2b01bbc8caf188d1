"""Messages from persons over SIP (RFC 3428): a MESSAGE outside a call, from a trunk that carries messages.

Owns which of them are taken, how they are read, and what their senders are answered: 202, for we hold them for somebody
else (§7). All others are answered as ever. Must not know what becomes of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from controller.planes.offers import format_of, parse_caller
from controller.planes.outside import Answer, parse_target, refuse_extensions
from controller.rules.expand import common_name
from controller.rules.numbers import read_number
from controller.types import Dialplan
from controller.types.texts import TextReceived
from sip.message import Request

LARGEST = 1300  # octets (§8: a MESSAGE is no longer than that in all)
WAITING = 1000  # that the driver has not taken yet
_CHARSETS = ("utf-8", "us-ascii")


class ReceivedTexts:
    """See the top of the file. The driver takes ``received``."""

    def __init__(self) -> None:
        self.received: list[TextReceived] = []
        self._providers: Mapping[str, str] = {}  # by trunk, as the operator calls it

    def swap(self, dialplan: Dialplan) -> None:
        """Follow another dialplan: of providers that share a trunk the first has its messages."""
        providers = dialplan.messaging.providers.values() if dialplan.messaging is not None else ()
        self._providers = {
            trunk: provider.name
            for provider in reversed(tuple(providers))
            if provider.driver == "sip"
            for trunk in provider.settings.trunks
        }

    def take(self, request: Request, trunk: str, called: str, dialplan: Dialplan) -> Answer | None:
        """The answer to a MESSAGE from this trunk, "" for nobody's; None for one that is not for us.

        Raises `sip.errors.RemoteProtocolError`.
        """
        provider = self._providers.get(common_name(trunk)) if trunk else None
        if provider is None:
            return None
        parse_target(request)
        if "require" in request.names:
            return refuse_extensions(request, "require")
        if "content-encoding" in request.names or not _is_plain(request.get("content-type") or "text/plain"):
            return 415, ("Accept: text/plain", "Accept-Encoding: identity")
        if len(request.body) > LARGEST:
            return 513, ()
        if len(self.received) >= WAITING:
            return 503, ()
        form = format_of(dialplan, trunk)
        self.received.append(
            TextReceived(
                provider,
                # a Call-ID may hold anything, numbers too
                hashlib.sha256(f"{request.call_id}|{request.get('cseq')}".encode("utf-8", "replace")).hexdigest()[:32],
                read_number(form, parse_caller(request)),
                read_number(form, called, called=True),
                request.body.decode("utf-8", "replace"),
            )
        )
        return 202, ()


def _is_plain(content_type: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part.partition("=")[2].strip('" ') for part in parameters if part.startswith("charset")]
    return kind == "text/plain" and all(charset in _CHARSETS for charset in charsets)

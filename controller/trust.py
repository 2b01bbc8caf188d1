"""What is known of certificates while the daemon runs: when they run out, and which trunk is not who it should be.

Owns what of that is said: each warning once, each refusal when its reason is new. It hangs between the TLS endpoints and
the log; calls do not pass here, and without TLS it is not even made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller.expiry import Expiries
from controller.types import CertificateExpiring, TlsRefused
from sip.certificate import Certificate
from sip.stream import StreamEndpoint
from sip.tls import Security
from sip.transaction import Hop


class Trust:
    """See the top of the file."""

    def __init__(
        self,
        streams: Sequence[StreamEndpoint],
        epoch: Callable[[], float],
        tell: Callable[[CertificateExpiring | TlsRefused], None],
    ) -> None:
        """``epoch`` reads the wall clock; ``tell`` gets the news."""
        self._streams = [each for each in streams if each.local.transport == "tls"]
        self._epoch = epoch
        self._tell = tell
        self._expiries = Expiries()
        self._trunks: Mapping[tuple[str, int], list[str]] = {}  # by address
        self._refused: dict[str, str] = {}  # why, by trunk
        for each in self._streams:
            each.on_secured = self._on_secured
            each.on_refused = self._on_refused

    def swap(
        self,
        owners: Mapping[tuple[str, int], list[str]],
        securities: Mapping[str, Security],
        ours: Mapping[str, Certificate],
    ) -> None:
        """Secure new connections so, and know these certificates of ours, and trunks by the addresses that are theirs."""
        for each in self._streams:
            if each.local.listener in securities:
                each.renew(securities[each.local.listener])
        self._trunks = owners
        known = {name for names in owners.values() for name in names}
        self._refused = {name: why for name, why in self._refused.items() if name in known}
        self._expiries.keep({*ours, *map(_owner, known)})
        for owner, certificate in ours.items():
            self._expiries.note(owner, certificate.not_after)
        self.look()

    def look(self) -> None:
        """Warn of what runs out; call it now and then."""
        for warning in self._expiries.due(self._epoch()):
            self._tell(warning)

    def show(self) -> list[dict[str, Any]]:
        """For `callward status`: whose certificate, until when (seconds since the epoch), and why it is refused."""
        ends, now = self._expiries.ends, self._epoch()
        owners = dict.fromkeys((*ends, *map(_owner, self._refused)))
        reasons = {_owner(trunk): why for trunk, why in self._refused.items()}
        return [
            {
                "owner": owner,
                "until": ends.get(owner),
                "expiry": self._expiries.say(owner, now),
                "refused": reasons.get(owner, ""),
            }
            for owner in owners
        ]

    def _on_secured(self, hop: Hop, certificate: Certificate) -> None:
        for trunk in self._trunks.get(hop[:2], ()):
            self._refused.pop(trunk, None)
            if certificate.not_after:  # whoever is not verified has shown nothing that counts
                self._expiries.note(_owner(trunk), certificate.not_after)
        self.look()

    def _on_refused(self, hop: Hop, why: str) -> None:
        for trunk in self._trunks.get(hop[:2], ()):
            if self._refused.get(trunk) != why:
                self._refused[trunk] = why
                self._tell(TlsRefused(trunk, why))


def _owner(trunk: str) -> str:
    return f"trunk {trunk}"

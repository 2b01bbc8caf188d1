"""The seal of our Record-Route parameter: authenticated encryption of what an established call must remember.

Owns keys and their ids. AES-SIV (RFC 5297) needs no random nonce, so sealing is pure and the same INVITE gets the
same seal in another life of the daemon. The Call-ID is bound in: a seal is worthless in any other dialog.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sip.text import spell, unspell

#: Seals whose text is remembered: a call opens each of its own several times within seconds.
RECENT = 4096
KEY_BYTES = 32  # two AES-128 keys, RFC 5297 §2.2


class Seal:
    """Seals with one key, opens with any that is still kept; a key id travels in front of the sealed text."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        """``keys`` by id (letters and digits); ``current`` is the id that seals.

        Raises `ValueError` for a key of another size than `KEY_BYTES` or an unknown current id.
        """
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES or not key_id.isalnum():
                raise ValueError(f"seal key {key_id!r} must have an id of letters and digits and {KEY_BYTES} bytes")
        if current not in keys:
            raise ValueError(f"no seal key {current!r}")
        self._ciphers = {key_id: AESSIV(key) for key_id, key in keys.items()}
        self._current = current
        self._recent: dict[tuple[str, str], bytes] = {}  # (sealed text, Call-ID) -> what was sealed; a memo, no state

    def close(self, secret: bytes, call_id: str) -> str:
        """Seal ``secret`` for the dialog of ``call_id``; the result is safe in a URI parameter."""
        sealed = self._ciphers[self._current].encrypt(secret, [_bytes(call_id)])
        text = f"{self._current}.{spell(sealed)}"
        self._remember(text, call_id, secret)
        return text

    def open(self, text: str, call_id: str) -> bytes | None:
        """What was sealed, or None if the seal is broken, forged, of another call or of an unknown key."""
        known = self._recent.get((text, call_id))
        if known is not None:
            return known
        key_id, _, sealed = text.partition(".")
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            return None
        try:
            secret = cipher.decrypt(unspell(sealed), [_bytes(call_id)])
        except (InvalidTag, ValueError):
            return None
        self._remember(text, call_id, secret)
        return secret

    def _remember(self, text: str, call_id: str, secret: bytes) -> None:
        if len(self._recent) >= RECENT:
            self._recent.clear()
        self._recent[text, call_id] = secret


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

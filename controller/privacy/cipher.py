"""Sealing of single fields: AES-256-GCM, bound to the place where the field stands.

Owns the format: key id, ":", nonce (12 bytes), ciphertext, tag (16 bytes). The place (tenant, table, column, row) is
authenticated, so that a sealed number put into another row, or another tenant's, does not open. Each row has a key of its
own, derived from the data key: random nonces under one key are good for 2^32 fields (NIST SP 800-38D §8.3), which a busy
day of cascades would come near.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controller.privacy.keyring import Keyring, KeyringError

NONCE_BYTES = 12
FETCHED = 4096  # bytes


class Unsealable(Exception):
    """A field that does not open: damaged, moved from elsewhere, or its key is gone. The message holds none of it."""


class Place(NamedTuple):
    """Where a field stands."""

    tenant: str
    table: str  # "recipient", "payload", "inbound"
    column: str  # "phone", "email", "body"
    row: str  # the id of the cascade, or whatever names the row


class Cipher:
    """Seals with the newest data key, opens with any that is kept."""

    def __init__(self, keyring: Keyring, reread: Callable[[], Keyring] | None = None) -> None:
        """``reread`` is asked for the keys once more when a field needs one that is not there: another daemon, or
        `callward rotate-keys`, may have put a newer one in front."""
        self._keyring = keyring
        self._chance = Chance()
        self._reread = reread
        self._missed: set[str] = set()  # ids that were looked for in vain: the file is read once for each

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return self._keyring.current

    def adopt(self, keyring: Keyring) -> None:
        """Use these keys from now on: they were rotated."""
        self._keyring = keyring

    def seal(self, secret: str | bytes, place: Place) -> bytes:
        """Seal a field, text as UTF-8."""
        data = secret.encode() if isinstance(secret, str) else secret
        keyring = self._keyring
        nonce = self._chance(NONCE_BYTES)
        bound = _spell(place)
        sealed = AESGCM(_row_key(keyring.data[keyring.current], place)).encrypt(nonce, data, bound)
        return b"%s:%s%s" % (keyring.current.encode(), nonce, sealed)

    def open(self, sealed: bytes, place: Place) -> str:
        """The text of a field.

        Raises `Unsealable`.
        """
        return self.open_bytes(sealed, place).decode()

    def open_bytes(self, sealed: bytes, place: Place) -> bytes:
        """What was sealed.

        Raises `Unsealable`.
        """
        key_id, colon, rest = bytes(sealed).partition(b":")
        if not colon or not key_id.isdigit():
            raise Unsealable(f"the {place.column} of {place.table} is not sealed")
        key = self._find(key_id.decode())
        if key is None:
            raise Unsealable(f"the {place.column} of {place.table} needs data key {key_id.decode()}, which is gone")
        try:
            return AESGCM(_row_key(key, place)).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _spell(place))
        except (InvalidTag, ValueError):
            raise Unsealable(f"the {place.column} of {place.table} was damaged, or sealed for another place") from None

    def is_current(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it."""
        return bytes(sealed).partition(b":")[0] == self._keyring.current.encode()

    def reseal(self, sealed: bytes, place: Place) -> bytes:
        """The same field, sealed with the newest key; untouched if it is already.

        Raises `Unsealable`.
        """
        return sealed if self.is_current(sealed) else self.seal(self.open_bytes(sealed, place), place)

    def _find(self, key_id: str) -> bytes | None:
        key = self._keyring.data.get(key_id)
        if key is None and self._reread is not None and key_id not in self._missed:
            self._missed.add(key_id)
            with contextlib.suppress(KeyringError):  # the file is gone or broken: what is known goes on
                self.adopt(self._reread())
            key = self._keyring.data.get(key_id)
        return key


def _spell(place: Place) -> bytes:
    """No two places are spelled alike: each part says how long it is."""
    parts = [part.encode() for part in place]
    return b"".join(b"%d:%s" % (len(part), part) for part in parts)


def hmac_of(key: bytes, data: bytes) -> bytes:
    """HMAC-SHA256. Unlike `hmac.digest` it keeps the interpreter's lock for what is short: to get the lock back from the
    thread of the store takes a hundred times as long as the hash."""
    return hmac.new(key, data, "sha256").digest()


class Chance:
    """Random bytes of the system, fetched some thousand at a time for the same reason; each is given out once."""

    def __init__(self) -> None:
        self._bytes, self._place = b"", 0

    def __call__(self, count: int) -> bytes:
        """So many bytes."""
        place = self._place
        if place + count > len(self._bytes):
            self._bytes, place = secrets.token_bytes(max(FETCHED, count)), 0
        self._place = place + count
        return self._bytes[place : place + count]


def _row_key(key: bytes, place: Place) -> bytes:
    return hmac_of(key, _spell(place._replace(column="")))

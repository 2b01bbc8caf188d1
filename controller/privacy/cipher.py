"""Sealing of single fields: AES-256-GCM, bound to the place where the field stands.

Owns the format: key id, ":", nonce (12 bytes), ciphertext, tag (16 bytes). The place (tenant, table, column, row) is
authenticated, so that a sealed number put into another row, or another tenant's, does not open. Each row has a key of its
own, derived from the data key: random nonces under one key are good for 2^32 fields (NIST SP 800-38D §8.3), which a busy
day of cascades would come near. A cascade seals and opens its few fields within seconds, so keys of rows are remembered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controller.keyfile import KeyFileError
from controller.privacy.chance import Chance
from controller.privacy.keyring import Keyring
from controller.privacy.mac import Mac

NONCE_BYTES = 12
ROWS = 8192  # whose keys are remembered


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
        self._reread = reread
        self._chance = Chance()
        self._macs: dict[str, Mac] = {}  # by id of a data key
        self._rows: dict[tuple[str, str, str], AESGCM] = {}
        self._missed: set[str] = set()  # ids that were looked for in vain: the file is read once for each

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return self._keyring.current

    @property
    def was_rotated(self) -> bool:
        """Whether anything may be sealed by an older key."""
        return len(self._keyring.data) > 1

    def adopt(self, keyring: Keyring) -> None:
        """Use these keys from now on: they were rotated."""
        self._keyring = keyring
        self._macs.clear()
        self._rows.clear()

    def seal(self, secret: str | bytes, place: Place) -> bytes:
        """Seal a field, text as UTF-8."""
        data = secret.encode() if isinstance(secret, str) else secret
        keyring = self._keyring
        nonce = self._chance(NONCE_BYTES)
        sealed = self._of_row(keyring.current, place).encrypt(nonce, data, _spell(place))
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
        if not self._has(key_id.decode()):
            raise Unsealable(f"the {place.column} of {place.table} needs data key {key_id.decode()}, which is gone")
        try:
            row = self._of_row(key_id.decode(), place)
            return row.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], _spell(place))
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

    def _has(self, key_id: str) -> bool:
        if key_id in self._keyring.data:
            return True
        if self._reread is not None and key_id not in self._missed:
            self._missed.add(key_id)
            with contextlib.suppress(KeyFileError):  # the file is gone or broken: what is known goes on
                self.adopt(self._reread())
        return key_id in self._keyring.data

    def _of_row(self, key_id: str, place: Place) -> AESGCM:
        """The key of a row, whatever its table: the place is authenticated beside it."""
        name = (key_id, place.tenant, place.row)
        known = self._rows.get(name)
        if known is None:
            if len(self._rows) >= ROWS:
                self._rows.clear()
            mac = self._macs.get(key_id)
            if mac is None:
                mac = self._macs[key_id] = Mac(self._keyring.data[key_id])
            known = self._rows[name] = AESGCM(mac.of(f"{len(place.tenant)}:{place.tenant}{place.row}".encode()))
        return known


def _spell(place: Place) -> bytes:
    """No two places are spelled alike: the lengths of the parts go first."""
    tenant, table, column, row = place
    return f"{len(tenant)},{len(table)},{len(column)}:{tenant}{table}{column}{row}".encode()

"""Blind indexes: a person is found again by a number or an address without either being kept.

Owns the form that is indexed and the keyed hash of it. Without the key the 10^10 numbers that there are would be tried
in minutes; with it nothing can be told from an index but that two are the same. One person has one index with all tenants:
erasure has to find all of it.
"""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable

from controller.privacy.keyring import Keyring
from controller.privacy.mac import Mac

INDEX_BYTES = 16  # 2^64 people until two are likely to share one


class BlindIndex:
    """Indexes by the index key, which never changes."""

    def __init__(self, keyring: Keyring) -> None:
        self._mac = Mac(keyring.index)

    def of(self, kind: str, value: str) -> bytes:
        """The index of a "phone" or an "email".

        Raises `ValueError` for another kind, or a value that holds nothing.
        """
        normalise = _FORMS.get(kind)
        if normalise is None:
            raise ValueError(f"nothing is indexed by {kind!r}")
        normal = normalise(value)
        if not normal:
            raise ValueError(f"no {kind} to index")
        return self._mac.of(f"{kind}:{normal}".encode())[:INDEX_BYTES]

    def digest(self, data: bytes) -> str:
        """A keyed hash of a whole body: tells whether two are the same, and nothing of what they say."""
        return self._mac.of(b"body:" + data).hex()

    def of_address(self, address: str) -> bytes:
        """The index of either: whatever has an @ is an address of mail."""
        return self.of("email" if "@" in address else "phone", address)


def normal_phone(number: str) -> str:
    """A full number as it is indexed: its digits, whatever stood between them."""
    if number.isascii():  # nearly all are
        return number[1:] if number[1:].isdigit() and number[0] == "+" else "".join(filter(str.isdigit, number))
    return "".join(str(unicodedata.decimal(sign)) for sign in number if unicodedata.decimal(sign, None) is not None)


def normal_email(address: str) -> str:
    """An address as it is indexed: composed, in small letters, the host as DNS has it.

    What stands before the @ may differ by case in theory (RFC 5321 §2.4); no mailbox anywhere does.
    """
    local, at, host = unicodedata.normalize("NFKC", address.strip()).rpartition("@")
    if not at or not local or not host:
        return ""
    with contextlib.suppress(UnicodeError):  # whatever it is, it is the same each time
        host = host.encode("idna").decode()
    return f"{local}@{host.rstrip('.')}".casefold()


_FORMS: dict[str, Callable[[str], str]] = {"phone": normal_phone, "email": normal_email}

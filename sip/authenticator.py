"""Who a request comes from, by digest: the asking half (RFC 7616, RFC 8760), for phones and PBXs without an address.

Owns the nonces: how they are made, which are still good, which have been used. The arithmetic is `sip.digest`'s. Must
not know transactions, nor what somebody who is known may do.

Rules

* SHA-256 alone is asked for and taken. Every nonce is good once, with the count 1, for `LIFE` seconds, in this life.
* A nonce carries the time and a MAC, over the host to which it was sent as well: nobody else can use it; only those of credentials that were right are remembered, so that nobody without a
  password can fill the memory. When it is full all nonces of before are old: nothing is forgotten that could come again.
* ``uri`` must be the very text of the request line: else a request to one number would be good for any other.
* Right credentials with a nonce that is not good any more are asked for again (``stale``). Whatever else is wrong, an
  unknown user, a wrong password, no credentials, gets the same answer after the same work.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct

from sip.digest import Algorithm, Credentials, hash_a1, make_challenge, parse_credentials, verify
from sip.errors import RemoteProtocolError
from sip.message import Request

#: How long a nonce may wait for its answer, seconds: a phone answers at once, a slow line takes a little.
LIFE = 30.0

#: Nonces that are remembered as used, at most.
MAX_USED = 65_536

ALGORITHM = Algorithm.SHA256

_STAMP = Struct("!dQ")  # when it was made, and its number
_MAC_BYTES = 16


@dataclass(frozen=True, slots=True)
class Known:
    """What the credentials of a request prove: ``user`` is "" for nobody; ``stale`` says that only the nonce was wrong."""

    user: str = ""
    stale: bool = False


_NOBODY = Known()
_STALE = Known(stale=True)


class Authenticator:
    """Asks for credentials and checks them."""

    def __init__(self, realm: str, users: Mapping[str, str], secret: bytes) -> None:
        """``users`` maps each name to its H(A1) by `ALGORITHM` (`hash_user`); ``secret`` is new in each life."""
        self._realm = realm
        self._users = users
        self._secret = secret
        self._nobody = hmac.digest(secret, b"", "sha256").hex()  # stands for the H(A1) of whoever is unknown
        self._number = 0
        self._used: dict[bytes, float] = {}  # stamp -> when the nonce ends, the oldest first
        self._floor = float("-inf")  # nonces made before are old

    def swap(self, users: Mapping[str, str]) -> None:
        """Know these users from now on."""
        self._users = users

    def challenge(self, host: str, now: float, *, stale: bool = False) -> str:
        """The header line that asks a host for credentials."""
        self._number += 1
        stamp = _STAMP.pack(now, self._number)
        nonce = base64.urlsafe_b64encode(stamp + self._mac(stamp, host)).decode()
        return make_challenge(self._realm, nonce, ALGORITHM, stale=stale)

    def check(self, request: Request, host: str, now: float) -> Known:
        """Who sent a request from ``host``. One that proves somebody uses up its nonce: the same bytes prove nobody again."""
        credentials = self._find(request)
        if credentials is None:
            return _NOBODY
        ha1 = self._users.get(credentials.user)
        is_right = verify(credentials, ha1 or self._nobody, request.method, request.body)
        if not is_right or ha1 is None or credentials.uri != request.uri:
            return _NOBODY
        stamp = self._open(credentials.nonce, host, now)
        if stamp is None or credentials.count != 1:
            return _STALE
        self._remember(stamp, now)
        return Known(credentials.user)

    def _find(self, request: Request) -> Credentials | None:
        """The credentials for our realm, of the only kind that we ask for."""
        if "authorization" not in request.names:
            return None
        try:
            found = parse_credentials(request)
        except RemoteProtocolError:
            return None
        for each in found:
            if each.realm == self._realm:
                usual = each.algorithm is ALGORITHM and each.qop == "auth" and not each.session and not each.userhash
                return each if usual else None
        return None

    def _open(self, nonce: str, host: str, now: float) -> bytes | None:
        """The stamp of a nonce of ours that may still be used."""
        try:
            data = base64.b64decode(nonce.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        stamp, mac = data[: _STAMP.size], data[_STAMP.size :]
        if len(stamp) != _STAMP.size or not hmac.compare_digest(mac, self._mac(stamp, host)):
            return None
        made = _STAMP.unpack(stamp)[0]
        return stamp if max(self._floor, now - LIFE) < made <= now and stamp not in self._used else None

    def _remember(self, stamp: bytes, now: float) -> None:
        used = self._used
        while used and next(iter(used.values())) <= now:
            del used[next(iter(used))]
        if len(used) >= MAX_USED:
            used.clear()
            self._floor = now
        used[stamp] = now + LIFE  # not from when it was made: so the table is in order, and none is forgotten too soon

    def _mac(self, stamp: bytes, host: str) -> bytes:
        return hmac.digest(self._secret, stamp + host.encode(), "sha256")[:_MAC_BYTES]


def hash_user(user: str, realm: str, password: str) -> str:
    """What an `Authenticator` knows of a password."""
    return hash_a1(ALGORITHM, user, realm, password)

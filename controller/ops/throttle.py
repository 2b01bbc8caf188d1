"""Guessing tokens is slow, wherever they are taken.

Owns how many wrong ones may come from one place, and which were right. Tokens are kept as digests. Pure: ``now`` is monotonic seconds.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections import OrderedDict, deque

#: So many wrong tokens may come from one place within so many seconds; so many places are remembered.
WRONG, WITHIN, ADDRESSES = 10, 60.0, 10_000


class Throttle:
    """How many wrong tokens came from where: whoever guesses is told to come again later, before anything is looked at.

    A token that was right before, from the same place, is never made to wait: behind one proxy or on one machine there are many,
    and one script with a wrong token must not keep metrics from whoever watches them.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Seconds until this address may try again; 0: now."""
        times = self._wrong.get(_place_of(address))
        if times is None or len(times) < WRONG:
            return 0.0
        return max(0.0, times[0] + WITHIN - now)

    def note(self, address: str, now: float) -> None:
        """A wrong token came from there."""
        place = _place_of(address)
        times = self._wrong.setdefault(place, deque(maxlen=WRONG))
        self._wrong.move_to_end(place)
        times.append(now)
        while len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)

    def welcome(self, address: str, authorization: bytes) -> None:
        """What came from there was right."""
        mark = _mark_of(address, authorization)
        self._right[mark] = None
        self._right.move_to_end(mark)
        while len(self._right) > ADDRESSES:
            self._right.popitem(last=False)

    def knows(self, address: str, authorization: bytes) -> bool:
        """Whether this was right before, from there."""
        return _mark_of(address, authorization) in self._right


def _place_of(address: str) -> str:
    """Whoever has one IPv6 address has all of its /64."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address


def _mark_of(address: str, authorization: bytes) -> bytes:
    return hashlib.sha256(_place_of(address).encode() + b"\0" + authorization).digest()

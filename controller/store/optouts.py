"""Who surely wants to go on hearing from us: known without asking the database, which every message would have to.

Owns a filter over blind indexes. It never says "no" of somebody who is out; of a few who are not it does not know, and the
database is asked. Must only be trusted where nobody else writes to the database.
"""

from __future__ import annotations

BITS = 1 << 24  # 2 MiB: with 100,000 people who are out the database is asked about 0.6 % of all others


class OptOuts:
    """Everybody who ever was out since the store was opened, or when it was."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray(BITS // 8)

    def add(self, index: bytes) -> None:
        """Somebody is out, or is about to be. There is no way back: the database knows who takes it back."""
        place = int.from_bytes(index[:8], "big") % BITS  # an index is a keyed hash already
        self._bits[place >> 3] |= 1 << (place & 7)

    def may_hold(self, index: bytes) -> bool:
        """False: this person surely is not out, of any tenant or channel."""
        place = int.from_bytes(index[:8], "big") % BITS
        return bool(self._bits[place >> 3] & 1 << (place & 7))

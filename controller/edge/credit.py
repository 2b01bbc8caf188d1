"""What may be sent to strangers over UDP: never more than they sent, until they prove that it reaches them.

Owns the account of each host. A source address of UDP can be forged, and answers go to whoever has it: as long as
nobody there has shown that he reads them, bytes out stay below bytes in, whatever the method. Time is an argument.

* A provisional leaves `RESERVE` for the final: who hears nothing repeats his INVITE, which fills the account, so that a
  call gets through, a second or so later than from somebody known.
* Who brings back what only our responses held (our seal, a To tag of ours) is proved for `PROVED` seconds.
"""

from __future__ import annotations

from controller.edge.buckets import PLACES, group_of

RESERVE = 1400  # bytes: a 2xx with SDP and the Record-Routes of several proxies
PROVED = 3600.0
_FINAL = (b"2", b"3", b"4", b"5", b"6")


class _Account:
    __slots__ = ("left", "proved_until")

    def __init__(self) -> None:
        self.left = 0
        self.proved_until = 0.0


class Credit:
    """The accounts of `PLACES` hosts: who came first makes room, and has none when he comes again."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._accounts: dict[str, _Account] = {}
        self.withheld = 0  # responses that were not sent

    def earn(self, host: str, size: int) -> None:
        """Bytes have come from a host."""
        self._account(host).left += size

    def prove(self, host: str, now: float) -> None:
        """Somebody there reads what we send."""
        self._account(host).proved_until = now + PROVED

    def spend(self, data: bytes, host: str, now: float) -> bool:
        """Whether a response may be sent to a host; its bytes are taken off."""
        account = self._account(host)
        if account.proved_until > now:
            return True
        needed = len(data) + (0 if data[8:9] in _FINAL else RESERVE)
        if needed > account.left:
            self.withheld += 1
            return False
        account.left -= len(data)
        return True

    def __len__(self) -> int:
        return len(self._accounts)

    def _account(self, host: str) -> _Account:
        key = group_of(host) if ":" in host else host
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= self._places:
                del self._accounts[next(iter(self._accounts))]
            account = self._accounts[key] = _Account()
        return account

"""What has one cause: trunks that fell together are one outage.

Owns the search for the fewest causes that explain what is down: sites, carriers and addresses all of whose trunks are,
the largest first. What none of them explains goes by carrier, site or address all the same, so that the second trunk of a
carrier does not wake anybody a second time. Must not know who is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

SITE, CARRIER, ADDRESS, ALONE = "site", "carrier", "address", "alone"
#: In this order where several explain as much.
_SUBJECTS = (SITE, CARRIER, ADDRESS)


@dataclass(frozen=True, slots=True)
class Cause:
    """What some trunks that are down have in common."""

    subject: str  # SITE, CARRIER, ADDRESS or ALONE
    value: str
    names: tuple[str, ...]  # of the trunks
    whole: bool = False  # all that it has are down
    of: int = 1  # so many it has


class Causes:
    """All trunks by what they have in common."""

    def __init__(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        """``labels``: of each trunk its site, carrier and address, as far as it has them."""
        self._labels = labels
        self._having: dict[tuple[str, str], set[str]] = {}
        for name, own in labels.items():
            for subject in _SUBJECTS:
                if value := own.get(subject, ""):
                    self._having.setdefault((subject, value), set()).add(name)

    def explain(self, down: Collection[str]) -> list[Cause]:
        """Each trunk that is down is in one cause."""
        left = dict.fromkeys(down)
        whole = {
            key: names
            for key in self._keys(down, _SUBJECTS)
            if len(names := self._having[key]) > 1 and names <= left.keys()
        }
        causes: list[Cause] = []
        while whole:
            key = max(whole, key=lambda each: (len(whole[each] & left.keys()), -_SUBJECTS.index(each[0])))
            fallen = tuple(name for name in left if name in whole[key])
            size = len(whole.pop(key))
            if not fallen:
                break
            causes.append(Cause(*key, fallen, whole=True, of=size))
            for name in fallen:
                del left[name]
        return [*causes, *self._scattered(left)]

    def _keys(self, names: Iterable[str], subjects: Iterable[str]) -> list[tuple[str, str]]:
        found: dict[tuple[str, str], None] = {}
        for name in names:
            own = self._labels.get(name, {})
            for subject in subjects:
                if value := own.get(subject, ""):
                    found[subject, value] = None
        return list(found)

    def _scattered(self, names: Iterable[str]) -> list[Cause]:
        found: dict[tuple[str, str], list[str]] = {}
        for name in names:
            keys = self._keys([name], (CARRIER, SITE, ADDRESS))
            found.setdefault(keys[0] if keys else (ALONE, name), []).append(name)
        return [Cause(*key, tuple(of), of=len(self._having.get(key, of))) for key, of in found.items()]

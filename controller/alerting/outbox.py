"""What is still to be delivered, and when it is tried again: one entry for each incident and notifier.

Owns pauses, and that what is told late is what is so by then: an entry that waits is replaced by the next. Must not deliver.
``now`` is seconds since the epoch, for the box outlives a restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from controller.alerting.notices import Notice
from controller.alerting.words import What

#: Seconds until an entry is tried again: doubled each time, up to the longest. What was refused (a wrong key, say) is tried
#: more seldom. After a day it is given up: nobody would want to hear of it.
FIRST, LONGEST, REFUSED, GIVE_UP = 1.0, 60.0, 120.0, 86400.0
#: Whoever asks to be left alone for longer is not believed.
LONGEST_RETRY_AFTER = 600.0
#: Seconds of failing until somebody else is told instead.
UNHEARD = 30.0

Key = tuple[str, str]  # incident, notifier


@dataclass(frozen=True, slots=True)
class Done:
    """It was taken."""

    but: str = ""  # not by all of them: who did not, and why


@dataclass(frozen=True, slots=True)
class Again:
    """It may be taken later."""

    why: str
    after: float = 0.0  # seconds, as the other side asked
    refused: bool = False  # as it is, it will not be taken: somebody has to mend something


Result = Done | Again


@dataclass(slots=True)
class Entry:
    """One notice on its way."""

    notifier: str
    what: What
    notice: Notice
    since: float  # when it was put in
    due: float
    number: int
    missed: bool = False  # what came before was never delivered
    tries: int = 0
    why: str = ""  # why the last try failed
    unheard: bool = False  # `find_unheard` has said so

    @property
    def key(self) -> Key:
        """Whose it is."""
        return str(self.notice["id"]), self.notifier


class Outbox:
    """All that is on its way."""

    def __init__(self) -> None:
        self.entries: dict[Key, Entry] = {}
        self._flying: dict[Key, int] = {}
        self._number = 0

    def put(self, notifier: str, what: What, notice: Notice, now: float) -> None:
        """Have it delivered."""
        self._number += 1
        entry = Entry(notifier, what, notice, now, now, self._number)
        before = self.entries.get(entry.key)
        if before is not None and self._flying.get(entry.key) != before.number:
            _inherit(entry, before)
        self.entries[entry.key] = entry

    def take(self, now: float) -> list[Entry]:
        """What is to be tried now; each wants its `settle`, and until then nothing else goes to the same."""
        due = [entry for key, entry in self.entries.items() if entry.due <= now and key not in self._flying]
        for entry in due:
            self._flying[entry.key] = entry.number
        return due

    def settle(self, entry: Entry, result: Result, now: float) -> str:
        """What became of a try: "" for well, else what is to be written down."""
        self._flying.pop(entry.key, None)
        current = self.entries.get(entry.key)
        if isinstance(result, Done):
            if current is entry:
                del self.entries[entry.key]
            return ""
        entry.tries += 1
        entry.why = result.why
        pause = min(FIRST * 2.0 ** (entry.tries - 1), LONGEST)
        if result.refused:
            pause = max(pause, REFUSED)
        entry.due = now + max(pause, min(result.after, LONGEST_RETRY_AFTER))
        if current is not None and current is not entry:
            _inherit(current, entry)
        elif now >= entry.since + GIVE_UP:
            self.entries.pop(entry.key, None)
            return f"given up: {result.why}"
        return result.why

    def find_unheard(self, now: float) -> list[Entry]:
        """In whose place somebody else is to be told now, each once; however long the pause until the next try is."""
        found = [entry for entry in self.entries.values() if _is_failing(entry) and now >= entry.since + UNHEARD]
        for entry in found:
            entry.unheard = True
        return found

    def next_deadline(self) -> float:
        """When `take` or `find_unheard` has something next; infinity for never."""
        at = min((entry.due for key, entry in self.entries.items() if key not in self._flying), default=inf)
        return min(at, *(entry.since + UNHEARD for entry in self.entries.values() if _is_failing(entry)), inf)

    def shift(self, seconds: float) -> None:
        """The clock was set: pauses stay as long as they are."""
        for entry in self.entries.values():
            entry.since += seconds
            entry.due += seconds

    def drop(self, notifiers: frozenset[str]) -> None:
        """Forget what is for notifiers that there are no more."""
        self.entries = {key: entry for key, entry in self.entries.items() if entry.notifier not in notifiers}

    def dump(self) -> list[dict[str, Any]]:
        """All of it as plain data."""
        return [asdict(entry) for entry in self.entries.values()]

    def load(self, data: list[Mapping[str, Any]]) -> None:
        """Go on with what `dump` gave; what was on its way is tried again. Raises as `dict` does for anything else."""
        for each in data:
            self._number += 1
            entry = Entry(**{**each, "what": What(each["what"]), "number": self._number})
            self.entries[entry.key] = entry


def _is_failing(entry: Entry) -> bool:
    return entry.what is What.TRIGGER and entry.tries > 0 and not entry.unheard


def _inherit(entry: Entry, before: Entry) -> None:
    """``entry`` takes the place of one that was not delivered."""
    entry.tries, entry.why, entry.due, entry.since = before.tries, before.why, before.due, before.since
    entry.missed = before.missed or before.what is What.TRIGGER
    if before.what is What.TRIGGER and entry.what is not What.RESOLVE:
        entry.what = What.TRIGGER  # who was never told of it has nothing to update or acknowledge

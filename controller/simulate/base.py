"""What happens to a message at a simulated provider, and the book of what came.

Owns fates (drawn from a seed and the send key, so that the order of arrival changes nothing), their script, and the
journal. Must not do I/O or read a clock: the servers do what a fate says, and hand in `now`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random


class Answer(StrEnum):
    """What the sender of a message hears at once."""

    TAKE = "take"
    REFUSE = "refuse"  # by a code: nothing is sent
    THROTTLE = "throttle"  # too many, come back later: nothing is sent
    FAIL = "fail"  # HTTP 5xx, ESME_RSYSERR, SMTP 451: nothing is sent
    DROP = "drop"  # nothing is heard; the message was taken all the same
    CUT = "cut"  # the connection closes within the answer; the message was taken


class Word(StrEnum):
    """What a report says; each provider has words of its own for these."""

    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong (probabilities from 0 to 1), and how long things take (seconds)."""

    refuse: float = 0.0
    throttle: float = 0.0
    fail: float = 0.0
    drop: float = 0.0
    cut: float = 0.0
    undelivered: float = 0.0  # the last report says that it failed
    silent: float = 0.0  # no report ever comes, though it is delivered
    lost: float = 0.0  # no report ever comes, and it is not delivered
    lie: float = 0.0  # "delivered", and it was not
    duplicate: float = 0.0  # each report comes twice
    reorder: float = 0.0  # reports come the last first
    late: float = 0.0  # the last report comes `late_by` later
    forge: float = 0.0  # one that is not signed as it should be comes beside the others, and says the contrary
    early: float = 0.0  # the first report comes before the answer
    read: float = 0.0  # how many are read as well
    delay: tuple[float, float] = (0.0, 0.0)  # until the answer: between these
    report_delay: tuple[float, float] = (0.0, 0.05)  # between two reports
    late_by: float = 60.0
    retry_after: float = 1.0  # what a throttled sender is told
    code: str = ""  # the code of refusals; "" for one that the simulated provider has


@dataclass(frozen=True, slots=True)
class FatedReport:
    """One report: ``after`` so many seconds from the answer; a negative one comes before it."""

    after: float
    word: Word
    forged: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """All that happens to one message."""

    answer: Answer = Answer.TAKE
    delay: float = 0.0  # seconds until the answer
    reports: tuple[FatedReport, ...] = (FatedReport(0.0, Word.SENT), FatedReport(0.0, Word.DELIVERED))
    delivered: bool = True  # it really reaches the person
    code: str = ""  # of a refusal or of a failed report
    retry_after: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the provider has the message after this answer."""
        return self.answer in {Answer.TAKE, Answer.DROP, Answer.CUT}


def draw(faults: Faults, random: Random) -> Fate:
    """One fate. Each fault takes its dice whether or not it is set, so that setting one changes no other."""
    dice = {name: random.random() for name in _DICE}
    hit = {name for name, die in dice.items() if die < getattr(faults, name)}
    delay = random.uniform(*faults.delay)
    gaps = [random.uniform(*faults.report_delay) for _ in range(3)]
    answer = next((word for word in _ANSWERS if word.value in hit), Answer.TAKE)
    fate = Fate(answer, delay, (), code=faults.code)
    if answer is Answer.THROTTLE:
        return replace(fate, retry_after=faults.retry_after, delivered=False)
    if not fate.taken:
        return replace(fate, delivered=False)
    failed = "undelivered" in hit
    words = [Word.SENT, Word.FAILED if failed else Word.DELIVERED]
    if "read" in hit and not failed:
        words.append(Word.READ)
    if hit & {"silent", "lost"}:
        words = []
    return replace(fate, reports=_time(words, gaps, hit, faults), delivered=not failed and not hit & {"lie", "lost"})


def _time(words: list[Word], gaps: list[float], hit: set[str], faults: Faults) -> tuple[FatedReport, ...]:
    times, at = [], 0.0
    for gap in gaps[: len(words)]:
        at += gap
        times.append(at)
    if "early" in hit and times:
        times[0] = -1.0
    if "late" in hit and times:
        times[-1] += faults.late_by
    if "reorder" in hit:
        times.reverse()
    reports = [FatedReport(at, word) for at, word in zip(times, words, strict=True)]
    if "duplicate" in hit:
        reports += reports
    if "forge" in hit:
        contrary = Word.FAILED if Word.DELIVERED in words else Word.DELIVERED
        reports.append(FatedReport(gaps[0], contrary, forged=True))
    return tuple(sorted(reports, key=lambda report: report.after))


_ANSWERS = (Answer.REFUSE, Answer.THROTTLE, Answer.FAIL, Answer.DROP, Answer.CUT)
_DICE = (
    *(word.value for word in _ANSWERS),
    *"undelivered silent lost lie duplicate reorder late forge early read".split(),
)


@dataclass(slots=True)
class Fates:
    """Which fate a message has: that of the script for its number of tries, else one drawn for its key."""

    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    script: list[Fate] = field(default_factory=list)  # for the next messages in order of arrival; then the dice again

    def of(self, provider: str, send_key: str, tries: int) -> Fate:
        """``tries``: how often the provider got this key before."""
        if self.script:
            return self.script.pop(0)
        return draw(self.faults, Random(f"{self.seed}:{provider}:{send_key}:{tries}"))


@dataclass(slots=True)
class Got:
    """One submission as it came."""

    provider: str
    send_key: str
    to: str
    text: str
    at: float  # seconds, on whichever clock the server has
    fate: Fate
    ref: str = ""  # what the provider calls it; "" if it was not taken
    repeated: bool = False  # the provider knew the key already and sent nothing


@dataclass(slots=True)
class Journal:
    """What came, in order of arrival; what tests and people look at."""

    entries: list[Got] = field(default_factory=list)
    _tries: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, got: Got) -> None:
        self.entries.append(got)
        key = got.provider, got.send_key
        self._tries[key] = self._tries.get(key, 0) + 1

    def of(self, send_key: str) -> list[Got]:
        return [got for got in self.entries if got.send_key == send_key]

    def tries(self, provider: str, send_key: str) -> int:
        """How often a provider got a key."""
        return self._tries.get((provider, send_key), 0)

    def taken(self) -> list[Got]:
        """What was really sent on."""
        return [got for got in self.entries if got.fate.taken and not got.repeated]

    def sent_twice(self) -> Mapping[tuple[str, str], int]:
        """Keys that one provider sent on more than once: nobody may see any but where the key is not known there."""
        counts: dict[tuple[str, str], int] = {}
        for got in self.taken():
            counts[got.provider, got.send_key] = counts.get((got.provider, got.send_key), 0) + 1
        return {key: count for key, count in counts.items() if count > 1}

    def delivered(self) -> Iterable[Got]:
        """What reached a person."""
        return (got for got in self.taken() if got.fate.delivered)

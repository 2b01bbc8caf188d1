"""Counts of what happens: calls, attempts, changes of trunks.

Owns what each event adds to which count, and that labels stay bounded: names that the dialplan does not have are `OTHER`, and
so are causes that no table has. Must not read a picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram

from controller.masking import mask_within
from controller.ops.consumer import Event
from controller.ops.metrics.catalogue import COUNTED, COUNTER
from controller.planes.placed import NAME
from controller.rules.verdicts import DEFAULTS, judge
from controller.types import COMPLETED_ELSEWHERE, OF_ATTEMPTS, OF_CALLS, Dialplan, TargetState, Verdict

OTHER, NONE, ANSWERED = "other", "none", "ANSWERED"
#: The outcomes that a label shows as they are: our own causes, and the statuses that trunks usually send. Others: "4xx".
OUTCOMES = frozenset(
    (
        *(*OF_ATTEMPTS, ANSWERED),
        *("401", "403", "404", "407", "408", "410", "480", "484", "486", "487", "488"),
        *("500", "501", "502", "503", "504", "600", "603", "604"),
    )
)
RESULTS = frozenset((ANSWERED, *OF_CALLS))
#: The Call-IDs that become exemplars, which have 128 characters in all: nearly every phone's.
_PLAIN_ID = re.compile(r"[a-zA-Z0-9.@:~%+…_-]{1,96}")


def outcome_of(cause: str) -> str:
    """A cause as a label has it."""
    if cause in OUTCOMES:
        return cause
    return f"{cause[0]}xx" if len(cause) == 3 and cause.isascii() and cause.isdigit() and cause[0] in "3456" else OTHER


def is_of_trunk(cause: str) -> bool:
    """Whether an attempt with this cause failed by its trunk: another path to the same one was worth a try."""
    return (cause in DEFAULTS or cause.isdigit()) and judge(cause, {}) is Verdict.NEXT_PATH


class Counting:
    """All counts of one life of this process; reloads leave them alone."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        for known in COUNTED:
            if known.kind == COUNTER:
                made = Counter(known.name, known.meaning, known.labels, registry=registry)
                self._counters[known.name] = made
            else:
                self._histograms[known.name] = Histogram(
                    known.name, known.meaning, known.labels, buckets=known.buckets, registry=registry
                )
        self._trunks: frozenset[str] = frozenset()
        self._chains: frozenset[str] = frozenset()

    def know(self, dialplan: Dialplan) -> None:
        """Count by the names of this dialplan from now on. What has not happened yet is 0, not absent: a rate sees the first."""
        self._trunks, self._chains = frozenset(dialplan.trunks), frozenset((*dialplan.chains, NAME))
        for chain in sorted(self._chains):
            self._add("callward_calls", chain, ANSWERED, "2xx", by=0)
            for name in ("callward_calls_lost", "callward_calls_failed_over", "callward_calls_panic"):
                self._add(name, chain, by=0)
        for trunk in sorted(self._trunks):
            self._add("callward_attempts", trunk, ANSWERED, by=0)
            for state in (TargetState.UP, TargetState.DOWN):
                self._add("callward_trunk_changes", trunk, state, by=0)
            for name in ("callward_failovers", "callward_hedges", "callward_pages"):
                self._add(name, trunk, by=0)
            for result in ("passed", "failed"):
                self._add("callward_test_calls", trunk, result, by=0)
            for name in ("callward_registration_failures", "callward_tls_refused"):
                self._add(name, trunk, by=0)
        for role in ("calls", "messages"):
            self._add("callward_faults", role, by=0)
            self._add("callward_news_missed", role, by=0)
        self._add("callward_faults", "ops", by=0)

    def _add(self, name: str, *labels: str, by: float = 1) -> None:
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(by)

    def note_fault(self, role: str) -> None:
        """Of a process whose news are not heard: this one."""
        self._add("callward_faults", role)

    def hear(self, event: Event) -> None:
        """Something happened. What was before we came has been counted by nobody, and is not counted late."""
        if event.missed:
            self._add("callward_news_missed", event.source, by=event.missed)
        if event.old:
            return
        self._add("callward_news", event.source, event.kind if event.kind.isidentifier() else OTHER)
        data = event.data
        match event.kind:
            case "call":
                self._count_call(data)
            case "trunk":
                state = data["new"]
                self._add("callward_trunk_changes", self._trunk(data["trunk"]), state)
            case "page":
                self._add("callward_pages", self._trunk(data["trunk"]))
            case "registration" if not data["bound"]:
                self._add("callward_registration_failures", self._trunk(data["trunk"]))
            case "tls":
                self._add("callward_tls_refused", self._trunk(data["trunk"]))
            case "media" if not data["answers"]:
                self._add("callward_media_losses")
            case "overload" if data["begins"]:
                self._add("callward_overloads")
            case "placed":
                self._add("callward_placed_calls", data["state"])
            case "test_call" | "drill" if data["passed"] is not None:
                self._add("callward_test_calls", self._trunk(data["trunk"]), "passed" if data["passed"] else "failed")
            case "fault":
                self._add("callward_faults", event.source)
            case _:
                pass

    def _trunk(self, name: str) -> str:
        """As the operator calls it: one with several addresses has one name."""
        name = name.partition("/")[0]
        return name if name in self._trunks else OTHER

    def _count_call(self, call: Mapping[str, Any]) -> None:
        chain = call["chain"] if call["chain"] in self._chains else OTHER if call["chain"] else NONE
        attempts = call["attempts"]
        result = ANSWERED if call["winner"] is not None else call["cause"]
        self._add("callward_calls", chain, result if result in RESULTS else OTHER, f"{call['status'] // 100}xx")
        of_trunks = [_failed_by_trunk(call, each, attempts[index + 1 :]) for index, each in enumerate(attempts)]
        for index, attempt in enumerate(attempts):
            self._count_attempt(call, attempt, failed_over=of_trunks[index] and index + 1 < len(attempts))
        if call["panic"]:
            self._add("callward_calls_panic", chain)
        exemplar = _exemplar(call)
        if rang := [each["rang"] for each in attempts if each.get("rang") is not None]:
            self._histograms["callward_call_ring_seconds"].observe(min(rang), exemplar)
        if result == ANSWERED:
            self._histograms["callward_call_answer_seconds"].observe(call["seconds"], exemplar)
            if any(of_trunks):
                self._add("callward_calls_failed_over", chain)
        elif attempts and all(of_trunks) and not rang:
            self._add("callward_calls_lost", chain)
        if carried := [each["at"] for each, failed in zip(attempts, of_trunks, strict=True) if not failed]:
            self._histograms["callward_added_delay_seconds"].observe(_added(attempts, of_trunks, carried), exemplar)

    def _count_attempt(self, call: Mapping[str, Any], attempt: Mapping[str, Any], *, failed_over: bool) -> None:
        trunk = self._trunk(attempt["path"].rpartition(" via ")[2])
        outcome = ANSWERED if _has_won(call, attempt) else outcome_of(attempt["cause"])
        self._add("callward_attempts", trunk, outcome)
        if failed_over:
            self._add("callward_failovers", trunk)
        if attempt.get("hedge"):
            self._add("callward_hedges", trunk)
        if attempt.get("rang") is not None:
            self._histograms["callward_attempt_ring_seconds"].labels(trunk).observe(attempt["rang"] - attempt["at"])


def _exemplar(call: Mapping[str, Any]) -> dict[str, str] | None:
    """Which call it was: the Call-ID that the name of a call begins with, without numbers."""
    name = mask_within(call["call"].partition(";")[0], call["did"], call["caller"])
    return {"call": name} if _PLAIN_ID.fullmatch(name) else None


def _has_won(call: Mapping[str, Any], attempt: Mapping[str, Any]) -> bool:
    return bool(attempt["path"] == call["winner"] and attempt["milestone"] in ("answered", "confirmed"))


def _failed_by_trunk(call: Mapping[str, Any], attempt: Mapping[str, Any], later: Sequence[Mapping[str, Any]]) -> bool:
    if _has_won(call, attempt):
        return False
    if attempt["cause"] == COMPLETED_ELSEWHERE:  # another one won before it was given up for its silence
        return attempt["milestone"] == "none" and any(each.get("hedge") for each in later)
    return is_of_trunk(attempt["cause"])


def _added(attempts: list[Mapping[str, Any]], of_trunks: list[bool], carried: list[float]) -> float:
    """From the first attempt that failed by its trunk to the first one that did not; 0 where that was the first."""
    failed = [each["at"] for each, it in zip(attempts, of_trunks, strict=True) if it]
    return max(0.0, min(carried) - min(failed)) if failed else 0.0

"""What became of every call of the drill, from three sets of books: the caller's, the phones', the daemon's.

Owns the verdicts. A call *met* a death when an attempt of it went to the trunk while that was dying or dead, or when it
was being set up there as the death came. It is *lost* when it was not answered: each chain had a healthy trunk. It was
answered *twice* when the caller got two answers, or when two phones talk and one of them is not released.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from sip.agent import AgentCall
from tests.kills.box import RINGS
from tests.kills.drill import PAIR, Outcome
from tests.kills.schedule import Kill, Kind

_SLACK = 0.02  # seconds between the books of the caller, the daemon and the phones


@dataclass(slots=True)
class Verdict:
    """One call."""

    call: AgentCall
    met: Kill | None = None
    caught: bool = False  # it was in set-up there when the death came; else its INVITE went to the dead
    timed: bool = True  # its delay counts; where two phones are rung at once anyway, no death can delay it
    faults: list[str] = field(default_factory=list)
    lost: bool = False
    twice: bool = False
    alerted: int = 0  # phones that rang
    released: int = 0  # phones that answered, and were told that somebody else had

    @property
    def delay(self) -> float:
        """Post-dial delay, seconds: from the INVITE to the first ringing."""
        heard = self.call.rang if self.call.rang is not None else self.call.answered
        return (heard if heard is not None else float("inf")) - self.call.started


@dataclass(slots=True)
class Report:
    """All of them."""

    verdicts: list[Verdict]
    kills: list[Kill]
    usual: float  # median post-dial delay of calls that met nothing, seconds
    faults: list[str]  # of the daemon as a whole

    @property
    def lost(self) -> list[Verdict]:
        """Never answered."""
        return [verdict for verdict in self.verdicts if verdict.lost]

    @property
    def twice(self) -> list[Verdict]:
        """Answered twice."""
        return [verdict for verdict in self.verdicts if verdict.twice]

    @property
    def wrong(self) -> list[str]:
        """Everything that must not be."""
        return self.faults + [f"{each.call.id}: {fault}" for each in self.verdicts for fault in each.faults]


def audit(outcome: Outcome) -> Report:
    """Judge every call."""
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in outcome.records:
        records[str(record["call"]).partition(";")[0]].append(record)
    phones: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in outcome.journal:
        phones[str(line["call"])].append(line)
    kills: dict[str, list[Kill]] = defaultdict(list)
    for kill in outcome.kills:
        kills[kill.trunk].append(kill)
    verdicts = [
        _judge(call, call.id in outcome.again, records[call.id], phones[call.id], kills) for call in outcome.calls
    ]
    usual = median(each.delay for each in verdicts if each.met is None)
    faults = [f"the daemon: {event}" for event in outcome.events if event["event"] == "fault"]
    if outcome.code != 0:
        faults.append(f"the daemon ended with exit code {outcome.code}")
    return Report(verdicts, outcome.kills, usual, faults)


def _judge(
    call: AgentCall,
    again: bool,
    records: list[dict[str, Any]],
    phones: list[dict[str, Any]],
    kills: dict[str, list[Kill]],
) -> Verdict:
    verdict = Verdict(call)
    verdict.lost = call.answered is None
    verdict.alerted = sum(phone["rang"] is not None for phone in phones)
    if verdict.lost:
        verdict.faults.append(f"lost: the caller got {call.finals}, the daemon says {records}")
    given = {tag for status, tag in call.finals if 200 <= status < 300}
    if again or len(given) > 1:
        verdict.faults.append(f"the caller got two answers: {call.finals}")
    others = [phone for phone in phones if phone["acked"] and phone["tag"] not in given]
    talking = [phone for phone in others if phone["state"] != "ended"]
    verdict.released = len(others) - len(talking)
    if talking:
        verdict.faults.append(f"phones talk that nobody called: {talking}")
    verdict.twice = again or len(given) > 1 or bool(talking)
    if len(records) != 1:
        verdict.faults.append(f"{len(records)} records of the daemon")
    elif call.answered is not None:
        (tag,) = given if len(given) == 1 else ("",)
        if not str(records[0]["winner"]).endswith(f" via {tag.partition('-')[0]}"):
            verdict.faults.append(f"answered by {tag}, but the daemon says {records[0]['winner']}")
    verdict.timed = not any(record["chain"] == PAIR for record in records)
    _find_met(verdict, records, kills)
    return verdict


def _find_met(verdict: Verdict, records: list[dict[str, Any]], kills: dict[str, list[Kill]]) -> None:
    for attempt in (attempt for record in records for attempt in record["attempts"]):
        at = verdict.call.started + attempt["at"]
        for kill in kills.get(attempt["path"].rpartition(" via ")[2], ()):
            if kill.begin - RINGS - _SLACK <= at <= kill.end:
                caught = at < kill.begin
                if verdict.met is None or (verdict.caught and not caught):
                    verdict.met, verdict.caught = kill, caught


# --------------------------------------------------------------------------- for people


def show(report: Report) -> str:
    """The table: a row for each kind of death."""
    width = max(map(len, Kind)) + 2
    head = f"{'':{width}} deaths   calls  caught  lost  twice  rang 2+  released  added delay p50    p99    max  [s]"
    met = [each for each in report.verdicts if each.met is not None]
    rows = [head]
    for kind in Kind:
        mine = [each for each in met if each.met is not None and each.met.kind is kind]
        rows.append(_row(kind, width, sum(kill.kind is kind for kill in report.kills), mine, report.usual))
    rows.append(_row("all that met", width, len(report.kills), met, report.usual))
    rows.append(_row("- sent to it", width, "", [each for each in met if not each.caught], report.usual))
    rows.append(_row("- caught", width, "", [each for each in met if each.caught], report.usual))
    rows.append(_row("met nothing", width, "", [each for each in report.verdicts if each.met is None], report.usual))
    answered = Counter(each.call.finals[0][0] if each.call.finals else 0 for each in report.verdicts)
    rows += [
        f"{len(report.verdicts)} calls, first finals {dict(answered)}; usual post-dial delay {report.usual:.3f} s",
        "delays and 'rang 2+' leave out the calls of the chain that rings two phones at once anyway",
        f"lost {len(report.lost)}, answered twice {len(report.twice)}",
        *report.wrong[:20],
    ]
    return "\n".join(rows)


def _row(name: str, width: int, deaths: object, mine: Sequence[Verdict], usual: float) -> str:
    added = sorted(each.delay - usual for each in mine if each.timed)
    figures = (
        f"{percentile(added, 0.5):15.3f}  {percentile(added, 0.99):.3f}  {added[-1]:.3f}" if added else f"{'-':>15}"
    )
    return (
        f"{name:{width}} {deaths!s:>6}  {len(mine):6}  {_count(each.caught for each in mine):6}"
        f"  {_count(each.lost for each in mine):4}  {_count(each.twice for each in mine):5}"
        f"  {_count(each.timed and each.alerted > 1 for each in mine):7}  {_count(each.released > 0 for each in mine):8}  {figures}"
    )


def _count(of: Iterable[bool]) -> int:
    return sum(of)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest rank."""
    return ordered[min(len(ordered) - 1, max(0, bisect_left(range(1, len(ordered) + 1), share * len(ordered))))]

"""What a test expects beside what came of it.

Owns the comparison and the words of a difference. Must not play anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from controller.config.diagnostics import Diagnostic, Span
from controller.scenario.calls import Seen
from controller.scenario.model import NOBODY
from controller.scenario.names import Names
from controller.scenario.read import Case
from controller.types import NO_ROUTE

#: A packet takes a millisecond, and nobody counts these, seconds.
SLACK = 0.05
#: Whoever writes one of these knows that nobody is called; `winner: nobody` and `never` hold for a number that is mistyped.
_OF_NO_ROUTE = {"refused", "status", "tried", "rang"}
_DUST = 1e-6  # sums of costs are floats


@dataclass(frozen=True, slots=True)
class Difference:
    """One key of `expect` that does not hold."""

    key: str
    at: Span
    expected: tuple[str, ...]  # as written; one, or the items of a list
    got: tuple[str, ...]

    def to_diagnostic(self, case: Case) -> Diagnostic:
        """The same as a finding in the file of the test."""
        expected, got = (", ".join(words) or NOBODY for words in (self.expected, self.got))
        message = f"expected {self.key} {expected}, but got {got}"
        return Diagnostic(case.file, self.at.line, self.at.col, self.at.end_col, "error", message, "", "EXPECTED")

    def lines(self) -> Iterator[str]:
        """The difference, line by line: ``-`` was expected, ``+`` came instead."""
        if len(self.expected) < 2 and len(self.got) < 2:
            yield f"- {self.key}: {''.join(self.expected) or NOBODY}"
            yield f"+ {self.key}: {''.join(self.got) or NOBODY}"
            return
        yield f"  {self.key}:"
        same = [_same(self.expected, each) for each in self.got]  # what means the same is the same
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, self.expected, same, autojunk=False).get_opcodes():
            if tag == "equal":
                yield from (f"    {item}" for item in self.got[j1:j2])
            else:
                yield from (f"  - {item}" for item in self.expected[i1:i2])
                yield from (f"  + {item}" for item in self.got[j1:j2])


def _same(expected: tuple[str, ...], got: str) -> str:
    return next((word for word in expected if got == word or got.startswith(f"{word} via ")), got)


def compare(case: Case, seen: Seen, names: Names) -> list[Difference]:
    """All that is not as expected, in the order of the file."""
    means = names.means if case.call is not None else _is_same
    found = [*_compare_course(case, seen), *_compare_ends(case, seen, means), *_compare_lists(case, seen, means)]
    return sorted(found, key=lambda difference: (difference.at.line, difference.at.col))


def _compare_course(case: Case, seen: Seen) -> Iterator[Difference]:
    """Whether there was at all what the test is about: else it would hold for as long as nobody looks."""
    over = f"a {'call' if case.call is not None else 'message'} that was over after {seen.over or 0.0:.2f} s"
    whole = case.place(())
    if seen.over is None:
        yield Difference("over", whole, ("an end",), ("none",))
    if seen.faults:
        yield Difference("fault", whole, (NOBODY,), tuple(seen.faults))
    if seen.reason == NO_ROUTE and case.call is not None and not case.expect.model_fields_set & _OF_NO_ROUTE:
        yield Difference("route", case.place(("call", "did")), (f"for {case.call.did}",), ("none",))
    for each in case.timeline:
        if seen.over is not None and each.at > seen.over + SLACK:
            yield Difference("timeline", each.where, (f"{each.name} {each.state.word} at {each.at:g} s",), (over,))
    gives_up = case.call.gives_up if case.call is not None else None
    if gives_up is not None and seen.over is not None and gives_up > seen.over + SLACK:
        yield Difference("gives_up", case.place(("call", "gives_up")), (f"{gives_up:g} s",), (over,))


def _compare_ends(case: Case, seen: Seen, means: Callable[[str, str], bool]) -> Iterator[Difference]:
    """Who it was, how it ended, and when."""
    expect = case.expect
    if expect.winner is not None and not (
        not seen.winner if expect.winner == NOBODY else seen.winner and means(expect.winner, seen.winner)
    ):
        yield _differ(case, "winner", expect.winner, seen.winner or f"{NOBODY}, the caller gets {seen.status}")
    if expect.via is not None and not (seen.winner and means(expect.via, seen.winner)):
        yield _differ(case, "via", expect.via, seen.winner or NOBODY)
    if expect.provider is not None and (seen.winner or NOBODY) != expect.provider:
        yield _differ(case, "provider", expect.provider, seen.winner or NOBODY)
    if expect.status is not None and expect.status != seen.status:
        yield _differ(case, "status", str(expect.status), f"{seen.status}{f' ({seen.reason})' if seen.reason else ''}")
    if expect.reason is not None and expect.reason != seen.reason:
        yield _differ(case, "reason", expect.reason, seen.reason or "none")
    over = f"{seen.over:.2f} s" if seen.over is not None else "never"
    if expect.within is not None and not (seen.over is not None and seen.over <= expect.within + SLACK):
        yield _differ(case, "within", f"{expect.within:g} s", over)
    if expect.not_before is not None and not (seen.over is not None and seen.over >= expect.not_before - SLACK):
        yield _differ(case, "not_before", f"{expect.not_before:g} s", over)
    if expect.refused is not None and expect.refused is not (not seen.winner and not seen.tried):
        yield _differ(case, "refused", str(expect.refused).lower(), f"{seen.status}, {len(seen.tried)} were tried")
    for key, got in (("channel", seen.channel), ("step", seen.step)):
        wanted = getattr(expect, key)
        if wanted is not None and wanted != got:
            yield _differ(case, key, str(wanted), str(got or NOBODY))
    if expect.cost is not None and abs(expect.cost - seen.cost) > _DUST:
        yield _differ(case, "cost", f"{expect.cost:g}", f"{seen.cost:g}")


def _compare_lists(case: Case, seen: Seen, means: Callable[[str, str], bool]) -> Iterator[Difference]:
    expect = case.expect
    for key, wanted, got in (("rang", expect.rang, seen.rang), ("tried", expect.tried, seen.tried)):
        if wanted is None:
            continue
        words = [] if wanted == [NOBODY] else wanted
        if len(words) != len(got) or not all(map(means, words, got)):
            wrong = next(
                (n for n, (word, each) in enumerate(zip(words, got, strict=False)) if not means(word, each)), 0
            )
            yield Difference(key, case.place(("expect", key, wrong)), tuple(words), tuple(got))
    if expect.missed is not None:
        wanted = [] if expect.missed == [NOBODY] else expect.missed
        if wanted != seen.missed:
            yield Difference("missed", case.place(("expect", "missed")), tuple(wanted), tuple(seen.missed))
    for word in expect.never or ():
        found = [each for each in seen.tried if means(word, each)]
        if found:
            yield _differ(case, "never", word, f"{found[0]} was tried")
    for trunk, number in (expect.shows or {}).items():
        shown = [seen.shows[each] for each in sorted(seen.shows) if means_trunk(trunk, each)]
        if number not in shown:
            at = case.place(("expect", "shows", trunk))
            yield Difference(f"shows {trunk}", at, (number,), tuple(shown[:1] or ["nothing"]))


def means_trunk(name: str, trunk: str) -> bool:
    """Whether a trunk is called so, alone or as one of several addresses."""
    return name == trunk.partition("/")[0]


def _is_same(name: str, other: str) -> bool:
    return name == other


def _differ(case: Case, key: str, expected: str, got: str) -> Difference:
    return Difference(key, case.place(("expect", key)), (expected,), (got,))

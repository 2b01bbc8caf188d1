"""Playbooks: a test of a run reads as a script of what comes in (>>) and what must come out (<<).

    assert (
        play(plan("anna/t1,t2"))
        >> begin()      << start(1, "anna via t1")
        >> at(0.25)     << silent(1) << start(2, "anna via t2")
        >> answered(2)  << finish(2) << cancel(1, COMPLETED_ELSEWHERE)
    )

Rules: times are absolute. `at(t)` is the driver: every deadline up to t fires at its own time, so a command that comes
earlier or later than the book says is a mismatch. Nothing is left out: a command the book does not name is a mismatch.
The book is played when it is asserted; one that never was fails its test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from controller.rules.run import Run
from controller.types import (
    AttemptFailed,
    AttemptProgressed,
    CancelAttempt,
    DeadlineReached,
    Finish,
    Milestone,
    OfferWithdrawn,
    Path,
    Plan,
    ReportLate,
    ReportSilent,
    RunCommand,
    RunEvent,
    Stage,
    StartAttempt,
    Target,
    TrunkLost,
    Verdict,
)

MAX_DEADLINES = 1000  # on the way to one `at`: a run that never comes to rest must not hang the test


# --------------------------------------------------------------------------- plans


def target(text: str, *, cancellable: bool = True) -> Target:
    """A target from "anna/t1,t2": its endpoint and the trunks of its paths; one trunk of the same name by default. "a/1"
    and "a/2" among them are addresses of a."""
    endpoint, _, trunks = text.strip().partition("/")
    paths = [
        Path(
            f"{endpoint} via {trunk}",
            endpoint,
            trunk,
            f"sip:{endpoint}@{trunk.partition('/')[0]}.example",
            cancellable,
            trunk.partition("/")[0] if "/" in trunk else "",
        )
        for trunk in (trunks or endpoint).replace(" ", "").split(",")
    ]
    return Target(endpoint, tuple(paths))


def stage(text: str, *, cancellable: bool = True, **settings: Any) -> Stage:
    """A stage from "anna/t1,t2 | ben/t3"; ``settings`` are those of `Stage`: mode, ring, stagger ..."""
    return Stage(tuple(target(part, cancellable=cancellable) for part in text.split("|")), **settings)


def plan(
    *stages: str | Stage,
    hedges: Mapping[str, float] | None = None,
    causes: Mapping[str, Verdict] | None = None,
    until: Milestone = Milestone.ANSWERED,
    **settings: Any,
) -> Plan:
    """A plan of stages; ``settings`` go to those given as text."""
    return Plan(
        chain="test",
        stages=tuple(stage(each, **settings) if isinstance(each, str) else each for each in stages),
        hedges=dict(hedges or {}),
        causes=dict(causes or {}),
        until=until,
    )


# --------------------------------------------------------------------------- what comes in


@dataclass(frozen=True, slots=True)
class Step:
    """Something that comes in; ``moves_to`` is the clock afterwards, None where it stands still."""

    says: str
    event: RunEvent | None = None
    moves_to: float | None = None
    fires: bool = False  # whether the deadlines on the way are met
    begins: bool = False


def begin(now: float = 0.0) -> Step:
    """The run begins."""
    return Step("begin", moves_to=now, begins=True)


def at(now: float) -> Step:
    """The clock comes to ``now``, every deadline on the way has fired."""
    return Step("clock", moves_to=now, fires=True)


def stalled_until(now: float) -> Step:
    """The clock jumps to ``now`` and only then are deadlines looked at: a stalled loop, a suspended machine."""
    return Step("stall", DeadlineReached(), moves_to=now)


def progress(attempt: int, milestone: Milestone) -> Step:
    """An attempt shows life."""
    return Step(f"{milestone.name.lower()}({attempt})", AttemptProgressed(attempt, milestone))


def trying(attempt: int) -> Step:
    """100."""
    return progress(attempt, Milestone.ACCEPTED)


def ringing(attempt: int) -> Step:
    """180."""
    return progress(attempt, Milestone.ALERTING)


def answered(attempt: int) -> Step:
    """200."""
    return progress(attempt, Milestone.ANSWERED)


def confirmed(attempt: int) -> Step:
    """Press-1, or read."""
    return progress(attempt, Milestone.CONFIRMED)


def fails(attempt: int, cause: str) -> Step:
    """An attempt ends without success."""
    return Step(f"fails({attempt}, {cause})", AttemptFailed(attempt, cause))


def lost(trunk: str) -> Step:
    """Health says that a trunk is down."""
    return Step(f"lost({trunk})", TrunkLost(trunk))


def withdrawn() -> Step:
    """The caller gives up."""
    return Step("withdrawn", OfferWithdrawn())


# --------------------------------------------------------------------------- what comes out


def start(attempt: int, path: str, trial: int = 1) -> str:
    """`StartAttempt`; a path is known by its name."""
    return f"start({attempt}, {path}" + (f", trial {trial})" if trial > 1 else ")")


def cancel(attempt: int, why: str) -> str:
    """`CancelAttempt`."""
    return f"cancel({attempt}, {why})"


def silent(attempt: int) -> str:
    """`ReportSilent`."""
    return f"silent({attempt})"


def finish(winner: int | None, cause: str = "") -> str:
    """`Finish`."""
    return f"finish({winner}, {cause})" if cause else f"finish({winner})"


def late(attempt: int) -> str:
    """`ReportLate`."""
    return f"late({attempt})"


def wakes(when: float) -> str:
    """Not a command: the run's deadline at this point of the book. `wakes(inf)` is never."""
    return f"wakes at {when:.3f}"


def say(command: RunCommand) -> str:
    """A command in the words of the book."""
    match command:
        case StartAttempt(attempt=number, path=path, trial=trial):
            return start(number, path.name, trial)
        case CancelAttempt(attempt=number, why=why):
            return cancel(number, why)
        case ReportSilent(attempt=number):
            return silent(number)
        case Finish(winner=winner, cause=cause):
            return finish(winner, cause)
        case ReportLate(attempt=number):
            return late(number)


# --------------------------------------------------------------------------- the play


class Mismatch(AssertionError):
    """A run did not do what the book says; the message is the diff."""


class Playbook:
    """See the top of the file. Made by `play`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._script: list[tuple[Step, list[str]]] = []
        self._played = False

    def __rshift__(self, step: Step) -> Playbook:
        self._script.append((step, []))
        return self

    def __lshift__(self, expected: str | RunCommand) -> Playbook:
        self._script[-1][1].append(expected if isinstance(expected, str) else say(expected))
        return self

    def __bool__(self) -> bool:
        """Play the book. Raises `Mismatch`."""
        __tracebackhide__ = True  # the difference says it all
        self._played = True
        expected: list[str] = []
        got: list[str] = []
        now = 0.0
        fault: Exception | None = None
        for step, wanted in self._script:
            now = step.moves_to if step.moves_to is not None else now
            line = _line(now, f">> {step.says}")
            expected += [line, *(_line(now, f"<< {each}") for each in wanted)]
            if fault is None:
                got.append(line)
                try:
                    for when, command in self._perform(step, now):
                        got.append(_line(when, f"<< {say(command)}"))
                except Exception as error:  # noqa: BLE001  # whatever it is, it belongs into the diff
                    fault = error
                    got.append(_line(now, f"!! {type(error).__name__}: {error}"))
                if any(each.startswith("wakes") for each in wanted):
                    got.append(_line(now, f"<< {wakes(self.run.deadline())}"))
        if got != expected:
            raise Mismatch(show_difference(expected, got)) from fault
        return True

    def _perform(self, step: Step, now: float) -> list[tuple[float, RunCommand]]:
        run = self.run
        happened: list[tuple[float, RunCommand]] = []

        def note(when: float, commands: list[RunCommand]) -> None:
            happened.extend((when, command) for command in commands)

        if step.begins:
            note(now, run.begin(now))
        if step.event is not None:
            note(now, run.handle(step.event, now))
        if step.fires:
            for _ in range(MAX_DEADLINES):
                when = run.deadline()
                if when > now:
                    break
                note(when, run.handle(DeadlineReached(), when))
            else:
                raise RuntimeError(f"the run does not come to rest: {MAX_DEADLINES} deadlines up to {now:.3f}")
        return happened

    def __del__(self) -> None:
        if not self._played:
            raise AssertionError("this playbook was never played: write `assert play(...) ...`")


def play(what: Run | Plan) -> Playbook:
    """Open a book for a run, or for a new run of a plan."""
    return Playbook(what if isinstance(what, Run) else Run(what))


def _line(now: float, text: str) -> str:
    return f"{now:9.3f}  {text}"


def show_difference(expected: list[str], got: list[str]) -> str:
    """Both books in one: what is only expected is marked -, what only came is marked +."""
    lines = ["the run did not play by the book (- expected, + got)"]
    for kind, i, j, k, m in SequenceMatcher(None, expected, got, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [f"  {line}" for line in expected[i:j]]
        else:
            lines += [f"- {line}" for line in expected[i:j]]
            lines += [f"+ {line}" for line in got[k:m]]
    return "\n".join(lines)

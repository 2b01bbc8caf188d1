"""The referee of a run: watches every event and command and blows the whistle when a promise is broken.

Owns the promises of `rules.run` as checks, so that Hypothesis and plain random walks hold runs to the same rules:

* commands: attempts are numbered 1, 2, 3 ...; only open, cancellable ones are cancelled, once; silence is reported
  only of the silent; a late success is reported once, after the end;
* one Finish; after it nothing is started, and no attempt is left open;
* a success of an attempt that has not failed wins as long as the run is open;
* an open run always has a deadline, later than now; a finished one has none;
* an endpoint that refused is not tried again in its stage; a phone is rung by a second path only while the first is
  in doubt; after a stop verdict nothing is started;
* whenever nothing gives hope, every path of every target had its chance (see `missed_chances`), so a run never ends
  as EXHAUSTED, nor waits, with a phone left untried;
* a stage that waits for something is not begun before that has happened; a run is over as FULL only if every attempt
  found its trunk full;
* a run that is dumped to JSON and loaded before every event does the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import inf

from controller.rules.attempt import AttemptState
from controller.rules.run import Run
from controller.rules.verdicts import MERGED, judge
from controller.types import (
    ANYTHING,
    BUSY,
    EXHAUSTED,
    FULL,
    HEDGE_RELEASED,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    STOPPED,
    TRUNK_DOWN,
    UNANSWERED,
    WITHDRAWN,
    AttemptFailed,
    AttemptProgressed,
    CancelAttempt,
    DeadlineReached,
    Finish,
    Milestone,
    Mode,
    Path,
    Plan,
    ReportLate,
    ReportSilent,
    RunCommand,
    RunEvent,
    StartAttempt,
    Verdict,
)
from tests.playbook import say

OUR_CAUSES = frozenset((NO_REPLY, NO_PROGRESS, NO_ANSWER, TRUNK_DOWN))


@dataclass(slots=True)
class Seen:
    """What came out and went in about one attempt."""

    path: Path
    place: tuple[int, int]  # stage, target
    milestone: Milestone = Milestone.NONE
    cancelled: str = ""
    failed: str = ""
    full: bool = False  # its trunk was
    reported_silent: bool = False
    reported_late: bool = False


class Referee:
    """Drives a run through `begin` and `handle` and checks it at every step. Endpoints of the plan must be unique."""

    def __init__(self, plan: Plan, *, twin: bool = True) -> None:
        self.plan = plan
        self.run = Run(plan)
        self.twin = Run(plan) if twin else None
        self.seen: dict[int, Seen] = {}
        self.closed: set[tuple[int, int]] = set()
        self.stopped = False
        self.happened: set[str] = set()
        self.finish: Finish | None = None
        self.won_late = False  # by an attempt that had been given up
        self.now = 0.0
        self.story: list[str] = []  # for people, when the whistle blows
        self._places = {
            target.endpoint: (i, j) for i, stage in enumerate(plan.stages) for j, target in enumerate(stage.targets)
        }

    def begin(self, now: float) -> None:
        """Begin the run."""
        self.now = now
        self.story.append(f"{now:.3f} begin")
        self._judge_commands(self.run.begin(now))
        if self.twin is not None:
            self.twin.begin(now)
        self._judge_state()

    def handle(self, event: RunEvent, now: float) -> None:
        """Hand an event in."""
        assert now >= self.now
        self.now = now
        self.story.append(f"{now:.3f} {event}")
        expected: list[RunCommand] = []
        if self.twin is not None:
            self.twin = Run.load(json.loads(json.dumps(self.twin.dump(), allow_nan=False)))
            expected = self.twin.handle(event, now)
        must_win = self._note(event)
        commands = self.run.handle(event, now)
        if must_win:
            assert commands[:1] == [Finish(must_win, "")], f"attempt {must_win} succeeded but did not win"
        self._judge_commands(commands)
        if self.twin is not None:
            assert commands == expected, "the run that was dumped and loaded does something else"
            assert self.twin.dump() == self.run.dump()
            assert self.twin.deadline() == self.run.deadline()
        self._judge_state()

    def play_out(self, most: int = 10_000) -> int:
        """Meet deadlines until the run is over; returns how many it took."""
        for count in range(most):
            if self.finish is not None:
                return count
            self.handle(DeadlineReached(), self.run.deadline())
        raise AssertionError(f"not over after {most} deadlines")

    def explain(self) -> str:
        """The whole story, for a report."""
        return "\n".join([str(self.plan), *self.story])

    # -- what goes in

    def _note(self, event: RunEvent) -> int:
        """Take an event down; returns the attempt that must win by it, 0 for none."""
        if isinstance(event, AttemptProgressed):
            seen = self.seen[event.attempt]
            seen.milestone = max(seen.milestone, event.milestone)
            if self.finish is None and not seen.failed and seen.milestone >= self.plan.until:
                self.won_late = self.run.attempts[event.attempt].state is AttemptState.GIVEN_UP
                return event.attempt
        elif isinstance(event, AttemptFailed):
            seen = self.seen[event.attempt]
            attempt = self.run.attempts[event.attempt]
            if self.finish is None and attempt.state is AttemptState.OPEN:
                self._note_refusal(seen, event)
            seen.failed = seen.failed or event.cause
        return 0

    def _note_refusal(self, seen: Seen, event: AttemptFailed) -> None:
        if event.cause == FULL:
            seen.full = True
        if event.cause == MERGED and len(self._open_siblings(seen.place)) > 1:
            return
        if event.cause in ("486", "600"):
            self.happened.add(BUSY)
        if event.cause == "480" or (event.cause == "408" and seen.milestone >= Milestone.ALERTING):
            self.happened.add(UNANSWERED)
        if event.cause == FULL:
            self.happened |= {ANYTHING, seen.path.trunk}
        verdict = judge(event.cause, self.plan.causes)
        if verdict is Verdict.STOP:
            self.stopped = True
        elif verdict is Verdict.NEXT_TARGET:
            self.closed.add(seen.place)

    def _open_siblings(self, place: tuple[int, int]) -> list[int]:
        attempts = self.run.attempts
        return [n for n, seen in self.seen.items() if seen.place == place and attempts[n].state is AttemptState.OPEN]

    # -- what comes out

    def _judge_commands(self, commands: list[RunCommand]) -> None:
        self.story += [f"{self.now:.3f}   {say(command)}" for command in commands]
        for command in commands:
            match command:
                case StartAttempt():
                    self._judge_start(command)
                case CancelAttempt(attempt=number, why=why):
                    seen = self.seen[number]
                    assert seen.path.cancellable, f"attempt {number} cannot be cancelled"
                    assert not seen.cancelled, f"attempt {number} is cancelled twice"
                    assert not seen.failed, f"attempt {number} has failed already"
                    seen.cancelled = why
                case ReportSilent(attempt=number):
                    seen = self.seen[number]
                    assert seen.milestone is Milestone.NONE, f"attempt {number} was heard"
                    assert not seen.reported_silent, f"silence of attempt {number} is reported twice"
                    seen.reported_silent = True
                case Finish():
                    self._judge_finish(command)
                case ReportLate(attempt=number):
                    assert self.finish is not None
                    assert number != self.finish.winner
                    assert not self.seen[number].reported_late, f"late success of {number} is reported twice"
                    self.seen[number].reported_late = True

    def _judge_start(self, command: StartAttempt) -> None:
        assert self.finish is None, "started after the end"
        assert not self.stopped, "started after a stop verdict"
        assert command.attempt == len(self.seen) + 1
        place = self._places[command.path.endpoint]
        assert place not in self.closed, f"{command.path.endpoint} has refused"
        assert self._is_due(place[0]), f"stage {place[0] + 1} waits for what has not happened"
        trials = 1 + sum(seen.path == command.path for seen in self.seen.values())
        assert command.trial == trials, f"trial {command.trial}, but it is the {trials}th"
        for number, other in self.seen.items():
            if other.place == place:
                attempt = self.run.attempts[number]
                assert not attempt.gives_hope, f"{command.path.endpoint} is rung twice: attempt {number} gives hope"
        self.seen[command.attempt] = Seen(command.path, place)

    def _judge_finish(self, finish: Finish) -> None:
        assert self.finish is None, "finished twice"
        self.finish = finish
        if finish.winner is not None:
            assert self.seen[finish.winner].milestone >= self.plan.until
            assert not finish.cause
        elif finish.cause == EXHAUSTED:
            assert not self._is_stopped()
            assert not self.missed_chances()
            assert not self.seen or any(not seen.full for seen in self.seen.values())
        elif finish.cause == FULL:
            assert not self._is_stopped()
            assert not self.missed_chances()
            assert all(seen.full for seen in self.seen.values())
        else:
            assert finish.cause == WITHDRAWN or (finish.cause == STOPPED and self._is_stopped())

    # -- where it stands

    def _judge_state(self) -> None:
        deadline = self.run.deadline()
        attempts = self.run.attempts.values()
        if self.finish is None:
            assert self.now < deadline < inf, f"an open run with its deadline at {deadline}"
            assert any(attempt.state is AttemptState.OPEN for attempt in attempts)
            self.stopped = self._is_stopped()
            if not self.stopped and not any(attempt.gives_hope for attempt in attempts):
                assert not self.missed_chances(), "somebody waits although nothing gives hope"
            return
        assert deadline == inf
        for number, seen in self.seen.items():
            assert self.run.attempts[number].state is not AttemptState.OPEN, f"attempt {number} is left open"
            over = number == self.finish.winner or seen.failed or seen.cancelled or not seen.path.cancellable
            assert over, f"attempt {number} neither ended nor was cancelled"

    def _is_due(self, index: int) -> bool:
        """Whether what a stage waits for has happened; `NO_ANSWER` is for the run to find."""
        stage = self.plan.stages[index]
        happened = set(self.happened)
        if any(attempt.cause == NO_ANSWER for attempt in self.run.attempts.values()):
            happened.add(UNANSWERED)
        return all(not words or not happened.isdisjoint(words) for words in (stage.after, stage.overflow))

    def _is_stopped(self) -> bool:
        return self.stopped or bool(self._places_judged(Verdict.STOP))

    def missed_chances(self) -> list[str]:
        """Paths that were never tried, or only until something else came to life, and might be.

        Not missed: a path of an endpoint that refused, over a trunk that went down meanwhile, or of a parallel or
        hybrid stage whose time ran out. Nor, as yet, where 482 told that a sibling still under way has got there.
        """
        run = self.run
        refused = self.closed | self._places_judged(Verdict.NEXT_TARGET)
        merged = {
            (a.stage, a.target)
            for a in run.attempts.values()
            if a.cause == MERGED and self._open_siblings((a.stage, a.target))
        }
        missed: list[str] = []
        for i, stage in enumerate(self.plan.stages):
            if not self._is_due(i):
                continue
            timed = stage.mode is not Mode.SEQUENTIAL and i < len(run.opened)
            if timed and run.opened[i] + stage.ring <= self.now:
                continue
            for j, target in enumerate(stage.targets):
                for path in target.paths:
                    tries = [run.attempts[number] for number, seen in self.seen.items() if seen.path == path]
                    had_its_chance = any(attempt.cause != HEDGE_RELEASED for attempt in tries)
                    waits = (i, j) in refused or (i, j) in merged or path.trunk in run.lost
                    if not had_its_chance and not waits:
                        missed.append(path.name)
        return missed

    def _places_judged(self, verdict: Verdict) -> set[tuple[int, int]]:
        """Targets with an attempt that was given up by us for a cause of this verdict, NO_ANSWER for example."""
        return {
            (attempt.stage, attempt.target)
            for attempt in self.run.attempts.values()
            if attempt.cause in OUR_CAUSES and judge(attempt.cause, self.plan.causes) is verdict
        }

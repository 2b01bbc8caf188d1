"""Run: the one executor of plans, for calls and for messages alike.

A run takes events with `now` and returns commands; it alone decides whom to try next, also after a 6xx. It never
asks what kind of offer it serves: the plan's data (timers, `until`, cancellable or not, causes) make the difference.

How it thinks. An attempt *gives hope* while it is open and not doubted. Doubt is silence past the hedge delay, or
health saying that its trunk is down; any sign of life ends it. Whenever nothing gives hope, the next target starts,
else the next stage opens, beside whatever is still silent: nobody has lost before somebody answered. When a silent
attempt shows late life, what was started in its stead and is not alerting yet is released: its turn comes again when
it is needed again.

A stage may wait for something to happen (`after`, `overflow`): until it has, the stage is passed over as if it were not
there; then it has its turn before those that come later in the plan.

Promises (each a property test): exactly one Finish; every started attempt ends or is cancelled; no deadline in the
past; a success wins as long as the run is open, even from an attempt already given up; `load(dump(run))` behaves
the same at every point.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from controller.rules.attempt import Attempt, AttemptState
from controller.rules.plain import dump_plan, load_plan
from controller.rules.saved import dump_state, load_state
from controller.rules.turn import bring_forward, choose_path
from controller.rules.verdicts import MERGED, happenings, judge
from controller.types import (
    COMPLETED_ELSEWHERE,
    EXHAUSTED,
    FULL,
    HEDGE_RELEASED,
    LEAST_HEDGE,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    STOPPED,
    TARGET_REFUSED,
    TRUNK_DOWN,
    WITHDRAWN,
    AttemptFailed,
    AttemptProgressed,
    CancelAttempt,
    DeadlineReached,
    Finish,
    Milestone,
    Mode,
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

MAX_TRIALS = 3  # a stand-in is released and tried again so often at most; a flapping trunk must not make it blink
_OPEN = AttemptState.OPEN
CLOSED = 1 << 30  # cursor of a target whose endpoint said no: past all of its paths, and never put back


class Run:
    """The execution of one plan. Feed it with `handle`; call `begin` once first."""

    __slots__ = (
        "attempts",
        "behind",
        "cause",
        "cursors",
        "finished",
        "happened",
        "hunting",
        "joins",
        "lost",
        "opened",
        "orders",
        "plan",
        "stage",
        "winner",
    )

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.attempts: dict[int, Attempt] = {}
        self.stage = -1  # index of the latest stage opened
        self.opened: list[float] = []  # when each stage so far was opened; infinity: released as a whole, to open anew
        self.cursors = [[0] * len(stage.targets) for stage in plan.stages]  # next path of each target; 0: untouched
        self.joins: list[float] = []  # when the next target joins each stage so far; infinity but for hybrid ones
        self.lost: set[str] = set()  # trunks that went down meanwhile
        self.behind: frozenset[str] = frozenset()  # trunks that others come before now; said anew before each event
        self.orders: dict[tuple[int, int], list[int]] = {}  # of the paths of a target, where it is not the plan's
        self.happened: set[str] = set()  # what stages may wait for: `BUSY`, `UNANSWERED`, `ANYTHING` full, full trunks
        self.hunting = True  # False after a stop verdict: nothing new is started
        self.finished = False
        self.winner: int | None = None
        self.cause = ""

    # -- input

    def begin(self, now: float) -> list[RunCommand]:
        """Start the first stage."""
        commands: list[RunCommand] = []
        self._keep_moving(now, commands)
        return commands

    def handle(self, event: RunEvent, now: float) -> list[RunCommand]:
        """Take one event and return what is to be done, in order."""
        commands: list[RunCommand] = []
        if self.finished:
            self._note_after_finish(event, commands)
            return commands
        match event:
            case AttemptProgressed(attempt=number, milestone=milestone):
                self._on_progress(self.attempts[number], milestone, now, commands)
            case AttemptFailed(attempt=number, cause=cause):
                self._on_failure(self.attempts[number], cause, now, commands)
            case TrunkLost(trunk=trunk):
                self._on_trunk_lost(trunk, now, commands)
            case OfferWithdrawn():
                self._finish(None, WITHDRAWN, commands)
            case DeadlineReached():
                pass  # whatever is due is looked for below, after every event
        if not self.finished:
            self._expire(now, commands)
            self._keep_moving(now, commands)
        return commands

    def avoid(self, trunks: Iterable[str]) -> None:
        """Others come before these, where there are any; what is under way goes on, and nobody is left out for good."""
        self.behind = frozenset(trunks)

    def path_of(self, number: int) -> Path:
        """The path of an attempt."""
        return self._path(self.attempts[number])

    def deadline(self) -> float:
        """When `handle(DeadlineReached(), deadline)` is wanted; infinity for never."""
        if self.finished:
            return inf
        due = min([attempt.deadline() for attempt in self.attempts.values() if attempt.state is _OPEN], default=inf)
        return min(due, *self.joins)

    # -- events

    def _on_progress(self, attempt: Attempt, milestone: Milestone, now: float, commands: list[RunCommand]) -> None:
        attempt.milestone = max(attempt.milestone, milestone)
        if attempt.state is AttemptState.ENDED:
            return
        if attempt.milestone >= self._until(attempt):
            self._finish(attempt.id, "", commands)  # a late success of one given up wins as well
        elif attempt.doubted and attempt.state is AttemptState.OPEN:
            attempt.doubted = False
            self._release_stand_ins(attempt.id, now, commands)

    def _on_failure(self, attempt: Attempt, cause: str, now: float, commands: list[RunCommand]) -> None:
        was_open = attempt.state is AttemptState.OPEN
        if attempt.state is not AttemptState.ENDED:
            attempt.state = AttemptState.ENDED
            attempt.cause = attempt.cause or cause
        if was_open:
            self._act_on(attempt, cause, now, commands)

    def _on_trunk_lost(self, trunk: str, now: float, commands: list[RunCommand]) -> None:
        self.lost.add(trunk)
        for attempt in list(self.attempts.values()):
            if attempt.state is not AttemptState.OPEN or self._path(attempt).trunk != trunk:
                continue
            if attempt.silent:
                self._give_up(attempt, TRUNK_DOWN, commands)
                self._act_on(attempt, TRUNK_DOWN, now, commands)
            elif not attempt.doubted:  # it was alive: it may still answer, so somebody else joins beside it
                self._doubt(attempt, now, commands)

    def _act_on(self, attempt: Attempt, cause: str, now: float, commands: list[RunCommand]) -> None:
        """An open attempt is out: what its cause means for the target, the hunt, and stages that wait for it."""
        path = self._path(attempt)
        self.happened.update(happenings(cause, attempt.milestone, path.group or path.trunk))
        if cause == MERGED and self._is_open(attempt.stage, attempt.target):
            return  # proof that a sibling has got there, however silent it is
        verdict = judge(cause, self.plan.causes)
        if verdict is Verdict.STOP:
            self.hunting = False
        elif verdict is Verdict.NEXT_TARGET:
            self._close_target(attempt, commands)
        elif not attempt.doubted:  # a doubted one has had its stand-in already
            self._start_next_path(attempt, attempt.stands_in_for, now, commands)

    def _close_target(self, refused: Attempt, commands: list[RunCommand]) -> None:
        """The endpoint itself said no: no other path to it is worth trying."""
        self.cursors[refused.stage][refused.target] = CLOSED
        for other in self.attempts.values():
            if other.silent and (other.stage, other.target) == (refused.stage, refused.target):
                self._give_up(other, TARGET_REFUSED, commands)

    def _doubt(self, attempt: Attempt, now: float, commands: list[RunCommand]) -> None:
        attempt.doubted = True
        self._start_next_path(attempt, attempt.id, now, commands)

    def _release_stand_ins(self, alive: int, now: float, commands: list[RunCommand]) -> None:
        """Late life: take back what stands in for it and is not alerting, so that it can be tried later.

        A parallel stage that stands in stays or goes as a whole: its slow phones are not cut off once another alerts.
        """
        attempts = self.attempts.values()
        staying = {a.stage for a in attempts if a.is_alerting and self.plan.stages[a.stage].mode is Mode.PARALLEL}
        staying.discard(self.attempts[alive].stage)
        for other in reversed(attempts):
            if other.state is not AttemptState.OPEN or other.is_alerting or other.stage in staying:
                continue
            if self._stands_in_for(other, alive) and other.trial < MAX_TRIALS:
                self._give_up(other, HEDGE_RELEASED, commands)
                if self.cursors[other.stage][other.target] != CLOSED:
                    self.cursors[other.stage][other.target] = other.cursor
                if not any(a.state is AttemptState.OPEN and a.stage == other.stage for a in attempts):
                    self.opened[other.stage] = inf
        for index in range(len(self.opened)):
            self._schedule_join(index, now)

    def _stands_in_for(self, attempt: Attempt, number: int) -> bool:
        while attempt.stands_in_for:
            if attempt.stands_in_for == number:
                return True
            attempt = self.attempts[attempt.stands_in_for]
        return False

    def _note_after_finish(self, event: RunEvent, commands: list[RunCommand]) -> None:
        if isinstance(event, AttemptProgressed):
            attempt = self.attempts[event.attempt]
            until = self._until(attempt)
            known = attempt.milestone >= until
            attempt.milestone = max(attempt.milestone, event.milestone)
            if attempt.milestone >= until and not known:
                commands.append(ReportLate(attempt.id))
        elif isinstance(event, AttemptFailed):
            self.attempts[event.attempt].state = AttemptState.ENDED

    # -- time

    def _expire(self, now: float, commands: list[RunCommand]) -> None:
        """Deal with every deadline that has come."""
        for attempt in list(self.attempts.values()):
            if attempt.state is not _OPEN or attempt.deadline() > now:
                continue
            if attempt.ring_at <= now:
                self._give_up(attempt, NO_ANSWER, commands)
                self._act_on(attempt, NO_ANSWER, now, commands)
            elif attempt.silent and attempt.no_reply_at <= now:
                self._give_up(attempt, NO_REPLY, commands)
                self._act_on(attempt, NO_REPLY, now, commands)
            elif attempt.milestone < Milestone.ALERTING and attempt.no_progress_at <= now:
                self._give_up(attempt, NO_PROGRESS, commands)
                self._act_on(attempt, NO_PROGRESS, now, commands)
            else:
                commands.append(ReportSilent(attempt.id))
                self._doubt(attempt, now, commands)
        for index, when in enumerate(self.joins):
            if when <= now:
                self.joins[index] = inf
                self._start_targets(index, 0, now, commands)

    # -- moving on

    def _keep_moving(self, now: float, commands: list[RunCommand]) -> None:
        """While nothing gives hope, start what comes next; finish when nothing is left."""
        # Lists here and above, no generators: this is asked with every event.
        while not [True for one in self.attempts.values() if one.state is _OPEN and not one.doubted]:
            doubted = [one.id for one in self.attempts.values() if one.state is _OPEN]
            if self.hunting and self._start_next(doubted[-1] if doubted else 0, now, commands):
                continue
            if not [True for one in self.attempts.values() if one.state is _OPEN]:
                self._finish(None, self._why_over(), commands)
            return

    def _start_next(self, stands_in_for: int, now: float, commands: list[RunCommand]) -> bool:
        """Start what comes next; False if nothing does."""
        return any(self._start_targets(index, stands_in_for, now, commands) for index in range(len(self.plan.stages)))

    def _why_over(self) -> str:
        if not self.hunting:
            return STOPPED
        if any(attempt.cause != FULL for attempt in self.attempts.values()):
            return EXHAUSTED
        if self.plan.refusal is not None:
            return self.plan.refusal.cause
        return FULL if self.attempts else EXHAUSTED

    def _start_targets(self, index: int, stands_in_for: int, now: float, commands: list[RunCommand]) -> bool:
        """Start the next target of a stage whose turn is to come, all of them if it is parallel; False for none."""
        if not self.hunting:
            return False
        if index > self.stage:
            self.stage = index
            self.opened.append(inf)
            self.joins.append(inf)
        stage = self.plan.stages[index]
        if (stage.after or stage.overflow) and not self._is_due(stage):
            return False
        if self.opened[index] == inf:
            self.opened[index] = now
        elif self._is_over(index, now):
            return False
        started = False
        for target in range(len(stage.targets)):
            if self._is_waiting(index, target):
                self._start(index, target, stands_in_for, now, commands)
                started = True
                if stage.mode is not Mode.PARALLEL:
                    break
        self._schedule_join(index, now)
        return started

    def _is_due(self, stage: Stage) -> bool:
        """Whether what a stage waits for has happened."""
        return all(not words or any(word in self.happened for word in words) for words in (stage.after, stage.overflow))

    def _schedule_join(self, index: int, now: float) -> None:
        """Hybrid: the n-th target joins n staggers after its stage was opened, if it has not been needed before."""
        stage, opened = self.plan.stages[index], self.opened[index]
        self.joins[index] = inf
        if stage.mode is not Mode.HYBRID or not self.hunting or opened == inf:
            return
        waiting = sum(self._is_waiting(index, target) for target in range(len(stage.targets)))
        if waiting:
            when = opened + stage.stagger * max(len(stage.targets) - waiting, 1)
            if when <= now:
                when = now + stage.stagger
            if when < opened + stage.ring:
                self.joins[index] = when

    def _start_next_path(self, attempt: Attempt, stands_in_for: int, now: float, commands: list[RunCommand]) -> None:
        """Same endpoint, next trunk: if there is one, none gives hope, and the stage's time is not over."""
        stage, target = attempt.stage, attempt.target
        if not self.hunting or self.cursors[stage][target] >= len(self._target(attempt).paths):
            return
        hopeful = any(a.gives_hope and (a.stage, a.target) == (stage, target) for a in self.attempts.values())
        if not hopeful and not self._is_over(stage, now):
            self._start(stage, target, stands_in_for, now, commands)

    def _is_over(self, index: int, now: float) -> bool:
        """Whether the time of a stage has run out; that of a sequential one never does, its targets have their own."""
        stage = self.plan.stages[index]
        return stage.mode is not Mode.SEQUENTIAL and self.opened[index] + stage.ring <= now

    def _is_waiting(self, stage: int, target: int) -> bool:
        """Whether a target's turn is to come: it is untouched, or was released."""
        paths_left = self.cursors[stage][target] < len(self.plan.stages[stage].targets[target].paths)
        return paths_left and not self._is_open(stage, target)

    def _is_open(self, stage: int, target: int) -> bool:
        attempts = self.attempts.values()
        return bool([True for one in attempts if one.state is _OPEN and one.stage == stage and one.target == target])

    def _start(
        self, stage_index: int, target_index: int, stands_in_for: int, now: float, commands: list[RunCommand]
    ) -> None:
        stage = self.plan.stages[stage_index]
        target = stage.targets[target_index]
        cursor = self.cursors[stage_index][target_index]
        place = stage_index, target_index
        if self.behind or place in self.orders:
            self.orders[place] = bring_forward(target.paths, self.orders.get(place), cursor, self.behind)
            path_index, turn = self.orders[place][cursor], cursor
        else:
            stuck = {self._path(one).group for one in self.attempts.values() if one.cause == NO_PROGRESS}
            path_index = turn = choose_path(target.paths, cursor, self.lost, stuck)
        path = target.paths[path_index]
        before = [True for one in self.attempts.values() if self._path(one).name == path.name]
        self.cursors[stage_index][target_index] = turn + 1
        attempt = Attempt(
            id=len(self.attempts) + 1,
            stage=stage_index,
            target=target_index,
            path=path_index,
            cursor=cursor,
            # By name: the same endpoint may stand in several stages, and two tries must not look like one on the wire.
            trial=1 + len(before),
            stands_in_for=stands_in_for,
            started=now,
            hedge_at=now + self._hedge_delay(stage, path),
            no_reply_at=now + stage.no_reply,
            no_progress_at=now + stage.no_progress,
            ring_at=(now if stage.mode is Mode.SEQUENTIAL else self.opened[stage_index]) + stage.ring,
        )
        self.attempts[attempt.id] = attempt
        commands.append(StartAttempt(attempt.id, path, attempt.trial))

    def _hedge_delay(self, stage: Stage, path: Path) -> float:
        if stage.hedge is None:
            return inf
        return self.plan.hedges.get(path.trunk, LEAST_HEDGE) if stage.hedge == "auto" else stage.hedge

    def _give_up(self, attempt: Attempt, cause: str, commands: list[RunCommand]) -> None:
        attempt.state = AttemptState.GIVEN_UP
        attempt.cause = cause
        if self._path(attempt).cancellable:
            commands.append(CancelAttempt(attempt.id, cause))

    def _finish(self, winner: int | None, cause: str, commands: list[RunCommand]) -> None:
        self.finished = True
        self.winner = winner
        self.cause = cause
        commands.append(Finish(winner, cause))
        for attempt in self.attempts.values():
            if attempt.id == winner:
                attempt.state = AttemptState.ENDED
            elif attempt.state is AttemptState.OPEN:
                self._give_up(attempt, cause if winner is None else COMPLETED_ELSEWHERE, commands)

    def _until(self, attempt: Attempt) -> Milestone:
        """What is success for it."""
        until = self.plan.stages[attempt.stage].until
        return self.plan.until if until is None else until

    def _path(self, attempt: Attempt) -> Path:
        return self._target(attempt).paths[attempt.path]

    def _target(self, attempt: Attempt) -> Target:
        return self.plan.stages[attempt.stage].targets[attempt.target]

    # -- plain data

    def dump(self) -> dict[str, Any]:
        """The whole state as plain data that JSON can hold: dicts, lists, strings, numbers, None for never."""
        return {"plan": dump_plan(self.plan), **self.dump_state()}

    def dump_state(self) -> dict[str, Any]:
        """The same without the plan, for who keeps plans elsewhere."""
        return dump_state(self)

    @classmethod
    def load(cls, data: dict[str, Any]) -> Run:
        """The run that `dump` described."""
        return cls.load_state(data, load_plan(data["plan"]))

    @classmethod
    def load_state(cls, data: dict[str, Any], plan: Plan) -> Run:
        """The run of this plan that `dump_state` described."""
        run = cls(plan)
        load_state(run, data)
        return run

"""The one transaction that matters: many jobs, each reduced in its turn, all written together.

Owns what is read, in which order it is locked, and what is written. Must not know either database, or what an event means.

Locks are taken in one order everywhere (cascades by id, names of messages, plans, requests), so that batches of several
daemons wait for each other instead of blocking each other for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from controller.channels.base import Report
from controller.store.base import Admission, Again, Applied, Conflict, Facts, Kept, NewCascade
from controller.store.ops import Body, Change, Fetch, Insert, Together
from controller.store.rows import (
    Books,
    Held,
    Known,
    audit_row,
    cascade_row,
    clean,
    dump_facts,
    dump_json,
    load_json,
    read_cascades,
    request_row,
)
from controller.store.schema import AUDIT, CALLBACK, CASCADE, IDENTITY, PAYLOAD, PLAN, REQUEST, SENT
from controller.types import Milestone
from controller.types.cascades import (
    Audit,
    CascadeBegun,
    CascadeCommand,
    CascadeEvent,
    Circumstances,
    DueReached,
    LookUpSend,
    ReportReceived,
    SendAccepted,
    SendMessage,
    TellClient,
)

MAX_EARLY = 16_000  # characters of reports that are kept for a name that nobody knows yet
#: A name that is there: with a cascade it is bound (the newest counts, some providers use theirs again), without one a report
#: is added to those that wait for it.
_MERGE = (
    "cascade_id = COALESCE(excluded.cascade_id, sent.cascade_id),"
    " attempt = CASE WHEN excluded.cascade_id IS NULL THEN sent.attempt ELSE excluded.attempt END,"
    " at = CASE WHEN excluded.cascade_id IS NULL THEN sent.at ELSE excluded.at END,"
    f" early = CASE WHEN sent.cascade_id IS NULL AND length(sent.early) < {MAX_EARLY}"
    " THEN sent.early || excluded.early ELSE sent.early END"
)
_HANDED_OVER = (SendMessage, LookUpSend)
_STATE = ("status", "due", "taken", "owner", "sending", "ended", "state")


class Later:
    """Not done: what it is about became known meanwhile, so the job is to be given once more."""


@dataclass(slots=True)
class Accept:
    """A request, reduced and encoded ahead: nothing that the database holds changes what becomes of it."""

    new: NewCascade
    now: float
    commands: list[CascadeCommand]
    request: tuple[Any, ...]
    cascade: tuple[Any, ...]
    audit: list[tuple[Any, ...]]
    callbacks: list[tuple[Any, ...]]


@dataclass(slots=True)
class Apply:
    """An event of a cascade."""

    cascade_id: str
    event: CascadeEvent
    now: float
    circumstances: Circumstances


@dataclass(slots=True)
class TakeReport:
    """A report of a provider."""

    report: Report
    now: float
    circumstances: Circumstances


Job = Accept | Apply | TakeReport
Result = Admission | Applied | Later | None


@dataclass(slots=True)
class Settled:
    """What came of a batch, job by job, and the plans that are written now."""

    results: list[Result]
    plans: list[tuple[Any, ...]]
    held: list[Held]  # what was written
    stale: list[str]  # what is not as it was known, but was not written
    names: list[tuple[str, tuple[str, int]]]

    def remember(self, books: Books) -> None:
        """It is committed."""
        books.plans_written(self.plans)
        if books.alone:
            for held in self.held:
                books.hold(held)
            for one in self.stale:
                books.live.forget(one)
            for name, place in self.names:
                books.names.put(name, place)


def prepare(books: Books, new: NewCascade, now: float, circumstances: Circumstances) -> Accept:
    """Take `CascadeBegun` and encode all rows: done where the request comes in, once."""
    cascade = new.cascade
    cascade.plan_id = books.intern(new.plan)
    reduced = books.reduce(cascade, CascadeBegun(), now, circumstances)
    books.known.put(cascade.id, Known(cascade.tenant, cascade.plan_id, cascade.created, new.facts, cascade.terms))
    return Accept(
        new,
        now,
        reduced.commands,
        request_row(cascade, new.facts, new.idem_key, new.body_hash, new.answer),
        cascade_row(cascade, books.owner),
        [audit_row(cascade.id, audit, now) for audit in (*new.audit, *reduced.audit)],
        _callbacks(books, Held(cascade, new.facts), reduced.commands, now),
    )


def settle(books: Books, jobs: Sequence[Job]) -> Body[Settled]:
    """The transaction of a batch."""
    return (yield from _Batch(books, jobs).run())


@dataclass(slots=True)
class _Claim:
    """A provider's name for a message, heard now."""

    cascade_id: str
    attempt: int
    index: int  # of the job that brought it
    job: Apply


@dataclass(slots=True)
class _Batch:
    books: Books
    jobs: Sequence[Job]
    results: list[Result] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    seen: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # keys: body hash, answer
    names: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)  # provider and ref: cascade, attempt
    claims: dict[tuple[str, str], _Claim] = field(default_factory=dict)
    parked: list[tuple[int, TakeReport]] = field(default_factory=list)
    accepted: list[Accept] = field(default_factory=list)
    audit: list[tuple[Any, ...]] = field(default_factory=list)
    callbacks: list[tuple[Any, ...]] = field(default_factory=list)
    facts: dict[str, Facts] = field(default_factory=dict)

    def run(self) -> Body[Settled]:
        yield from self._read()
        for index, job in enumerate(self.jobs):
            match job:
                case Accept():
                    self.results.append(self._accept(job))
                case Apply():
                    self.results.append(self._apply(index, job))
                case TakeReport(report=report):
                    place = self._find(report)
                    if place is None:
                        self.parked.append((index, job))
                        self.results.append(None)
                    else:
                        self.results.append(self._report(*place, job))
        if self.claims or self.parked:
            yield from self._name()
        plans = yield from self._write()
        held = [one for one in self.held.values() if one.dirty]
        held += [Held(job.new.cascade, job.new.facts, self.books.owner) for job in self.accepted]
        stale = [one for one in self.facts if not self.held[one].dirty]
        names = [(self.books.spell(*name), (claim.cascade_id, claim.attempt)) for name, claim in self.claims.items()]
        return Settled(self.results, plans, held, stale, names)

    # -- before

    def _read(self) -> Body[None]:
        keys = {(job.new.cascade.tenant, job.new.idem_key) for job in self.jobs if isinstance(job, Accept)}
        keys = {key for key in keys if key[1]}
        if keys:
            columns = ("tenant", "idem_key", "body_hash", "answer")
            for row in (yield Fetch(REQUEST, columns, ("tenant", "idem_key"), sorted(keys))):
                self.seen[row[0], row[1]] = row[2], row[3]
        refs = {
            (job.report.provider, job.report.ref)
            for job in self.jobs
            if isinstance(job, TakeReport) and not job.report.send_key
        }
        if refs:
            columns = ("provider", "ref", "cascade_id", "attempt")
            if self.books.alone:
                self.names = {name: place for name in refs if (place := self.books.names.get(self.books.spell(*name)))}
                refs -= self.names.keys()
            if refs:
                for row in (yield Fetch(SENT, columns, ("provider", "ref"), sorted(refs))):
                    if row[2] is not None:
                        self.names[row[0], row[1]] = row[2], row[3]
        ids = {cascade_id for cascade_id, _ in self.names.values()}
        for job in self.jobs:
            if isinstance(job, Apply):
                ids.add(job.cascade_id)
            elif isinstance(job, TakeReport) and job.report.send_key:
                ids.add(_cascade_of(job.report.send_key))
        self.held = self.books.recall(ids)
        self.held |= yield from read_cascades(self.books, ids - self.held.keys(), lock=True)

    # -- one job

    def _accept(self, job: Accept) -> Admission:
        key = job.new.cascade.tenant, job.new.idem_key
        if key[1] and (first := self.seen.get(key)) is not None:
            return Again(first[1]) if first[0] == job.new.body_hash else Conflict()
        self.seen[key] = job.new.body_hash, job.new.answer
        self.accepted.append(job)
        return Kept(job.commands)

    def _apply(self, index: int, job: Apply) -> Applied | None:
        held = self.held.get(job.cascade_id)
        if held is None:
            return None
        result = self._reduce(held, job.event, job.now, job.circumstances)
        event = job.event
        if isinstance(event, DueReached):
            held.dirty = True  # whoever took it is done with it
        elif isinstance(event, SendAccepted) and event.ref:
            send = held.cascade.send_of(event.attempt)
            if send is not None and send.ref == event.ref:
                self.claims[send.provider, send.ref] = _Claim(job.cascade_id, event.attempt, index, job)
                self.names[send.provider, send.ref] = job.cascade_id, event.attempt
        return result

    def _find(self, report: Report) -> tuple[str, int] | None:
        """The cascade and attempt that a report is about; None if its name is not known yet."""
        if not report.send_key:
            return self.names.get((report.provider, report.ref))
        cascade_id = _cascade_of(report.send_key)
        held = self.held.get(cascade_id)
        sends = held.cascade.sends if held is not None else []
        return cascade_id, next((send.attempt for send in sends if send.send_key == report.send_key), 0)

    def _report(self, cascade_id: str, attempt: int, job: TakeReport) -> Applied | None:
        held, report = self.held.get(cascade_id), job.report
        send = held.cascade.send_of(attempt) if held is not None else None
        if held is None or send is None or send.provider != report.provider:
            return None
        if report.operator and (held.facts.operator, held.facts.operator_source) != (report.operator, "report"):
            held.facts = replace(held.facts, operator=report.operator, operator_source="report")
            self.facts[cascade_id] = held.facts
        event = ReportReceived(attempt, report.milestone, report.cause, report.code, report.cost, report.at)
        return self._reduce(held, event, job.now, job.circumstances)

    def _reduce(self, held: Held, event: CascadeEvent, now: float, circumstances: Circumstances) -> Applied:
        reduced = self.books.reduce(held.cascade, event, now, circumstances)
        held.dirty = held.dirty or reduced.changed
        for command in reduced.commands:
            if isinstance(command, _HANDED_OVER):
                held.owner = self.books.owner
        self._note(held, reduced.audit, reduced.commands, now)
        return Applied(held.cascade, held.facts, reduced.commands, reduced.changed)

    def _note(self, held: Held, audit: list[Audit], commands: list[CascadeCommand], now: float) -> None:
        self.audit += [audit_row(held.cascade.id, one, now) for one in audit]
        self.callbacks += _callbacks(self.books, held, commands, now)

    # -- names of messages

    def _name(self) -> Body[None]:
        """Write names down and take the reports that came before them; keep those whose name nobody knows yet.

        In one statement, in order of names: so that it waits for other daemons, and they for it, but never both.
        """
        waiting = self._sort_parked()
        rows: list[tuple[Any, ...]] = [
            (*name, one.cascade_id, one.attempt, "", one.job.now) for name, one in self.claims.items()
        ]
        for name, jobs in waiting.items():
            lines = "".join(_dump_report(job.report) for _, job in jobs)
            rows.append((*name, None, 0, lines, jobs[-1][1].now))
        if not rows:
            return
        rows.sort(key=lambda row: row[:2])
        taken: list[tuple[Any, ...]] = []
        for provider, ref, cascade_id, early in (
            yield Insert(SENT, rows, _MERGE, ("provider", "ref", "cascade_id", "early"))
        ):
            name = provider, ref
            if name in self.claims:
                if early:
                    self._take_early(name, early)
                    taken.append((*name, ""))
            elif cascade_id is not None:  # another daemon has just heard the name
                for index, _ in waiting[name]:
                    self.results[index] = Later()
        if taken:
            yield Change(SENT, ("provider", "ref"), ("early",), taken)

    def _sort_parked(self) -> dict[tuple[str, str], list[tuple[int, TakeReport]]]:
        """Reports whose name came in this very batch are taken; the others by name."""
        waiting: dict[tuple[str, str], list[tuple[int, TakeReport]]] = {}
        for index, job in self.parked:
            name = job.report.provider, job.report.ref
            if name in self.claims:
                self.results[index] = self._report(*self.names[name], job)
            elif name[1]:
                waiting.setdefault(name, []).append((index, job))
        return waiting

    def _take_early(self, name: tuple[str, str], early: str) -> None:
        claim = self.claims[name]
        for line in early.splitlines():
            report = _load_report(*name, load_json(line))
            more = self._report(
                claim.cascade_id, claim.attempt, TakeReport(report, claim.job.now, claim.job.circumstances)
            )
            first = self.results[claim.index]
            assert isinstance(first, Applied)
            if more is not None:
                commands, changed = first.commands + more.commands, first.changed or more.changed
                self.results[claim.index] = replace(first, commands=commands, changed=changed, facts=more.facts)

    # -- after

    def _write(self) -> Body[list[tuple[Any, ...]]]:
        books = self.books
        writes: list[Insert | Change] = []
        changed = [cascade_row(held.cascade, held.owner) for _, held in sorted_items(self.held) if held.dirty]
        if changed:
            writes.append(Change(CASCADE, ("id",), _STATE, changed))
        plans: list[tuple[Any, ...]] = []
        if self.accepted:
            wanted = {job.new.cascade.plan_id: job.now for job in self.accepted}
            plans = [row for name, now in sorted_items(wanted) if (row := books.plan_row(name, now)) is not None]
            if plans:
                yield Insert(PLAN, plans, "used = excluded.used")
            writes += self._write_accepted()
        if self.facts:
            rows = [(key, dump_facts(facts)) for key, facts in sorted_items(self.facts)]
            writes.append(Change(REQUEST, ("id",), ("facts",), rows))
            for key in self.facts:
                books.known.forget(key)
        if self.audit:
            writes.append(Insert(AUDIT, self.audit))
        if self.callbacks:
            writes.append(Insert(CALLBACK, self.callbacks))
        if writes:
            yield Together(writes)
        return plans

    def _write_accepted(self) -> list[Insert | Change]:
        jobs = sorted(self.accepted, key=lambda job: (job.new.cascade.tenant, job.new.idem_key))
        for job in jobs:
            self.audit += job.audit
            self.callbacks += job.callbacks
        identities = [
            (job.new.cascade.id, kind, job.new.recipient.get(kind, b""), job.new.indexes.get(kind, b""))
            for job in jobs
            for kind in sorted({*job.new.recipient, *job.new.indexes})
        ]
        payloads = [(job.new.cascade.id, job.new.payload, job.new.cascade.terms.expires) for job in jobs]
        writes: list[Insert | Change] = [
            Insert(REQUEST, [job.request for job in jobs]),
            Insert(CASCADE, [job.cascade for job in jobs]),
            Insert(PAYLOAD, payloads),
        ]
        return [*writes, Insert(IDENTITY, identities)] if identities else writes


def sorted_items(data: dict[Any, Any]) -> list[tuple[Any, Any]]:
    """By key alone."""
    return sorted(data.items(), key=lambda item: item[0])


def _callbacks(books: Books, held: Held, commands: list[CascadeCommand], now: float) -> list[tuple[Any, ...]]:
    if books.hear is None:
        return []
    rows: list[tuple[Any, ...]] = []
    for command in commands:
        if isinstance(command, TellClient):
            body = books.hear(held.cascade, command, now)
            if body:
                rows.append((held.cascade.tenant, held.cascade.id, body, 0, now))
    return rows


def _cascade_of(send_key: str) -> str:
    """Send keys are "CASCADE:STEP:N"."""
    return send_key.rsplit(":", 2)[0]


def _dump_report(report: Report) -> str:
    milestone = None if report.milestone is None else int(report.milestone)
    line = [milestone, report.cause, report.code, report.cost, report.operator, report.at]
    return dump_json(line) + "\n"


def _load_report(provider: str, ref: str, line: list[Any]) -> Report:
    milestone, cause, code, cost, operator, at = line
    reached = None if milestone is None else Milestone(milestone)
    return Report(provider, ref, reached, cause, code, cost=cost, operator=operator, at=at)


def cleaned(report: Report) -> Report:
    """A report whose words both databases can hold."""
    words = report.ref, report.cause, report.code, report.send_key, report.operator
    if clean(together := "".join(words)) is together:
        return report
    ref, cause, code, send_key, operator = map(clean, words)
    return replace(report, ref=ref, cause=cause, code=code, send_key=send_key, operator=operator)

"""A file of tests: YAML in, cases or all that is wrong with it out.

Owns the reading, and what its values have to say to each other and to the dialplan. Findings are those of dialplans, with
file, line, column and what to do. No text whatever makes these functions raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from controller.config import load
from controller.config.diagnostics import Diagnostic, Report, printable, quoted
from controller.config.section import Section
from controller.config.source import ListNode, MapNode, Node, ScalarNode, compose, read_text, to_data
from controller.config.validate import Loc, Words, explain_errors, find
from controller.explain.question import QuestionError, parse_moment, zone_of
from controller.messages.region import NotANumber, read_recipient
from controller.scenario.model import (
    NOBODY,
    CallModel,
    CaseModel,
    EntryModel,
    ExpectModel,
    MessageModel,
    TestFileModel,
)
from controller.scenario.names import Names, find_names
from controller.scenario.states import DEAD, Kind, State
from controller.types import Dialplan

SUFFIX = ".test.yaml"
#: When it is, where a test does not say: a Wednesday morning.
USUAL = datetime(2026, 3, 4, 10, 30)  # noqa: DTZ001  # wall time of the calendars' zone

_OF_CALLS = {"winner", "via", "rang", "tried", "never", "refused", "shows", "missed", "status", "within", "not_before"}
_OF_MESSAGES = {"channel", "provider", "step", "cost", "reason", "tried", "never", "status", "within", "not_before"}


@dataclass(frozen=True, slots=True)
class Change:
    """Somebody is, or becomes, so. ``members``: trunks, paths, providers, or limits."""

    at: float  # seconds after the call, or the request
    name: str  # as written
    kind: Kind
    members: tuple[str, ...]
    state: State
    where: Node  # in the file


@dataclass(frozen=True, slots=True)
class Case:
    """One test, ready to be played."""

    name: str
    file: str
    place: Callable[[Loc], Node]  # where a key of it stands
    moment: float  # seconds since the epoch
    given: tuple[Change, ...]
    call: CallModel | None
    message: MessageModel | None
    timeline: tuple[Change, ...]
    expect: ExpectModel

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.place(()).line


@dataclass(slots=True)
class Suite:
    """What came of a file: cases of one dialplan, or findings."""

    file: str
    dialplan: Dialplan | None = None
    names: Names = field(default_factory=Names)
    cases: list[Case] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)


def read_suite(path: Path) -> Suite:
    """Read a file of tests and its dialplan."""
    filename = printable(str(path))
    report = Report(filename)
    suite = Suite(filename)
    text = read_text(path, report).removeprefix("\ufeff")
    suite.sources[filename] = text
    root = None if report.errors else compose(text, report)
    file = _validate(root, report) if root is not None else None
    if file is not None and root is not None:
        _load_dialplan(suite, path, file, root, report)
    if suite.dialplan is not None and file is not None and root is not None:
        reader = _Reader(suite.dialplan, suite.names, root, report)
        suite.cases = [case for index, model in enumerate(file.tests) for case in reader.read(index, model)]
    suite.findings += report.sorted()
    return suite


def _load_dialplan(suite: Suite, path: Path, file: TestFileModel, root: Node, report: Report) -> None:
    beside = path.name.removesuffix(SUFFIX) + ".yaml"
    target = path.parent / (file.dialplan or beside)
    loaded = load(target)
    suite.dialplan = loaded.dialplan
    if loaded.dialplan is None:
        suite.sources.update(loaded.sources)
        suite.findings += [found for found in loaded.diagnostics if found.severity == "error"]
        at = find(root, ("dialplan",)) if file.dialplan else root
        hint = "mend it first" if target.is_file() else "name the dialplan of these tests: 'dialplan: FILE.yaml'"
        report.error(at, "CANNOT_READ", f"the dialplan {quoted(str(target))} cannot be used", hint)
        return
    suite.names = find_names(loaded.dialplan)


# --------------------------------------------------------------------------- the language


def _model_of(owner: Loc) -> type[Section]:
    match owner:
        case ("tests", _, "timeline", _):
            return EntryModel
        case ("tests", _, "call"):
            return CallModel
        case ("tests", _, "message"):
            return MessageModel
        case ("tests", _, "expect"):
            return ExpectModel
        case ("tests", _):
            return CaseModel
        case _:
            return TestFileModel


def _describe(root: Node, loc: Loc) -> str:
    match loc:
        case ("tests", int(index), *rest):
            name = find(root, ("tests", index, "name"))
            words = [f"test {quoted(name.text) if isinstance(name, ScalarNode) and name.text else index + 1}"]
        case _:
            words, rest = [], list(loc)
    keys = [f"key {quoted(step)}" if isinstance(step, str) else f"entry {step + 1}" for step in rest]
    return ", ".join([*words, *keys])


WORDS = Words(_describe, _model_of)


def _validate(root: Node, report: Report) -> TestFileModel | None:
    """The models; tests that are wrong are cut out, so that the others are looked at all the same."""
    if not isinstance(root, MapNode):
        report.error(root, "WRONG_KIND", "a file of tests must be a mapping", "begin with 'version: 1' and 'tests:'")
        return None
    try:
        return TestFileModel.model_validate(to_data(root))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    explain_errors(root, details, report, WORDS)
    tests = root.entries.get("tests")
    if not isinstance(tests, ListNode) or any(detail["loc"][:1] != ("tests",) for detail in details):
        return None
    wrong = {detail["loc"][1] for detail in details if len(detail["loc"]) > 1}
    tests.items = [item for index, item in enumerate(tests.items) if index not in wrong]
    if not tests.items:
        return None
    return TestFileModel.model_validate(to_data(root))


# --------------------------------------------------------------------------- values against each other


class _Reader:
    """From models to cases."""

    def __init__(self, dialplan: Dialplan, names: Names, root: Node, report: Report) -> None:
        self._dialplan, self._names, self._root, self._report = dialplan, names, root, report
        self._seen: dict[str, Node] = {}

    def read(self, index: int, case: CaseModel) -> Iterator[Case]:
        """The case, if nothing is wrong with it."""
        before = self._report.errors
        base: Loc = ("tests", index)

        def place(loc: Loc) -> Node:
            return find(self._root, (*base, *loc))

        self._check_name(case.name, place)
        self._check_subject(case, place)
        if case.call is not None or case.message is not None:
            self._check_expect(case, place)
        moment = self._moment(case, place)
        given = tuple(self._changes(case.given, 0.0, ("given",), place))
        self._check_source(case.call, given, place)
        timeline = [
            change
            for number, entry in enumerate(case.timeline)
            for change in self._changes(entry.becomes, entry.at, ("timeline", number, "becomes"), place)
        ]
        if self._report.errors == before:
            timeline.sort(key=lambda change: change.at)
            yield Case(
                case.name,
                self._report.file,
                place,
                moment,
                given,
                case.call,
                case.message,
                tuple(timeline),
                case.expect,
            )

    def _error(self, at: Node, code: str, message: str, hint: str) -> None:
        self._report.error(at, code, message, hint)

    def _check_name(self, name: str, place: Callable[[Loc], Node]) -> None:
        at = place(("name",))
        if name in self._seen:
            self._error(at, "DUPLICATE", f"two tests are called {quoted(name)}", f"the first is at {self._seen[name]}")
        self._seen.setdefault(name, at)

    def _check_subject(self, case: CaseModel, place: Callable[[Loc], Node]) -> None:
        call, message = case.call, case.message
        if call is None and message is None:
            hint = "add call: {did: ...}, or message: {to: ...}"
            self._error(place(()), "MISSING_KEY", f"nothing happens in test {quoted(case.name)}", hint)
        elif call is not None and message is not None:
            hint = "keep one of the two, and make another test of the other"
            self._error(_key(place, "message"), "BOTH_KEYS", f"test {quoted(case.name)} has a call and a message", hint)
        elif call is not None:
            self._check_call(call, place)
        elif message is not None:
            self._check_message(message, place)

    def _check_call(self, call: CallModel, place: Callable[[Loc], Node]) -> None:
        if not self._dialplan.listen:
            self._error(_key(place, "call"), "NO_LISTENER", "no calls come in by this dialplan", "test its messages")
        name = call.from_trunk
        if name is not None and name not in self._dialplan.trunks:
            hint = self._names.hint(name, (Kind.TRUNK,))
            self._error(place(("call", "from_trunk")), "UNKNOWN_NAME", f"{quoted(name)} is no trunk", hint)

    def _check_source(self, call: CallModel | None, given: Iterable[Change], place: Callable[[Loc], Node]) -> None:
        """A call that comes from a dead trunk would never come."""
        name = call.from_trunk if call is not None else None
        for each in given:
            if each.kind is Kind.TRUNK and each.state.word in DEAD and name in each.members:
                message = f"no call comes from {quoted(str(name))}: {quoted(each.name)} is {each.state.word}"
                self._error(place(("call", "from_trunk")), "BAD_STATE", message, "take one of the two out")

    def _check_message(self, message: MessageModel, place: Callable[[Loc], Node]) -> None:
        messaging = self._dialplan.messaging
        if messaging is None:
            self._error(_key(place, "message"), "NO_PROVIDER", "this dialplan has no messages", "test its calls")
            return
        if message.to is None and message.email is None:
            self._error(place(("message",)), "MISSING_KEY", "the message goes to nobody", 'add to: "+14155550100"')
        if message.to is not None:
            try:
                read_recipient(message.to)
            except NotANumber as error:
                shown = f"{quoted(message.to)} is not a number that messages go to: {error}"
                self._error(place(("message", "to")), "BAD_NUMBER", shown, "write it as +14155550100")
        if message.cascade and message.cascade not in messaging.cascades:
            hint = f"there are {', '.join(messaging.cascades)}"
            shown = f"unknown cascade {quoted(message.cascade)}"
            self._error(place(("message", "cascade")), "UNKNOWN_NAME", shown, hint)

    def _moment(self, case: CaseModel, place: Callable[[Loc], Node]) -> float:
        if case.at is None:
            return USUAL.replace(tzinfo=zone_of(self._dialplan)).timestamp()
        try:
            return parse_moment(self._dialplan, case.at)
        except QuestionError as error:
            message, _, hint = str(error).partition(": ")
            self._error(place(("at",)), "BAD_MOMENT", message, hint)
            return 0.0

    def _changes(self, states: dict[str, State], at: float, loc: Loc, place: Callable[[Loc], Node]) -> Iterator[Change]:
        for name, state in states.items():
            if name not in self._names.kinds:
                key = _key(place, name, loc)
                self._error(key, "UNKNOWN_NAME", f"nobody is called {quoted(name)}", self._names.hint(name))
                continue
            kind = self._names.kind_of(name, state)
            if kind is None:
                message = f"{quoted(name)} cannot be {quoted(state.word)}"
                self._error(place((*loc, name)), "BAD_STATE", message, f"write {self._names.may_be(name)}")
                continue
            yield Change(at, name, kind, self._names.kinds[name][kind], state, _key(place, name, loc))

    # -- expect

    def _check_expect(self, case: CaseModel, place: Callable[[Loc], Node]) -> None:
        expect, about = case.expect, "call" if case.call is not None else "message"
        if not expect.model_fields_set:
            hint = "add for example winner: NAME, or status: 486"
            self._error(place(("expect",)), "EMPTY", f"test {quoted(case.name)} expects nothing", hint)
        known = _OF_CALLS if about == "call" else _OF_MESSAGES
        for key in sorted(expect.model_fields_set - known):
            hint = f"write {', '.join(sorted(known))}"
            self._error(_key(place, key, ("expect",)), "UNKNOWN_KEY", f"{quoted(key)} says nothing of a {about}", hint)
        status = expect.status
        if status is not None and isinstance(status, str) is (about == "call"):
            fitting = "a SIP status such as 486" if about == "call" else "completed, exhausted or refused"
            message = f"{quoted(str(status))} is not how a {about} ends"
            self._error(place(("expect", "status")), "BAD_VALUE", message, f"write {fitting}")
        if about == "call":
            self._check_names(expect, ("winner", "rang", "tried", "never"), (Kind.TRUNK, Kind.PHONE), place)
            self._check_names(expect, ("via", "shows"), (Kind.TRUNK,), place)
        else:
            self._check_names(expect, ("provider", "tried", "never"), (Kind.PROVIDER,), place)

    def _check_names(
        self, expect: ExpectModel, keys: tuple[str, ...], kinds: tuple[Kind, ...], place: Callable[[Loc], Node]
    ) -> None:
        for key in keys:
            value = getattr(expect, key)
            words = [value] if isinstance(value, str) else list(value or ())
            for number, word in enumerate(words):
                if word == NOBODY and len(words) == 1 and key not in ("via", "never", "shows"):
                    continue
                if not self._names.kinds.get(word, {}).keys() & set(kinds):
                    at = place(("expect", key, number))
                    at = _key(place, word, ("expect", key)) if isinstance(value, dict) else at
                    what = " or ".join(str(kind) for kind in kinds)
                    self._error(at, "UNKNOWN_NAME", f"{quoted(word)} is no {what}", self._names.hint(word, kinds))


def _key(place: Callable[[Loc], Node], name: str, loc: Loc = ()) -> Node:
    """The node of a key itself."""
    parent = place(loc)
    return parent.keys.get(name, parent) if isinstance(parent, MapNode) else parent

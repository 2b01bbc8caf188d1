"""YAML text -> nodes with positions.

Owns reading the file, YAML's syntax and what this language leaves out of YAML: tags, merge keys, several documents,
duplicate keys. Must not know a single key of the language.

Scalars stay text, whatever they look like: YAML would read +15551230001 as an integer, 0123 as 83, 22:30:00 as 81000
and no as False. Nodes are built from parser events without recursion, so no nesting and no alias can exhaust the
stack or the memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controller.config.diagnostics import Mistake, Report, Span, printable, quoted

MAX_BYTES = 8 << 20  # 10,000 DIDs take half a megabyte
MAX_DEPTH = 20  # the language needs 6
MAX_REPEATED = 100_000  # nodes that aliases may add: a bomb of 30 lines adds 10^9

#: The C parser is ten times as fast; the other one is for machines without libyaml.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: What YAML 1.2 §5.1 does not let into a file; the parser would name it without line and column.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

# --------------------------------------------------------------------------- nodes


@dataclass(slots=True, eq=False, kw_only=True)
class Node(Span):
    """A value and where it stands. ``size`` and ``height`` count what aliases repeat as well."""

    size: int = 1
    height: int = 1
    anchored: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class ScalarNode(Node):
    """Text. ``plain`` means without quotes."""

    text: str
    plain: bool = True

    @property
    def is_blank(self) -> bool:
        """Nothing was written where a value belongs."""
        return self.plain and not self.text


@dataclass(slots=True, eq=False, kw_only=True)
class ListNode(Node):
    """Items in order. ``numbers``: how the operator counts them, where some were cut out because they were wrong."""

    items: list[Node] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


@dataclass(slots=True, eq=False, kw_only=True)
class MapNode(Node):
    """Values and key nodes by key. ``lost``: keys that were cut out because they were wrong."""

    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, ScalarNode] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)


def to_data(node: Node) -> Any:
    """Plain lists, dicts and strings; recursion is bounded by `MAX_DEPTH`."""
    if isinstance(node, MapNode):
        return {key: to_data(value) for key, value in node.entries.items()}
    if isinstance(node, ListNode):
        return [to_data(item) for item in node.items]
    assert isinstance(node, ScalarNode)
    return node.text


# --------------------------------------------------------------------------- files


def read_text(path: Path, report: Report) -> str:
    """The text of a file. What cannot be read is reported, and as much as possible returned to be shown."""
    top = Span(1, 1, 2)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        report.error(top, "CANNOT_READ", f"cannot read the file: {reason}", "check the path and its permissions")
        return ""
    except ValueError:  # a NUL in the name
        report.error(top, "CANNOT_READ", "cannot read the file: no such name", "check the path")
        return ""
    report.inputs.note_file(path, data)
    return decode(data, report)


def decode(data: bytes, report: Report) -> str:
    """The text of what was read, at most a byte more than is taken; the same is reported as by `read_text`."""
    top = Span(1, 1, 2)
    if len(data) > MAX_BYTES:
        report.error(top, "TOO_LARGE", f"file is larger than {MAX_BYTES >> 20} MiB", "is this the right file?")
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        text = data.decode("utf-8", "replace")
        place = _place(data[: error.start].decode("utf-8", "replace"))
        report.error(place, "NOT_UTF8", f"byte 0x{data[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return text


def _place(before: str) -> Span:
    """Where the character after this text stands."""
    *_, last = lines = _LINE_BREAK.split(before)
    return Span(len(lines), len(last) + 1, len(last) + 2)


# --------------------------------------------------------------------------- composing


def compose(text: str, report: Report, begin: str = "begin with 'version: 1'") -> Node | None:
    """Read one YAML document. None when there is none or when what follows could only mislead.

    ``begin`` is the advice for an empty file.
    """
    if match := _FORBIDDEN.search(text):
        message = f"character U+{ord(match[0]):04X} cannot stand in a YAML file"
        report.error(_place(text[: match.start()]), "BAD_CHARACTER", message, "remove it; is this a text file?")
        return None
    composer = _Composer(report)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            composer.take(event)
    except _Refused as refused:
        report.error(refused.at, refused.why.code, refused.why.message, refused.why.hint)
        return None
    except yaml.MarkedYAMLError as error:
        at, why = _explain(error, text)
        report.error(at, why.code, why.message, why.hint)
        return None
    root = composer.root
    if root is None or (isinstance(root, ScalarNode) and root.is_blank):
        report.error(Span(1, 1, 2), "EMPTY_FILE", "file is empty", begin)
        return None
    return root


class _Refused(Exception):  # a way out of the composer, not an error of ours
    def __init__(self, at: Span, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.at = at
        self.why = Mistake(code, message, hint)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    node: MapNode | ListNode
    anchor: str | None
    key: ScalarNode | None = None


class _Composer:
    """Builds nodes from parser events."""

    def __init__(self, report: Report) -> None:
        self.root: Node | None = None
        self._report = report
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._repeated = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        if isinstance(event, yaml.ScalarEvent):
            at = _span(event)
            self._check_properties(event, at)
            plain = not event.style  # None or "", as the parser likes
            node = ScalarNode(line=at.line, col=at.col, end_col=at.end_col, text=event.value, plain=plain)
            self._place(self._finish(node, event.anchor))
        elif isinstance(event, yaml.CollectionStartEvent):
            at = _span(event)
            self._check_properties(event, at)
            kind = MapNode if isinstance(event, yaml.MappingStartEvent) else ListNode
            self._open.append(_Open(kind(line=at.line, col=at.col, end_col=at.col + 1), event.anchor))
            self._check_depth(at, len(self._open))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._open.pop()
            self._place(self._finish(done.node, done.anchor))
        elif isinstance(event, yaml.AliasEvent):
            self._repeat(event.anchor or "", _span(event))
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _Refused(_span(event), "TWO_DOCUMENTS", "a second document begins here", "keep one in a file")

    def _check_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, at: Span) -> None:
        if event.tag is not None:
            message = f"YAML tag {quoted(event.tag.replace('tag:yaml.org,2002:', '!!'))} is not understood"
            raise _Refused(at, "TAG", message, "remove it; quote the value if it begins with '!'")
        if event.anchor is not None:
            taken = event.anchor in self._anchors or any(event.anchor == opened.anchor for opened in self._open)
            if taken:
                message = f"anchor {quoted('&' + event.anchor)} is defined twice"
                raise _Refused(at, "DUPLICATE_ANCHOR", message, "give each anchor its own name")

    def _check_depth(self, at: Span, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Refused(at, "TOO_DEEP", f"nested more than {MAX_DEPTH} levels deep", "is a bracket too many here?")

    def _finish(self, node: Node, anchor: str | None) -> Node:
        if anchor is not None:
            node.anchored = True
            self._anchors[anchor] = node
        return node

    def _repeat(self, anchor: str, at: Span) -> None:
        node = self._anchors.get(anchor)
        if node is None:
            name = quoted("*" + anchor)
            if any(anchor == opened.anchor for opened in self._open):
                raise _Refused(at, "BAD_ALIAS", f"alias {name} repeats what it stands in", "remove it")
            raise _Refused(at, "BAD_ALIAS", f"alias {name} has no anchor", f"define {quoted('&' + anchor)} above it")
        self._repeated += node.size
        if self._repeated > MAX_REPEATED:
            raise _Refused(at, "ALIAS_BOMB", f"aliases repeat more than {MAX_REPEATED} values", "write them out")
        self._check_depth(at, len(self._open) + node.height)
        if self._open and isinstance(self._open[-1].node, MapNode) and self._open[-1].key is None:
            raise _Refused(at, "BAD_KEY", "an alias cannot be a key", "write the key out")
        self._place(node)

    def _place(self, node: Node) -> None:
        if not self._open:
            self.root = node
            return
        into = self._open[-1]
        parent = into.node
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if isinstance(parent, ListNode):
            parent.items.append(node)
        elif into.key is None:
            into.key = self._check_key(node)
        else:
            key, into.key = into.key, None
            if key.text in parent.entries:
                self._note_duplicate(parent, key, node)
            else:
                parent.keys[key.text] = key
                parent.entries[key.text] = node

    def _check_key(self, node: Node) -> ScalarNode:
        if not isinstance(node, ScalarNode):
            raise _Refused(node, "BAD_KEY", "a key must be a word, not a list or a mapping", "write 'key: value'")
        if node.plain and node.text == "<<":
            hint = "repeat the keys, or put what is common into 'defaults'"
            raise _Refused(node, "MERGE_KEY", "merge keys ('<<') are not understood", hint)
        return node

    def _note_duplicate(self, parent: MapNode, key: ScalarNode, second: Node) -> None:
        """A key that comes again is an error; what it holds is still looked at, so that no error hides another."""
        first = parent.entries[key.text]
        hint = f"first at {parent.keys[key.text]}: remove or rename one of the two"
        self._report.error(key, "DUPLICATE_KEY", f"duplicate key {quoted(key.text)}", hint)
        if first.anchored or second.anchored:
            return  # joining what aliases repeat would grow without bound
        if isinstance(first, MapNode) and isinstance(second, MapNode):
            for name in second.entries.keys() - first.entries.keys():
                first.entries[name] = second.entries[name]
                first.keys[name] = second.keys[name]
        elif isinstance(first, ListNode) and isinstance(second, ListNode):
            first.items += second.items


def _span(event: yaml.Event) -> Span:
    start, end = event.start_mark, event.end_mark
    assert start is not None
    assert end is not None
    end_col = end.column if end.line == start.line and end.column > start.column else start.column + 1
    return Span(start.line + 1, start.column + 1, end_col + 1)


# --------------------------------------------------------------------------- YAML's own errors


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[Span, Mistake]:
    """Say a syntax error in the words of somebody who writes YAML, not of somebody who parses it."""
    problem, context = error.problem or "", error.context or ""
    mark = error.problem_mark or error.context_mark
    at = Span(mark.line + 1, mark.column + 1, mark.column + 2) if mark else Span(1, 1, 2)
    begin = error.context_mark
    opened = Span(begin.line + 1, begin.column + 1, begin.column + 2) if begin else at
    lines = _LINE_BREAK.split(text)
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    char = line[at.col - 1 : at.col]

    if "tab" in problem.split() or ("cannot start any token" in problem and char == "\t"):
        return at, Mistake("TAB", "a tab cannot indent YAML", "use spaces")
    if "alias" in context and not context.endswith("alias node"):
        hint = 'write "*" for every other number; an alias is * and a name'
        return opened, _syntax("a bare '*' is the sign for an alias", hint)
    if "cannot start any token" in problem:
        return at, _syntax(f"a value cannot begin with {quoted(char)}", "put the value in quotes")
    if "mapping values are not allowed" in problem:
        hint = "check the indentation and the space after each ':', or put the value in quotes"
        return at, _syntax("a ':' is not expected here", hint)
    if "quoted scalar" in context and "end of" in problem:
        quote = lines[opened.line - 1][opened.col - 1]
        return opened, _syntax("the quote that opens here is never closed", f"close it with {quote}")
    if "escape" in problem:
        return at, _syntax("unknown escape after '\\'", "write '\\\\', or use single quotes")
    if "could not find expected ':'" in problem:
        return opened, _syntax("a ':' is missing after this key", "write 'key: value'")
    for kind, name, closing in (("flow sequence", "list", "]"), ("flow mapping", "mapping", "}")):
        if kind in context:
            message = f"a ',' or the closing '{closing}' is missing"
            return at, _syntax(message, f"the {name} opens at {opened}")
    if "block" in context and "expected" in problem:
        hint = f"check indentation and quotes; what it should belong to begins at {opened}"
        return at, _syntax("this does not fit in here", hint)
    if "node content" in problem:
        return at, _syntax("a value is missing here", "write a value, or close the brackets before")
    return at, _syntax(f"not valid YAML: {printable(problem or 'unreadable')}", "check this line and the one above")


def _syntax(message: str, hint: str) -> Mistake:
    return Mistake("YAML_SYNTAX", message, hint)

"""A dialplan in several files: what `include` names is read and joined, every node knowing its file.

Owns reading and joining; a section may be spread over files, a key of it may stand once. Files are named from the
folder of the file that includes them; an included file includes nothing, so there are no circles.
"""

from __future__ import annotations

from pathlib import Path

from controller.config.diagnostics import Report, Span, printable, quoted
from controller.config.source import ListNode, MapNode, Node, ScalarNode, compose, read_text

MAX_FILES = 100


def join_includes(root: Node, report: Report, sources: dict[str, str]) -> None:
    """Read what ``root`` includes into it; ``sources`` gets the texts."""
    if not isinstance(root, MapNode) or "include" not in root.entries:
        return
    written = root.entries["include"]
    items = written.items if isinstance(written, ListNode) else [written]
    named = [item for item in items if isinstance(item, ScalarNode) and not item.is_blank]
    mark_file(root, report.file)
    if len(named) > MAX_FILES:
        report.error(written, "BAD_INCLUDE", f"more than {MAX_FILES} files are included", "join some of them")
        return
    for item in named:
        path = Path(report.file).parent / item.text
        name = printable(str(path))
        if name in sources:
            report.error(item, "BAD_INCLUDE", f"{quoted(item.text)} is included twice", "remove it")
            continue
        part = _read(path, name, item, report, sources)
        if part is not None:
            _join(root, part, report)


def _read(path: Path, name: str, item: Node, report: Report, sources: dict[str, str]) -> MapNode | None:
    found = Report(name)
    text = read_text(path, found).removeprefix("\ufeff")
    if found.errors and not text:
        for problem in found.sorted():
            report.error(item, problem.code, f"{problem.message} {quoted(name)}", problem.hint)
        return None
    sources[name] = text
    part = None if found.errors else compose(text, found)
    report.join(found)
    if part is None:
        return None
    mark_file(part, name)
    if isinstance(part, MapNode):
        return part
    report.error(part, "WRONG_KIND", "an included file must be a mapping", "begin with a section, such as 'routes:'")
    return None


def _join(root: MapNode, part: MapNode, report: Report) -> None:
    for section, node in part.entries.items():
        key = part.keys[section]
        mine = root.entries.get(section)
        if section == "include":
            report.error(key, "BAD_INCLUDE", "an included file cannot include others", "name all in the first file")
        elif mine is None:
            root.entries[section], root.keys[section] = node, key
        elif isinstance(mine, MapNode) and isinstance(node, MapNode):
            for name, value in node.entries.items():
                if name in mine.entries:
                    hint = f"first at {mine.keys[name]}: remove or rename one of the two"
                    report.error(node.keys[name], "DUPLICATE_KEY", f"duplicate key {quoted(name)}", hint)
                else:
                    mine.entries[name], mine.keys[name] = value, node.keys[name]
        elif isinstance(mine, ListNode) and isinstance(node, ListNode):
            mine.items += node.items
        elif section != "version":
            hint = f"the other part stands at {root.keys[section]}: write both as a mapping, or both as a list"
            report.error(key, "WRONG_KIND", f"the parts of {quoted(section)} do not fit together", hint)


def mark_file(root: Node, name: str) -> None:
    """Tell every node below ``root`` in which file it stands."""
    seen: set[int] = set()
    waiting: list[Span] = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue  # what aliases repeat
        seen.add(id(node))
        node.file = name
        if isinstance(node, MapNode):
            waiting += [*node.entries.values(), *node.keys.values()]
        elif isinstance(node, ListNode):
            waiting += node.items

"""The order of sections: as in docs/dialplan.md, each with the comments above it.

Owns the order, and whose a comment between two sections is. A file with a section that it does not know keeps its order.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.config.layout.lines import Kind, Line

ORDER = (
    "version", "include", "listen", "access", "tls", "dns", "defaults", "users", "trunks", "probes", "sites", "tenants",
    "hours", "media", "endpoints", "chains", "routes", "providers", "cascades", "policies", "templates", "messages",
    "console", "records", "mqtt", "alerts", "otel",
)  # fmt: skip
_PLACES = {section: place for place, section in enumerate(ORDER)}
_MODELINE = "yaml-language-server"


@dataclass(slots=True)
class _Section:
    name: str
    lines: list[Line]  # without blank ones at either end
    is_apart: bool  # a blank line stands before it


def order_sections(lines: list[Line]) -> list[Line]:
    """The same lines, section by section in their order."""
    starts = [index for index, line in enumerate(lines) if line.path == ()]
    names = [lines[index].key for index in starts]
    places = [_PLACES.get(name, -1) for name in names]
    if -1 in places or len(set(names)) < len(names) or places == sorted(places):
        return lines
    head_end = _end_of_head(lines[: starts[0]])
    head = lines[:head_end]
    sections: list[_Section] = []
    rest = lines[head_end : starts[0]]  # comments that belong to the first one
    for name, start, end in zip(names, starts, [*starts[1:], len(lines)], strict=True):
        body = [*rest, *lines[start:end]]
        cut = _begin_of_next(body) if end < len(lines) else _begin_of_foot(body)
        body, rest = body[:cut], _at_margin(body[cut:])
        is_apart = bool(body) and body[0].kind is Kind.BLANK
        sections.append(_Section(name, _stripped(body), is_apart))
    first = sections[0]
    sections.sort(key=lambda section: _PLACES[section.name])
    # the section that is first now stands where the first one stood, and that has what stood before the other
    first.is_apart, sections[0].is_apart = sections[0].is_apart, bool(head) and head[-1].kind is Kind.BLANK
    found = _stripped(head)
    for section in sections:
        if section.is_apart and found:
            found.append(Line(Kind.BLANK))
        found += section.lines
    return found + rest


def _at_margin(lines: list[Line]) -> list[Line]:
    """What belonged to nothing above it, wherever it stood."""
    for line in lines:
        line.indent, line.follows = 0, None
    return lines


def _stripped(lines: list[Line]) -> list[Line]:
    kept = [index for index, line in enumerate(lines) if line.kind is not Kind.BLANK]
    return lines[kept[0] : kept[-1] + 1] if kept else []


def _end_of_head(lines: list[Line]) -> int:
    """The comment at the top is about the file; one that stands right above the first section, below others, about that."""
    last = len(lines)
    while last and lines[last - 1].kind is Kind.COMMENT:
        last -= 1
    about_section = 0 < last < len(lines) and not any(_MODELINE in line.raw for line in lines[last:])
    has_more = any(line.kind is Kind.COMMENT for line in lines[:last])
    return last if about_section and has_more else len(lines)


def _begin_of_next(body: list[Line]) -> int:
    """Where a section ends and what belongs to the next one begins: comments at the margin that no blank line parts from it."""
    last = _last_content(body)
    begin = last + 1
    while begin < len(body) and body[begin].kind is Kind.COMMENT and (body[begin].indent or body[begin].follows):
        begin += 1
    if begin < len(body) and body[begin].kind is Kind.COMMENT:  # right below this section
        end = begin
        while end < len(body) and body[end].kind is Kind.COMMENT:
            end += 1
        if end < len(body):
            begin = end  # a blank line parts it from the next one
    return begin


def _begin_of_foot(body: list[Line]) -> int:
    """What stands apart at the end of the file stays there."""
    index = _last_content(body) + 1
    while index < len(body) and body[index].kind is Kind.COMMENT:
        index += 1
    return index


def _last_content(body: list[Line]) -> int:
    return max(index for index, line in enumerate(body) if line.kind in {Kind.CONTENT, Kind.RAW})

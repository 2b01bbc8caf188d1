"""Texts and JSON bodies with places that each message fills: ``{to}``, ``{lifetime:30-3600}``, ``{language|en}``.

Owns their syntax and putting in what is the same for every message. Which names there are is `http_compile`'s
business; how a message fills them that of `controller.channels.http.template`.

``{{`` and ``}}`` are braces. ``{NAME:LOW-HIGH}`` keeps a number within bounds, ``{NAME|TEXT}`` stands for TEXT where the
message has nothing. In JSON ``{=true}`` is a value that is no text, a key that ends in "?" is left out where it would be
empty, and a list's item ``{each param: ...}`` is repeated for each parameter of the message.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controller.config.diagnostics import Mistake, quoted
from controller.types.http import Array, Body, EachParam, Entry, Literal, Object, Slot, Text

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SLOT = re.compile(r"([a-z][a-z0-9_]*(?:\.[\w-]+)?)(?::([0-9]{1,9})-([0-9]{1,9}))?(?:\|(.*))?", re.DOTALL)
_EACH = "each param"


def parse_template(text: str) -> Text:
    """Read a text with places; raises `Mistake`."""
    pieces: list[str | Slot] = []
    end = 0
    for match in _PIECE.finditer(text):
        pieces.append(text[end : match.start()])
        end = match.end()
        if match[1] is not None:
            pieces.append(_parse_slot(match[1]))
        elif len(match[0]) == 1:
            hint = f"write {match[0] * 2} for a brace of the text itself"
            raise Mistake("BAD_TEMPLATE", f"a brace of {quoted(text)} stands alone", hint)
        else:
            pieces.append(match[0][0])
    pieces.append(text[end:])
    return _join(pieces)


def _parse_slot(inside: str) -> Slot:
    match = _SLOT.fullmatch(inside)
    if match is None:
        hint = "write {NAME}, {NAME:LOW-HIGH} or {NAME|TEXT}; {{ and }} are braces of the text itself"
        raise Mistake("BAD_TEMPLATE", f"{quoted('{' + inside + '}')} is not a place in a template", hint)
    return Slot(match[1], match[4] or "", int(match[2] or 0), int(match[3] or 0))


def parse_body(data: Any) -> Body:
    """Read a JSON body out of plain data; raises `Mistake`."""
    if isinstance(data, Mapping):
        return Object(tuple(_parse_entry(str(key), value) for key, value in data.items()))
    if isinstance(data, list):
        return Array(tuple(_parse_item(item) for item in data))
    text = str(data)
    if text.startswith("{=") and text.endswith("}"):
        try:
            return Literal(json.loads(text[2:-1]))
        except ValueError:
            hint = "write for example {=true}, {=5} or {=null}"
            raise Mistake("BAD_TEMPLATE", f"{quoted(text)} holds no JSON value", hint) from None
    return parse_template(text)


def _parse_entry(key: str, value: Any) -> Entry:
    return Entry(key.removesuffix("?"), parse_body(value), optional=key.endswith("?"))


def _parse_item(item: Any) -> Body | EachParam:
    if isinstance(item, Mapping) and list(item) == [_EACH]:
        return EachParam(parse_body(item[_EACH]))
    return parse_body(item)


def fill(body: Any, constant: Callable[[Slot], str | None]) -> Any:
    """Put in what ``constant`` knows, in all of a body; what it does not know stays a place."""
    if isinstance(body, Object):
        return Object(tuple(Entry(entry.key, fill(entry.value, constant), entry.optional) for entry in body.entries))
    if isinstance(body, Array):
        return Array(tuple(fill(item, constant) for item in body.items))
    if isinstance(body, EachParam):
        return EachParam(fill(body.item, constant))
    if isinstance(body, Literal):
        return body
    return _join([piece if isinstance(piece, str) else _known(piece, constant) for piece in body])


def _known(slot: Slot, constant: Callable[[Slot], str | None]) -> str | Slot:
    value = constant(slot)
    return slot if value is None else value or slot.default


def slots(body: Any) -> Iterator[Slot]:
    """All places of a body."""
    if isinstance(body, Object):
        for entry in body.entries:
            yield from slots(entry.value)
    elif isinstance(body, Array):
        for item in body.items:
            yield from slots(item)
    elif isinstance(body, EachParam):
        yield from slots(body.item)
    elif not isinstance(body, Literal):
        yield from (piece for piece in body if isinstance(piece, Slot))


def _join(pieces: list[str | Slot]) -> Text:
    """The same text in as few pieces as can be."""
    joined: list[str | Slot] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return tuple(joined)

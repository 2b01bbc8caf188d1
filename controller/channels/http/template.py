"""Filling templates with messages. Pure.

Owns what stands for each name in a template, and what is left out. Their syntax is `controller.config.templates`'.
"""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from controller.channels.base import Message
from controller.types.http import Array, Body, EachParam, HttpSettings, Literal, Object, Slot, Text

Values = Mapping[str, Any]

_NAMES = uuid.uuid5(uuid.NAMESPACE_DNS, "callward.invalid")  # in which send keys become UUIDs


def values_of(message: Message, settings: HttpSettings) -> dict[str, Any]:
    """What fills the places of a template: text, numbers, and the parameters as a mapping."""
    values: dict[str, Any] = {
        "to": message.to,
        "digits": message.to.removeprefix("+"),
        "text": _whole(message.text),
        "subject": _whole(message.subject),
        "from": message.sender or settings.sender,
        "template": message.template,
        "language": message.language,
        "params": {name: _whole(value) for name, value in message.params.items()},
        "channel": str(message.channel),
        "lifetime": max(1, math.ceil(message.lifetime)),
        "lifetime_ms": max(1, math.ceil(message.lifetime * 1000)),
    }
    values |= {f"param.{name}": _whole(value) for name, value in message.params.items()}
    return values | values_of_key(message.send_key)


def _whole(text: str) -> str:
    """Text that can be sent: JSON lets halves of characters in, UTF-8 lets none out."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def values_of_key(send_key: str) -> dict[str, Any]:
    """What a send key alone fills; the same key has the same UUID in every life of the daemon."""
    return {"key": send_key, "uuid": str(uuid.uuid5(_NAMES, send_key))}


def render(body: Body, values: Values) -> Any:
    """Plain data for JSON."""
    if isinstance(body, Object):
        return {
            entry.key: render(entry.value, values)
            for entry in body.entries
            if not (entry.optional and _is_empty(entry.value, values))
        }
    if isinstance(body, Array):
        done: list[Any] = []
        for item in body.items:
            if isinstance(item, EachParam):
                params = values.get("params", {}).items()
                done += [render(item.item, {**values, "name": name, "value": value}) for name, value in params]
            else:
                done.append(render(item, values))
        return done
    if isinstance(body, Literal):
        return body.value
    if len(body) == 1 and isinstance(body[0], Slot):
        return _fill(body[0], values)
    return render_text(body, values)


def render_text(text: Text, values: Values, *, url: bool = False) -> str:
    """Text; for a URL what fills it is quoted (RFC 3986 §2.1)."""
    return "".join(piece if isinstance(piece, str) else _quote(_write(_fill(piece, values)), url=url) for piece in text)


def render_fields(fields: Object, values: Values) -> dict[str, str]:
    """Fields of a form, query parameters or headers: all of them text."""
    return {key: _write(value) for key, value in render(fields, values).items()}


def _fill(slot: Slot, values: Values) -> Any:
    value = values.get(slot.name, "")
    if isinstance(value, int) and slot.most:
        return min(max(value, slot.least), slot.most)
    return slot.default if value in ("", {}) and slot.default else value


def _write(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _quote(value: str, *, url: bool) -> str:
    return quote(value, safe="") if url else value


def _is_empty(body: Any, values: Values) -> bool:
    """Whether any place within has nothing to fill it."""
    if isinstance(body, Object):
        return any(_is_empty(entry.value, values) for entry in body.entries if not entry.optional)
    if isinstance(body, Array):
        return any(_is_empty(item, values) for item in body.items)
    if isinstance(body, EachParam):
        return not values.get("params")
    if isinstance(body, Literal):
        return False
    return any(isinstance(piece, Slot) and _fill(piece, values) in ("", {}) for piece in body)

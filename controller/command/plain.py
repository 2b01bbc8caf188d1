"""Arguments read without pydantic: texts, numbers, paths, and lists of them.

Newer versions of typer have pydantic read every argument: a quarter of the time that a small command takes. Owns the reading
of what our commands take; whatever else there may be, and older versions, stay with typer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import typer

_READERS: dict[Any, tuple[Callable[[Any], Any], str]] = {
    str: (str, "a text"),
    Path: (Path, "a path"),
    int: (int, "a whole number"),
    float: (float, "a number"),
}


def read_plainly(param: Any) -> None:
    """Have one parameter read so, where it may be."""
    if getattr(param, "_runtime_param", ...) is not None:  # read already, or a typer that has none of it
        return
    annotation = param.type_descriptor.annotation
    kind = get_args(annotation)[0] if get_origin(annotation) is list else annotation
    if kind is bool:
        param._runtime_param = _Flag()  # where typer keeps it
    elif kind in _READERS:
        info = param.type_descriptor.parameter_info
        param._runtime_param = _Plain(kind, info.min, info.max)


class _Flag:
    """There or not: the parser has read it."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        return value


class _Plain:
    def __init__(self, kind: Any, least: float | None, most: float | None) -> None:
        self._read, self._what = _READERS[kind]
        self._least = least
        self._most = most

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """What typer hands to the command; `typer.BadParameter` where it is none."""
        is_many = param.multiple or param.nargs == -1
        if value is None:
            return () if is_many else None
        return [self._one(each, param, ctx) for each in value] if is_many else self._one(value, param, ctx)

    def _one(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            read = self._read(value)
        except ValueError:
            raise typer.BadParameter(f"{value!r} is not {self._what}", ctx=ctx, param=param) from None
        if (self._least is not None and read < self._least) or (self._most is not None and read > self._most):
            raise typer.BadParameter(f"{read} is not {self._range()}", ctx=ctx, param=param)
        return read

    def _range(self) -> str:
        if self._most is None:
            return f"{self._least} or more"
        return f"{self._most} or less" if self._least is None else f"between {self._least} and {self._most}"

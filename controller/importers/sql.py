"""Rows of a MySQL dump, with their lines.

Owns the words of a dump that matter: CREATE TABLE for the names of columns, INSERT and REPLACE for rows. Nothing is executed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

_STRING = r"'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\""
_NAME = r"`(?:[^`]++|``)*+`"
_TOKEN = re.compile(
    rf"(?P<string>{_STRING})|(?P<name>{_NAME})"
    r"|(?P<comment>--[^\n]*|\#[^\n]*|/\*.*?\*/)"
    r"|(?P<word>[A-Za-z0-9_.$+-]+)|(?P<sign>[(),;=])|(?P<line>\n)|(?P<other>[^\s])",
    re.DOTALL,
)
#: All up to the end of a statement.
_REST = re.compile(rf"(?:[^'\"`;]++|{_STRING}|{_NAME})*+;?", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "Z": "\x1a", "b": "\b"}
_NO_COLUMNS = {"KEY", "PRIMARY", "UNIQUE", "CONSTRAINT", "INDEX", "FULLTEXT", "SPATIAL", "FOREIGN", "CHECK"}


@dataclass(slots=True)
class _Statement:
    words: list[tuple[str, str]] = field(default_factory=list)  # kind and text, up to the first bracket
    depth: int = 0
    lists: int = 0  # brackets that were closed on the outermost level
    columns: list[str] = field(default_factory=list)
    row: list[str] = field(default_factory=list)
    begun: int = 0  # the line of the row
    fresh: bool = True  # a column or value begins


def read_dump(text: str, wanted: Collection[str]) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Table, line and row of all tables that are wanted. A row whose columns are not known is left out."""
    columns: dict[str, list[str]] = {}
    statement = _Statement()
    line, at = 1, 0
    while token := _TOKEN.search(text, at):
        kind, value, at = token.lastgroup or "", token[0], token.end()
        if kind == "sign" and value == ";":
            statement = _Statement()
        elif kind == "sign" and value in "()":
            if not statement.depth and _what(statement)[1] not in wanted:  # records of calls are nearly all of a dump
                rest = _REST.match(text, at)
                assert rest is not None  # it matches nothing at all, too
                value, at = rest[0], rest.end()
                statement = _Statement()
            else:
                yield from _bracket(statement, value, columns, line)
        elif kind not in {"line", "comment"} and not statement.depth:
            statement.words.append((kind, value))
        elif kind not in {"line", "comment"} and statement.depth == 1:
            _take(statement, kind, value)
        line += value.count("\n")


def _bracket(
    statement: _Statement, sign: str, columns: dict[str, list[str]], line: int
) -> Iterator[tuple[str, int, dict[str, str]]]:
    if sign == "(":
        statement.depth += 1
        if statement.depth == 1:
            statement.row, statement.begun, statement.fresh = [], line, True
        return
    statement.depth = max(0, statement.depth - 1)
    if statement.depth:
        return
    verb, table = _what(statement)
    if verb == "CREATE":
        if not statement.lists:
            columns[table] = statement.columns
    elif verb in {"INSERT", "REPLACE"}:
        said = {word.upper() for kind, word in statement.words if kind == "word"}
        if not said & {"VALUES", "VALUE"}:
            statement.columns = [_unquote(value) for value in statement.row]
        else:
            names = statement.columns or columns.get(table, [])
            if len(names) == len(statement.row):
                yield table, statement.begun, dict(zip(names, statement.row, strict=True))
    statement.lists += 1


def _take(statement: _Statement, kind: str, value: str) -> None:
    """A token within the outermost bracket: a column of CREATE, else a column or value of INSERT."""
    if kind == "sign" and value == ",":
        statement.fresh = True
        return
    if not statement.fresh:
        if kind == "string" and statement.row and statement.row[-1].startswith("_"):  # _binary 'text'
            statement.row[-1] = _unquote(value)
        return
    statement.fresh = False
    if _what(statement)[0] == "CREATE":
        if value.upper() not in _NO_COLUMNS:
            statement.columns.append(_unquote(value))
        return
    statement.row.append("" if kind == "word" and value.upper() == "NULL" else _unquote(value))


def _what(statement: _Statement) -> tuple[str, str]:
    """The verb of a statement, and the table it is about."""
    words = statement.words
    verb = words[0][1].upper() if words else ""
    skipped = {verb, "TABLE", "IF", "NOT", "EXISTS", "INTO", "IGNORE", "LOW_PRIORITY", "DELAYED", "VALUES"}
    named = [(kind, value) for kind, value in words[1:] if kind == "name" or value.upper() not in skipped]
    while len(named) > 2 and named[1][1] == ".":  # `database`.`table`
        del named[:2]
    return verb, _unquote(named[0][1]).rpartition(".")[2].lower() if named else ""


def _unquote(value: str) -> str:
    if value[:1] == "`":
        return value[1:-1].replace("``", "`")
    if value[:1] not in {"'", '"'}:
        return value
    quote, inside = value[0], value[1:-1]
    return re.sub(
        rf"\\(.)|{quote}{quote}",
        lambda match: _ESCAPED.get(match[1], match[1]) if match[1] else quote,
        inside,
        flags=re.DOTALL,
    )

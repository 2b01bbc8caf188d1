"""Tables of FreePBX out of files: CSV, JSON or a MySQL dump -> rows with their lines.

Owns which tables there are and by what they are known: their names, or, where a file has none, their columns. Must not know
what a row means.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from json import decoder, scanner
from pathlib import Path
from typing import Any

from controller.importers.inputs import name_of, read_text
from controller.importers.notes import Place, UnreadableError
from controller.importers.sql import read_dump

#: Each table with columns that no other one has together; the first that fits counts.
_KNOWN_BY: dict[str, tuple[set[str], ...]] = {
    "outbound_route_trunks": ({"route_id", "trunk_id"},),
    "outbound_route_patterns": ({"route_id", "match_pattern_pass"},),
    "outbound_routes": ({"route_id", "name"},),
    "outbound_route_sequence": ({"route_id", "seq"},),
    "trunks": ({"trunkid", "tech"}, {"trunkid", "channelid"}),
    "ringgroups": ({"grpnum", "grplist"},),
    "incoming": ({"extension", "destination"}, {"did", "destination"}),
    "pjsip": ({"id", "keyword", "data"},),
    "sip": ({"id", "keyword", "data"},),
    "users": ({"extension", "name"},),
}
TABLES = frozenset(_KNOWN_BY)


@dataclass(frozen=True, slots=True)
class Row:
    """One row. Keys are lower case; what is NULL or left out is ""."""

    at: Place
    values: Mapping[str, str]

    def get(self, name: str) -> str:
        """A column, without the spaces around it."""
        return self.values.get(name, "").strip()


@dataclass(slots=True)
class Tables:
    """All rows, by table."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in _KNOWN_BY})

    def __getitem__(self, name: str) -> list[Row]:
        return self.rows[name]

    def read(self, path: Path) -> None:
        """Add what is in a file; raises `UnreadableError`."""
        text, file = read_text(path), name_of(path)
        before = sum(map(len, self.rows.values()))
        _read_any(text, path.suffix.lower())(self, text, file, path.stem.lower())
        if sum(map(len, self.rows.values())) == before:
            hint = f"give {', '.join(sorted(TABLES))}: as CSV with its head, as JSON, or as a dump with CREATE TABLE"
            raise UnreadableError(Place(file, 1), "no row of a known table is in it", hint)

    def add(self, table: str, at: Place, values: Mapping[str, Any]) -> None:
        """Add a row."""
        cleaned = {str(key).strip().lower(): "" if value is None else str(value) for key, value in values.items()}
        if table == "incoming" and "did" in cleaned:  # as the older export of DIDs has it
            cleaned.setdefault("extension", cleaned["did"])
        self.rows[table].append(Row(at, cleaned))


def _read_any(text: str, suffix: str) -> Callable[[Tables, str, str, str], None]:
    head = text.lstrip()[:1]
    if suffix == ".json" or (suffix not in {".csv", ".tsv", ".sql"} and head in {"{", "["}):
        return _read_json
    if suffix == ".sql" or "INSERT INTO" in text[: 1 << 20].upper():
        return _read_sql
    return _read_csv


def _recognise(columns: set[str], name: str) -> str:
    """The table with these columns, "" if it is none; ``name``: what the file, or what stands above it, is called."""
    fitting = [table for table, known in _KNOWN_BY.items() if any(each <= columns for each in known)]
    named = [table for table in fitting if table == name]
    return (named or [table for table in sorted(fitting, key=len, reverse=True) if table in name] or fitting or [""])[0]


def _read_sql(tables: Tables, text: str, file: str, stem: str) -> None:
    for table, line, values in read_dump(text, TABLES):
        tables.add(table, Place(file, line), values)


def _read_csv(tables: Tables, text: str, file: str, stem: str) -> None:
    head = text.partition("\n")[0]
    between = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=between)
    try:
        columns = [column.strip().lower() for column in next(reader, [])]
        table = _recognise(set(columns), stem)
        if not table:
            return
        line = reader.line_num + 1
        for values in reader:
            if any(values):
                tables.add(table, Place(file, line), dict(zip(columns, values, strict=False)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableError(Place(file, reader.line_num), f"not CSV: {error}", "export it again") from None


# --------------------------------------------------------------------------- JSON


class _Decoder(json.JSONDecoder):
    """Notes where each object begins."""

    def __init__(self) -> None:
        super().__init__()
        self.begins: dict[int, int] = {}
        self.parse_object = self._object
        self.scan_once = scanner.py_make_scanner(self)  # type: ignore[attr-defined]

    def _object(self, place: tuple[str, int], *more: Any) -> tuple[Any, int]:
        found, end = decoder.JSONObject(place, *more)  # type: ignore[attr-defined]
        self.begins[id(found)] = place[1]
        return found, end


def _read_json(tables: Tables, text: str, file: str, stem: str) -> None:
    reader = _Decoder()
    try:
        whole = reader.decode(text)
    except json.JSONDecodeError as error:
        raise UnreadableError(Place(file, error.lineno), f"not JSON: {error.msg.lower()}", "export it again") from None
    except RecursionError:
        raise UnreadableError(Place(file, 1), "nested too deep", "is this an export of tables?") from None
    for name, row in _objects(whole, stem):
        columns = {str(key).strip().lower() for key in row}
        if table := _recognise(columns, name):
            begin = reader.begins[id(row)]
            tables.add(table, Place(file, text.count("\n", 0, begin) + 1), row)


def _objects(whole: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All objects that could be rows, with the name of what they stand in."""
    if isinstance(whole, list):
        for each in whole:
            yield from _objects(each, name)
    elif isinstance(whole, dict):
        inside = {key: value for key, value in whole.items() if isinstance(value, dict | list)}
        if not inside:
            yield name, whole
        for key, value in inside.items():
            own = str(whole.get("name", key)) if key == "data" else str(key)
            yield from _objects(value, own.lower())

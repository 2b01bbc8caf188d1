"""XML -> elements with their lines.

Owns what of XML is read: elements and attributes. All stands below a root of ours, where neither a document type nor an entity
can be declared: nothing is expanded, nothing is fetched, and who tries is refused. Pieces without a common root, as they come
out of databases, are read as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from controller.importers.inputs import name_of, read_bytes
from controller.importers.notes import Place, UnreadableError

MAX_DEPTH = 50
_DECLARATION = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<\?xml\s[^>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([\w.-]+)[\"']")
_DECLARED = re.compile("<!(DOCTYPE|ENTITY)")
_HINT = "give the XML of the dialplan, as FreeSWITCH reads it"
_ROOT = "callward"  # around everything


@dataclass(slots=True, eq=False)
class Element:
    """One element. ``at``: where it begins."""

    name: str
    at: Place
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)

    def get(self, name: str) -> str:
        """An attribute, "" without."""
        return self.attributes.get(name, "")

    def walk(self) -> Iterator[Element]:
        """It, and all below it, in order."""
        yield self
        for child in self.children:
            yield from child.walk()


def read_xml(path: Path) -> Element:
    """The elements of a file below one that stands for the file; raises `UnreadableError`."""
    return parse_xml(read_bytes(path), name_of(path))


def parse_xml(data: bytes, name: str) -> Element:
    """The same of what was read already."""
    reader = _Reader(name)
    text = _to_text(data, name)
    parser = reader.parser
    try:
        parser.Parse(f"<{_ROOT}>", False)
        parser.Parse(text, False)
        parser.Parse(f"</{_ROOT}>", True)
    except expat.ExpatError as error:
        if declared := _DECLARED.search(text):  # what stands below the root can declare nothing: the parser ends there
            at = Place(name, text.count("\n", 0, declared.start()) + 1)
            message = "a document type or an entity is declared"
            raise UnreadableError(at, message, "remove it: FreeSWITCH needs none, and none is read here") from None
        what = expat.ErrorString(error.code)
        raise UnreadableError(Place(name, error.lineno), f"not XML: {what}", _HINT) from None
    if not reader.root.children:
        raise UnreadableError(Place(name, 1), "not XML: there is no element in it", _HINT)
    return reader.root


def _to_text(data: bytes, name: str) -> str:
    """Without its declaration, so that pieces may stand in a row; its lines stay where they are."""
    declaration = _DECLARATION.match(data)
    encoding = "utf-8-sig"
    if declaration:
        found = _ENCODING.search(declaration[0])
        encoding = found[1].decode() if found and found[1].lower() != b"utf-8" else encoding
        data = b"\n" * declaration[0].count(b"\n") + data[declaration.end() :]
    try:
        return data.decode(encoding)
    except (LookupError, UnicodeDecodeError):
        raise UnreadableError(Place(name, 1), f"the text is not {encoding}", "save it as UTF-8") from None


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self.root = Element(_ROOT, Place(name), {})
        self._open = [self.root]
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == _ROOT and self._open[-1] is self.root and not self.root.children and len(self._open) == 1:
            self._open.append(self.root)
            return
        if len(self._open) > MAX_DEPTH:
            raise UnreadableError(self._here(), f"nested more than {MAX_DEPTH} levels deep", "is this a dialplan?")
        element = Element(name, self._here(), attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, name: str) -> None:
        self._open.pop()

    def _here(self) -> Place:
        return Place(self._name, self.parser.CurrentLineNumber)

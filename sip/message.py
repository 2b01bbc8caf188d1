"""SIP messages: a start line, ordered raw header lines, a body, and typed access on demand.

Owns the containers and their cheap edits. A header that nobody asks for is never parsed and leaves exactly as
it came, in its place; that is what makes a proxy transparent and fast. Must not know transactions.
"""

from __future__ import annotations

from sip.errors import RemoteProtocolError
from sip.headers import COMPACT, Via, find_tag, parse_cseq, parse_via, split_values


class _Names(dict[str, str]):
    """``"Via:"`` as it stands at the start of a line -> ``"via"``: one look-up for the usual spellings.

    Others are worked out each time and not kept: a peer must not be able to make it grow.
    """

    def __missing__(self, start: str) -> str:
        # blanks of SIP only: what is blank to Python alone (U+2028, VT) would hide a header from everybody else
        name = start[:-1].strip(" \t").lower()
        if not name:
            raise RemoteProtocolError("a header line without a name")
        if "\r" in name:
            raise RemoteProtocolError("a header name with a line end in it")
        return COMPACT.get(name, name)


HEADER_NAMES = _Names(
    (f"{name}:", name.lower())
    for name in (
        "Via From To Call-ID CSeq Max-Forwards Contact Content-Type Content-Length Route Record-Route Allow Supported "
        "Require User-Agent Server Accept Session-Expires Min-SE P-Asserted-Identity Reason RSeq RAck Event Expires "
        "Authorization WWW-Authenticate Proxy-Authorization Proxy-Authenticate Privacy Diversion History-Info "
        "Content-Disposition Content-Encoding Allow-Events Subject Date Warning Retry-After P-Preferred-Identity"
    ).split()
)
HEADER_NAMES.update({f"{short}:": name for short, name in COMPACT.items()})


def canonical_name(raw: str) -> str:
    """The lower-case long form of a header name as it was written."""
    return HEADER_NAMES[f"{raw}:"]


class Message:
    """What requests and responses share. ``names[i]`` is the canonical name of ``lines[i]``."""

    __slots__ = ("_call_id", "_cseq", "_via", "body", "lines", "names")

    lines: list[str]
    names: list[str]
    body: bytes

    def __init__(self, names: list[str], lines: list[str], body: bytes = b"") -> None:
        self.names = names
        self.lines = lines
        self.body = body
        self._via: Via | None = None
        self._cseq: tuple[int, str] | None = None
        self._call_id: str | None = None

    # -- reading

    @property
    def start_line(self) -> str:
        """The first line, without its line end; requests and responses have their own."""
        return ""

    def get(self, name: str) -> str | None:
        """The value of the first line of this header (canonical name), unfolded, or None."""
        try:
            index = self.names.index(name)
        except ValueError:
            return None
        return _value(self.lines[index])

    def get_all(self, name: str) -> list[str]:
        """All values of this header in order, comma-separated lists taken apart."""
        values: list[str] = []
        for index, candidate in enumerate(self.names):
            if candidate == name:
                values.extend(split_values(_value(self.lines[index])))
        return values

    def get_lines(self, name: str) -> list[str]:
        """The values of all lines of this header, whole: for those whose commas separate parameters (RFC 3261 §7.3.1)."""
        pairs = zip(self.names, self.lines, strict=True)
        return [_value(line) for candidate, line in pairs if candidate == name]

    def require(self, name: str) -> str:
        """Like `get`, but a missing header is the peer's fault."""
        value = self.get(name)
        if value is None:
            raise RemoteProtocolError(f"no {name.title()} header")
        return value

    @property
    def via(self) -> Via:
        """The top Via."""
        via = self._via
        if via is None:
            via = self._via = parse_via(split_values(self.require("via"))[0])
        return via

    @property
    def cseq(self) -> tuple[int, str]:
        """(number, method) of CSeq."""
        cseq = self._cseq
        if cseq is None:
            cseq = self._cseq = parse_cseq(self.require("cseq"))
        return cseq

    @property
    def call_id(self) -> str:
        """Call-ID, byte for byte (RFC 3261 §20.8: case matters)."""
        call_id = self._call_id
        if call_id is None:
            call_id = self._call_id = self.require("call-id")
        return call_id

    @property
    def from_tag(self) -> str:
        """Tag of From, "" when absent."""
        return find_tag(self.require("from"))

    @property
    def to_tag(self) -> str:
        """Tag of To, "" when absent."""
        return find_tag(self.require("to"))

    # -- editing

    def set(self, name: str, line: str) -> None:
        """Replace the first line of this header by ``line`` ("Name: value"), or append it."""
        if name == "cseq":
            self._cseq = None
        try:
            self.lines[self.names.index(name)] = line
        except ValueError:
            self.append(name, line)

    def append(self, name: str, line: str) -> None:
        """Add a line at the end."""
        self.names.append(name)
        self.lines.append(line)

    def prepend(self, name: str, line: str) -> None:
        """Add a line on top."""
        self.names.insert(0, name)
        self.lines.insert(0, line)
        if name == "via":
            self._via = None

    def remove_first_value(self, name: str) -> None:
        """Take away the first value of this header: the line, or its first element of a list."""
        index = self.names.index(name)
        rest = split_values(_value(self.lines[index]))[1:]
        if rest:
            self.lines[index] = f"{name.title()}: {', '.join(rest)}"
        else:
            del self.lines[index], self.names[index]
        if name == "via":
            self._via = None

    def replace_first_value(self, name: str, value: str) -> None:
        """Put another value in the place of the first one of this header."""
        index = self.names.index(name)
        rest = split_values(_value(self.lines[index]))[1:]
        self.lines[index] = f"{name.title()}: {', '.join([value, *rest])}"
        if name == "via":
            self._via = None

    def encode(self) -> bytes:
        """The bytes to send."""
        return "\r\n".join([self.start_line, *self.lines, "", ""]).encode("utf-8", "surrogateescape") + self.body

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.start_line!r}>"


class Request(Message):
    """A request."""

    __slots__ = ("method", "uri")

    method: str
    uri: str

    def __init__(self, method: str, uri: str, names: list[str], lines: list[str], body: bytes = b"") -> None:
        super().__init__(names, lines, body)
        self.method = method
        self.uri = uri

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"

    def copy(self) -> Request:
        """A copy whose lines can be edited without touching this one."""
        return Request(self.method, self.uri, self.names.copy(), self.lines.copy(), self.body)


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    status: int
    reason: str

    def __init__(self, status: int, reason: str, names: list[str], lines: list[str], body: bytes = b"") -> None:
        super().__init__(names, lines, body)
        self.status = status
        self.reason = reason

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"

    def copy(self) -> Response:
        """A copy whose lines can be edited without touching this one."""
        return Response(self.status, self.reason, self.names.copy(), self.lines.copy(), self.body)


def _value(line: str) -> str:
    value = line[line.index(":") + 1 :].strip()
    return " ".join(part.strip() for part in value.splitlines()) if "\n" in value else value

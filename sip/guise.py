"""From and To that the two sides of a dialog see differently: the exchange, and what must be remembered of it.

Whoever is shown another From or To than was sent must see the same one in every message of the dialog, and whoever
sent it must get his own back (RFC 3261 §12: peers of RFC 2543 compare them). Nothing is remembered here: what the
other side knows travels in our sealed Record-Route (`sip.route`), what the sender wrote in a sealed parameter of our
Via, which comes back in every response (`Note`).

Owns the exchange of addresses. Tags and other parameters of the headers are never touched: they are the dialog.
"""

from __future__ import annotations

from dataclasses import dataclass

from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Message
from sip.text import clean

#: What is remembered of an address travels in each message of the call, twice in an INVITE: longer ones lose their
#: display name, and what is longer without it is not restored at all. The tags are right all the same.
MAX_KEPT = 160  # bytes
IDENTITY = frozenset(("p-asserted-identity", "p-preferred-identity", "remote-party-id"))  # who somebody really is


@dataclass(frozen=True, slots=True)
class Note:
    """What the responses to a request of ours need: the addresses that its sender wrote, "" where they are as he did;
    ``hides``: he must not learn who answers (RFC 3325 §5)."""

    sender: str = ""  # From
    receiver: str = ""  # To
    hides: bool = False

    def encode(self) -> bytes:
        """The plain text to seal."""
        lines = [f"{key}={value}" for key, value in (("f", self.sender), ("t", self.receiver)) if value]
        return "\n".join([*lines, "h=1"] if self.hides else lines).encode("utf-8", "surrogateescape")


NOTHING = Note()


def decode_note(plain: bytes) -> Note:
    """What `Note.encode` wrote; what another version of callward wrote restores what of it is understood."""
    found = dict(line.split("=", 1) for line in plain.decode("utf-8", "surrogateescape").split("\n") if "=" in line)
    return Note(found.get("f", ""), found.get("t", ""), "h" in found)


def address_in(value: str) -> str:
    """The address of a From or To value: display name and URI, without the parameters of the header."""
    start = _end_of_quoted(value) if value.startswith('"') else 0
    open_at, semicolon = value.find("<", start), value.find(";", start)
    if open_at < 0 <= semicolon or 0 <= semicolon < open_at:  # none, or within a parameter
        return value[:semicolon].rstrip()
    close_at = value.find(">", open_at)
    return value[: close_at + 1] if open_at >= 0 and close_at >= 0 else value.rstrip()


def _end_of_quoted(value: str) -> int:
    index = 1
    while index < len(value) and value[index] != '"':
        index += 2 if value[index] == "\\" else 1
    return index + 1


def keep(value: str) -> str:
    """What is remembered of a From or To value: its address, shortened, or "" (see `MAX_KEPT`)."""
    address = clean(address_in(value)).strip()
    if len(address) > MAX_KEPT:
        try:
            address = f"<{clean(find_uri(value))}>"
        except RemoteProtocolError:
            return ""
    return address if len(address.encode("utf-8", "surrogateescape")) <= MAX_KEPT else ""


def exchange(message: Message, name: str, address: str) -> None:
    """Put another address into From or To (canonical name); its parameters, and its spelling of the name, stay."""
    value = message.require(name)
    index = message.names.index(name)
    written, _, _ = message.lines[index].partition(":")
    message.lines[index] = f"{written}: {address}{value[len(address_in(value)) :]}"


def restore(message: Message, note: Note) -> None:
    """Give the sender of a request its own From and To back in a response, or the receiver those that it knows."""
    if note.sender:
        exchange(message, "from", note.sender)
    if note.receiver:
        exchange(message, "to", note.receiver)
    if note.hides:
        remove(message, IDENTITY)


def remove(message: Message, names: frozenset[str]) -> None:
    """Take these headers out."""
    if names.isdisjoint(message.names):
        return
    kept = [index for index, name in enumerate(message.names) if name not in names]
    message.lines[:] = [message.lines[index] for index in kept]
    message.names[:] = [message.names[index] for index in kept]

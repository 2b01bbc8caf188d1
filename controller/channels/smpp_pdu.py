"""PDUs of SMPP 3.4: cutting them out of a stream, the small ones, and what command statuses are called.

Owns headers and the PDUs that hold next to nothing. submit_sm and deliver_sm are smpp34's. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# command_id (§5.1.2.1); a response has the highest bit as well.
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x01, 0x02, 0x09
SUBMIT_SM, DELIVER_SM, DATA_SM, UNBIND, ENQUIRE_LINK, ALERT_NOTIFICATION = 0x04, 0x05, 0x103, 0x06, 0x15, 0x102
QUERY_SM = 0x03
RESPONSE = 0x80000000
GENERIC_NACK = 0x80000000

# command_status (§5.1.3)
OK, INVALID_COMMAND, SYSTEM_ERROR, TEMPORARY, THROTTLED = 0x00, 0x03, 0x08, 0x64, 0x58
INVALID_OPTIONALS = 0xC0
REFUSED_BINDS = frozenset({0x0D, 0x0E, 0x0F})  # who we are is wrong: it does not mend itself

_HEADER = struct.Struct(">IIII")
HEADER = _HEADER.size
LARGEST = 70_000  # octets: message_payload has 65,535 at most

STATUS_NAMES = {
    0x01: "ESME_RINVMSGLEN", 0x02: "ESME_RINVCMDLEN", 0x03: "ESME_RINVCMDID", 0x04: "ESME_RINVBNDSTS",
    0x05: "ESME_RALYBND", 0x06: "ESME_RINVPRTFLG", 0x07: "ESME_RINVREGDLVFLG", 0x08: "ESME_RSYSERR",
    0x0A: "ESME_RINVSRCADR", 0x0B: "ESME_RINVDSTADR", 0x0C: "ESME_RINVMSGID", 0x0D: "ESME_RBINDFAIL",
    0x0E: "ESME_RINVPASWD", 0x0F: "ESME_RINVSYSID", 0x11: "ESME_RCANCELFAIL", 0x13: "ESME_RREPLACEFAIL",
    0x14: "ESME_RMSGQFUL", 0x15: "ESME_RINVSERTYP", 0x33: "ESME_RINVNUMDESTS", 0x40: "ESME_RINVDESTFLAG",
    0x42: "ESME_RINVSUBREP", 0x43: "ESME_RINVESMCLASS", 0x44: "ESME_RCNTSUBDL", 0x45: "ESME_RSUBMITFAIL",
    0x48: "ESME_RINVSRCTON", 0x49: "ESME_RINVSRCNPI", 0x50: "ESME_RINVDSTTON", 0x51: "ESME_RINVDSTNPI",
    0x53: "ESME_RINVSYSTYP", 0x54: "ESME_RINVREPFLAG", 0x55: "ESME_RINVNUMMSGS", 0x58: "ESME_RTHROTTLED",
    0x61: "ESME_RINVSCHED", 0x62: "ESME_RINVEXPIRY", 0x63: "ESME_RINVDFTMSGID", 0x64: "ESME_RX_T_APPN",
    0x65: "ESME_RX_P_APPN", 0x66: "ESME_RX_R_APPN", 0x67: "ESME_RQUERYFAIL", 0xC0: "ESME_RINVOPTPARSTREAM",
    0xC1: "ESME_ROPTPARNOTALLWD", 0xC2: "ESME_RINVPARLEN", 0xC3: "ESME_RMISSINGOPTPARAM",
    0xC4: "ESME_RINVOPTPARAMVAL", 0xFE: "ESME_RDELIVERYFAILURE", 0xFF: "ESME_RUNKNOWNERR",
}  # fmt: skip


class BadStream(Exception):
    """What came is no SMPP: the connection cannot be used any more. The message says why, for people."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """One PDU, its header read."""

    command: int
    status: int
    sequence: int
    raw: bytes  # all of it

    @property
    def body(self) -> bytes:
        return self.raw[HEADER:]


class Framer:
    """Cuts a stream into PDUs."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Pdu]:
        """All that is whole now. Raises `BadStream`."""
        buffer = self._buffer
        buffer += data
        found: list[Pdu] = []
        start = 0
        while len(buffer) - start >= HEADER:
            length, command, status, sequence = _HEADER.unpack_from(buffer, start)
            if not HEADER <= length <= LARGEST:
                raise BadStream(f"a PDU of {length} octets: it does not speak SMPP there")
            if len(buffer) - start < length:
                break
            found.append(Pdu(command, status, sequence, bytes(buffer[start : start + length])))
            start += length
        del buffer[:start]
        return found


def pdu(command: int, sequence: int, status: int = OK, body: bytes = b"") -> bytes:
    """Write one."""
    return _HEADER.pack(HEADER + len(body), command, status, sequence) + body


def bind(command: int, sequence: int, system_id: str, password: str, system_type: str) -> bytes:
    """A bind of any sort (§4.1): interface version 3.4, all addresses."""
    words = b"".join(c_string(word) for word in (system_id, password, system_type))
    return pdu(command, sequence, body=words + b"\x34\x00\x00\x00")


def query(sequence: int, message_id: str, ton: int, npi: int, source: str) -> bytes:
    """A query_sm (§4.8.1): the id that the SMSC gave, and the sender as in submit_sm."""
    return pdu(QUERY_SM, sequence, body=c_string(message_id) + bytes((ton, npi)) + c_string(source))


def read_query(body: bytes) -> tuple[int, int] | None:
    """State and network error of a query_sm_resp (§4.8.2), behind the id and the final date; None for nonsense."""
    words = body.split(b"\0", 2)
    return (words[2][0], words[2][1]) if len(words) == 3 and len(words[2]) >= 2 else None


def c_string(text: str) -> bytes:
    return text.encode("latin-1", "replace").replace(b"\0", b"") + b"\0"


def read_c_string(body: bytes) -> str:
    """The first one of a body; whatever is there if it has no end."""
    return body.split(b"\0", 1)[0].decode("latin-1")


def describe_status(status: int) -> str:
    """The name of a command status, or its number for those that each SMSC makes up (0x400 and above)."""
    return STATUS_NAMES.get(status) or f"0x{status:08X}"

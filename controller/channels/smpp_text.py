"""Texts of short messages: alphabets, and how a long one is cut.

Owns GSM 7 bit (3GPP TS 23.038), UCS-2, user data headers (TS 23.040 §9.2.3.24). Pure. Must not know sessions or ids.
SMPP carries one septet an octet: the SMSC packs them.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.types.smpp import SmppAlphabet, SmppLong

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_ESCAPE = 0x1B
_SEPTETS = {char: bytes((code,)) for code, char in enumerate(_BASIC) if code != _ESCAPE} | {
    char: bytes((_ESCAPE, code)) for char, code in _EXTENSION.items()
}
_EXTENDED = {code: char for char, code in _EXTENSION.items()}

DEFAULT, IA5, LATIN1, UCS2 = 0x00, 0x01, 0x03, 0x08  # data_coding (SMPP 3.4 §5.2.19)
UDHI = 0x40  # esm_class: a header of user data comes first (§5.2.12)
#: Octets of one message and of each part beside its header, by data coding: 140 octets packed (TS 23.040 §9.2.3.24.1).
_ROOM = {DEFAULT: (160, 153), LATIN1: (140, 134), UCS2: (140, 134)}
MAX_PARTS = 10  # more is a mistake: it would be paid for ten times


@dataclass(frozen=True, slots=True)
class Part:
    """One short message of a text."""

    body: bytes  # with its header, where it has one
    number: int = 1
    total: int = 1


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text as it is sent."""

    data_coding: int
    esm_class: int
    parts: tuple[Part, ...]
    payload: bool = False  # the body goes into message_payload


class TooLong(ValueError):
    """A text of more than `MAX_PARTS` parts."""


def encode(text: str, alphabet: SmppAlphabet, long: SmppLong, reference: int) -> Encoded:
    """Cut a text into parts, in the default alphabet of the SMSC if it can be, else in UCS-2.

    ``reference`` says which parts belong together, modulo 256 (UDH) or 65,536 (SAR). Raises `TooLong`.
    """
    coding, units = _units(text, alphabet)
    single, part = _ROOM[coding]
    size = sum(map(len, units))
    if size <= single:
        return Encoded(coding, 0, (Part(b"".join(units)),))
    if size > part * MAX_PARTS:
        raise TooLong(f"a text of more than {MAX_PARTS} messages")
    if long is SmppLong.PAYLOAD:
        return Encoded(coding, 0, (Part(b"".join(units)),), payload=True)
    bodies = _fill(units, part)
    total = len(bodies)
    if total > MAX_PARTS:  # units that would not be cut left gaps
        raise TooLong(f"a text of more than {MAX_PARTS} messages")
    if long is SmppLong.SAR:
        return Encoded(coding, 0, tuple(Part(body, number, total) for number, body in enumerate(bodies, 1)))
    headers = (bytes((5, 0, 3, reference & 0xFF, total, number)) for number in range(1, total + 1))
    parts = tuple(
        Part(header + body, number, total) for number, (header, body) in enumerate(zip(headers, bodies, strict=True), 1)
    )
    return Encoded(coding, UDHI, parts)


def decode(body: bytes, data_coding: int, esm_class: int, alphabet: SmppAlphabet) -> str:
    """What a message says, without its header; never raises: what cannot be read becomes U+FFFD."""
    if esm_class & UDHI and body:
        body = body[1 + body[0] :]
    coding = data_coding & 0x0F if data_coding < 0xF0 else DEFAULT  # classes and indications: TS 23.038 §4
    if coding == UCS2:
        return body.decode("utf-16-be", "replace")
    if coding == DEFAULT and alphabet is SmppAlphabet.GSM7:
        return _from_septets(body)
    if coding in {IA5, DEFAULT} and alphabet is not SmppAlphabet.LATIN1:
        return body.decode("ascii", "replace")
    return body.decode("latin-1")


def _units(text: str, alphabet: SmppAlphabet) -> tuple[int, list[bytes]]:
    """The data coding, and the octets of each character: what may not be cut."""
    if alphabet is SmppAlphabet.GSM7:
        if all(char in _SEPTETS for char in text):
            return DEFAULT, [_SEPTETS[char] for char in text]
    elif alphabet is SmppAlphabet.ASCII:
        if text.isascii():
            return DEFAULT, [char.encode() for char in text]
    elif all(ord(char) < 0x100 for char in text):
        return LATIN1, [char.encode("latin-1") for char in text]
    return UCS2, [char.encode("utf-16-be", "replace") for char in text]  # lone surrogates become question marks


def _fill(units: list[bytes], room: int) -> list[bytes]:
    bodies = [bytearray()]
    for unit in units:
        if len(bodies[-1]) + len(unit) > room:
            bodies.append(bytearray())
        bodies[-1] += unit
    return [bytes(body) for body in bodies]


def _from_septets(body: bytes) -> str:
    found: list[str] = []
    octets = iter(body)
    for octet in octets:
        if octet == _ESCAPE:
            follows = next(octets, None)
            if follows is not None:  # an unknown one is shown as the basic character (TS 23.038 §6.2.1)
                found.append(_EXTENDED.get(follows, _BASIC[follows] if follows < 0x80 else "\ufffd"))
        else:
            found.append(_BASIC[octet] if octet < 0x80 else "\ufffd")
    return "".join(found)

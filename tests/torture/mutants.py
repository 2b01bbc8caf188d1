"""Mutants: realistic messages with something wrong, from a seed. Used by the tests and by the fuzz target.

Owns the operators only; what a mutant leads to is judged elsewhere.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

NUMBERS = (
    *(b"0", b"-1", b"1", b"255", b"256", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967296", b""),
    *(b"18446744073709551616", b"9" * 400, b"0" * 400 + b"1", b"1e9", b"0x10", b"\xd9\xa5", b"1.5", b" 7 "),
)
BAD_UTF8 = (
    b"\x80",
    b"\xff\xfe",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xc3",
    b"\xe2\x80\xa8",
    b"\xef\xbb\xbf",
)
SEPARATORS = (
    *(bytes([char]) for char in b',;:<>"@?=/[]()%\\\t \r\n\x0b\x0c\x1c'),
    b"\r\n ",
    b"\r\n\t",
    b"\r\n\r\n",
    b";;",
)
BLOCKS = (b"A", b" ", b'"', b"\\", b"<", b";", b",", b"%00", b"\r\n ", b"a=b;", b"\xff")

Dice = random.Random


def flip_bits(data: bytes, dice: Dice) -> bytes:
    """One to eight bits turned over."""
    spoilt = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 8))):
        spoilt[dice.randrange(len(spoilt))] ^= 1 << dice.randrange(8)
    return bytes(spoilt)


def delete_field(data: bytes, dice: Dice) -> bytes:
    """A line less."""
    lines, rest = _lines(data)
    del lines[dice.randrange(len(lines))]
    return _join(lines, rest)


def double_field(data: bytes, dice: Dice) -> bytes:
    """A line twice, or very many times."""
    lines, rest = _lines(data)
    line = dice.choice(lines)
    at = dice.randrange(len(lines) + 1)
    lines[at:at] = [line] * dice.choice((1, 1, 2, 300))
    return _join(lines, rest)


def swap_fields(data: bytes, dice: Dice) -> bytes:
    """Two lines, or the values of two, change places."""
    lines, rest = _lines(data)
    one, two = dice.randrange(len(lines)), dice.randrange(len(lines))
    if dice.random() < 0.5:
        lines[one], lines[two] = lines[two], lines[one]
    else:
        (first, colon, a), (second, _, b) = lines[one].partition(b":"), lines[two].partition(b":")
        lines[one], lines[two] = first + colon + b, second + colon + a
    return _join(lines, rest)


def blow_up_number(data: bytes, dice: Dice) -> bytes:
    """Another number in the place of one."""
    match = dice.choice(list(re.finditer(rb"[0-9]+", data)) or [re.match(b"", data)])
    assert match is not None
    return data[: match.start()] + dice.choice(NUMBERS) + data[match.end() :]


def fold(data: bytes, dice: Dice) -> bytes:
    """Blanks become folds, in the header lines or anywhere."""
    fold = dice.choice((b"\r\n ", b"\r\n\t", b" \r\n  \t", b"\r\n", b"\n ", b"\r "))
    return re.sub(rb"(?<=[ :;,=])", lambda match: fold if dice.random() < 0.1 else b"", data)


def put_nul(data: bytes, dice: Dice) -> bytes:
    """NULs."""
    return _insert(data, b"\0" * dice.choice((1, 1, 4, 100)), dice)


def spoil_utf8(data: bytes, dice: Dice) -> bytes:
    """Bytes that are no UTF-8, or odd characters."""
    return _insert(data, dice.choice(BAD_UTF8), dice)


def put_separator(data: bytes, dice: Dice) -> bytes:
    """A separator where none was."""
    return _insert(data, dice.choice(SEPARATORS), dice)


def put_block(data: bytes, dice: Dice) -> bytes:
    """The same few bytes very many times."""
    return _insert(data, dice.choice(BLOCKS) * dice.choice((10, 1000, 20_000)), dice)[:65_000]


def cut(data: bytes, dice: Dice) -> bytes:
    """The end, or a piece, is missing."""
    start = dice.randrange(len(data))
    return data[:start] + (data[dice.randrange(start, len(data)) :] if dice.random() < 0.5 else b"")


def splice(data: bytes, dice: Dice) -> bytes:
    """A piece of it stands elsewhere a second time."""
    start = dice.randrange(len(data))
    return _insert(data, data[start : start + dice.choice((3, 20, 200))], dice)


OPERATORS: Sequence[Callable[[bytes, Dice], bytes]] = (
    flip_bits, delete_field, double_field, swap_fields, blow_up_number, fold, put_nul, spoil_utf8, put_separator,
    put_block, cut, splice,
)  # fmt: skip


def mutate(data: bytes, dice: Dice) -> bytes:
    """The message with one thing wrong, sometimes two or three."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        data = dice.choice(OPERATORS)(data, dice) or b"\r\n"
    return data


def _insert(data: bytes, piece: bytes, dice: Dice) -> bytes:
    at = dice.randrange(len(data) + 1)
    return data[:at] + piece + data[at:]


def _lines(data: bytes) -> tuple[list[bytes], bytes]:
    head, blank, body = data.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), blank + body


def _join(lines: list[bytes], rest: bytes) -> bytes:
    return b"\r\n".join(lines) + rest

"""Long texts in parts: whole whatever the order and however often parts come, and what there is of them in the end."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.channels import smpp_parts as module
from controller.channels.smpp_parts import ANSWER_AFTER, HOLD, REMEMBER, Fragment, Key, Parts, Piece, Text, fragment_of
from controller.channels.smpp_text import UCS2, UDHI, encode
from controller.types.smpp import SmppAlphabet, SmppLong

GSM7 = SmppAlphabet.GSM7
NOVEL = "All happy families are alike; each unhappy family is unhappy in its own way {no matter what}. " * 5


def cut(text: str, reference: int = 7, source: str = "+15550100") -> list[tuple[Key, int, Piece]]:
    """As a phone would."""
    encoded = encode(text, GSM7, SmppLong.UDH, reference)
    found = []
    for part in encoded.parts:
        fragment = fragment_of(encoded.esm_class, part.body, {})
        assert fragment is not None
        piece = Piece(part.body, encoded.data_coding, encoded.esm_class)
        found.append((Key(source, "+15557000", *fragment[:3]), fragment.number, piece))
    return found


def read(texts: list[Text[int]]) -> list[str]:
    return [text.read(GSM7) for text in texts if text.pieces]


@given(st.sampled_from(["ab€{é", "aß😀中"]), st.integers(110, 320), st.integers(0, 1 << 32))
def test_whatever_the_order_and_however_often_it_is_one_text(letters: str, length: int, seed: int) -> None:
    dice = random.Random(seed)
    text = "".join(dice.choices(letters, k=length)) + "x" * 60
    once = cut(text, seed % 256)
    sent = once + dice.choices(once, k=dice.randrange(4))
    dice.shuffle(sent)
    parts: Parts[int] = Parts()
    said: list[str] = []
    tickets: list[int] = []
    waiting: list[Text[int]] = []
    for number, (key, place, piece) in enumerate(sent):
        waiting += parts.add(key, place, piece, number, now=number / 10)
        if dice.random() < 0.5:
            while waiting:
                said += read(waiting[:1])
                tickets += parts.written(waiting.pop(0), number / 10)
    for one in waiting:
        said += read([one])
        tickets += parts.written(one, 9.0)
    assert said == [text]
    assert sorted(tickets) == [*range(len(sent))], "each part is answered once"
    assert not len(parts)
    assert parts.deadline() == float("inf")


def test_what_is_missing_is_shown_after_a_while() -> None:
    parts: Parts[int] = Parts()
    first, _, third, fourth = cut(NOVEL)
    for number, part in enumerate((fourth, first, third)):
        assert not parts.add(*part, number, now=float(number))
    assert parts.deadline() == ANSWER_AFTER
    assert parts.answer(1.5) == [0]
    assert parts.answer(4.0) == [1, 2]
    assert parts.deadline() == HOLD
    assert not parts.overdue(HOLD - 0.1)
    (text,) = parts.overdue(HOLD)
    said = text.read(GSM7)
    before, gap, after = said.partition("…")
    assert gap
    assert NOVEL.startswith(before)
    assert NOVEL.endswith(after)
    assert parts.written(text, HOLD) == []  # all were answered


def test_a_part_that_comes_again_later_is_no_new_text() -> None:
    parts: Parts[int] = Parts()
    both = cut(NOVEL[:200])
    assert not parts.add(*both[0], 0, now=0.0)
    (text,) = parts.add(*both[1], 1, now=0.5)
    assert not parts.add(*both[0], 2, now=0.6)  # not written down yet
    assert parts.written(text, 0.7) == [0, 1, 2]
    (again,) = parts.add(*both[1], 3, now=9.0)
    assert not again.pieces
    assert parts.written(again, 9.0) == [3]
    (again,) = parts.add(*both[0], 4, now=10.0)  # what is known stays known
    assert not again.pieces
    assert not parts.add(*both[0], 5, now=0.7 + REMEMBER)
    assert len(parts) == 1


def test_a_reference_that_is_used_again_is_another_text() -> None:
    parts: Parts[int] = Parts()
    old, new = cut(NOVEL[:200]), cut(NOVEL[10:210])
    assert not parts.add(*old[0], 0, now=0.0)
    (text,) = parts.add(*new[0], 1, now=5.0)
    assert text.read(GSM7).endswith("…")
    (text,) = parts.add(*new[1], 2, now=6.0)
    assert text.read(GSM7) == NOVEL[10:210]


def test_texts_of_two_people_are_two() -> None:
    parts: Parts[int] = Parts()
    ours, theirs = cut(NOVEL[:200]), cut(NOVEL[5:205], source="+15550101")
    assert not parts.add(*ours[0], 0, now=0.0)
    assert not parts.add(*theirs[1], 1, now=0.0)
    assert read(parts.add(*ours[1], 2, now=0.0)) == [NOVEL[:200]]
    assert read(parts.add(*theirs[0], 3, now=0.0)) == [NOVEL[5:205]]


def test_memory_is_bounded_and_nothing_is_lost_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 10)
    parts: Parts[int] = Parts()
    handed_on: list[Text[int]] = []
    for number in range(100):
        handed_on += parts.add(*cut(NOVEL, source=f"+1555{number:04}")[0], number, now=0.0)
    assert len(parts) == 10
    assert [text.key.source for text in handed_on] == [f"+1555{number:04}" for number in range(90)]
    assert parts.answer(2.0) == []  # nobody writes anything down: the SMSC keeps the rest
    assert parts.deadline() == HOLD
    for text in handed_on:
        parts.written(text, 2.0)
    assert len(parts.answer(2.0)) == 10
    assert len(parts._written) == 10


def test_a_character_that_is_cut_in_two_is_whole_again() -> None:
    octets = ("x" * 66 + "😀 and so on").encode("utf-16-be")
    parts: Parts[int] = Parts()
    texts: list[Text[int]] = []
    for number, body in enumerate((octets[:134], octets[134:]), 1):
        piece = Piece(bytes((6, 8, 4, 1, 2, 2, number)) + body, UCS2, UDHI)
        fragment = fragment_of(UDHI, piece.body, {})
        assert fragment == Fragment(16, 0x0102, 2, number)
        texts = parts.add(Key("a", "b", *fragment[:3]), number, piece, number, now=0.0)
    assert read(texts) == ["x" * 66 + "😀 and so on"]


SAR = {0x020C: b"\x01\x02", 0x020E: b"\x03", 0x020F: b"\x02"}


@pytest.mark.parametrize(
    ("esm_class", "body", "tlvs", "expected"),
    [
        (0, b"hello", SAR, Fragment(0, 0x0102, 3, 2)),
        (UDHI, b"\x05\x00\x03\x09\x02\x01x", {}, Fragment(8, 9, 2, 1)),
        (UDHI, b"\x09\x05\x02\x00\x50\x00\x03\x09\x02\x01x"[:-1], {}, Fragment(8, 9, 2, 1)),  # behind other elements
        (0, b"\x05\x00\x03\x09\x02\x01x", {}, None),  # no header, a text
        (UDHI, b"\x05\x00\x03\x09\x02\x03x", {}, None),  # the third of two
        (UDHI, b"\x05\x00\x03\x09\x02\x00x", {}, None),
        (UDHI, b"\x05\x00\x03\x09\x01\x01x", {}, None),  # of one: it is whole
        (UDHI, b"\x05\x00\x03\x09\xff\x01x", {}, None),  # more than anybody writes
        (UDHI, b"\x05\x00\x03\x09", {}, None),
        (UDHI, b"", {}, None),
        (0, b"x", {**SAR, 0x020E: b""}, None),
        (0, b"x" * 256, SAR, None),
    ],
)
def test_which_part_a_message_is(
    esm_class: int, body: bytes, tlvs: dict[int, bytes], expected: Fragment | None
) -> None:
    assert fragment_of(esm_class, body, tlvs) == expected


@given(st.integers(0, 255), st.binary(max_size=30), st.dictionaries(st.sampled_from((*SAR, 1)), st.binary(max_size=3)))
def test_reading_never_raises(esm_class: int, body: bytes, tlvs: dict[int, bytes]) -> None:
    fragment_of(esm_class, body, tlvs)

"""Texts of short messages: what goes in comes out, and no part is larger than a phone takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.channels.smpp_text import DEFAULT, LATIN1, UCS2, UDHI, TooLong, decode, encode
from controller.types.smpp import SmppAlphabet, SmppLong

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | st.text("aé€[^{ü \n", max_size=300)


@given(TEXTS, st.sampled_from(SmppAlphabet), st.sampled_from(SmppLong), st.integers(0, 0xFFFF))
def test_round_trip(text: str, alphabet: SmppAlphabet, long: SmppLong, reference: int) -> None:
    encoded = encode(text, alphabet, long, reference)
    read = "".join(decode(part.body, encoded.data_coding, encoded.esm_class, alphabet) for part in encoded.parts)
    assert read == text
    septets = encoded.data_coding == DEFAULT and alphabet is not SmppAlphabet.LATIN1
    most = (160 if septets else 140) if len(encoded.parts) == 1 else (153 if septets else 134) + 6
    if not encoded.payload:
        assert all(len(part.body) <= most for part in encoded.parts)
    assert [part.number for part in encoded.parts] == [*range(1, len(encoded.parts) + 1)]


@given(st.binary(max_size=200), st.integers(0, 255), st.integers(0, 255), st.sampled_from(SmppAlphabet))
def test_reading_never_raises(body: bytes, coding: int, esm_class: int, alphabet: SmppAlphabet) -> None:
    decode(body, coding, esm_class, alphabet)


def test_known_texts() -> None:
    assert encode("@£$ €", SmppAlphabet.GSM7, SmppLong.UDH, 0).parts[0].body == b"\x00\x01\x02\x20\x1b\x65"
    assert encode("Größe", SmppAlphabet.LATIN1, SmppLong.UDH, 0).data_coding == LATIN1
    assert encode("код", SmppAlphabet.GSM7, SmppLong.UDH, 0).parts[0].body == "код".encode("utf-16-be")
    assert encode("ü", SmppAlphabet.ASCII, SmppLong.UDH, 0).data_coding == UCS2


def test_parts_have_a_header_and_no_escape_is_cut() -> None:
    encoded = encode("a" * 152 + "€" + "b" * 20, SmppAlphabet.GSM7, SmppLong.UDH, 0x1234)
    assert encoded.esm_class == UDHI
    assert [part.body[:6] for part in encoded.parts] == [b"\5\0\3\x34\2\1", b"\5\0\3\x34\2\2"]
    assert encoded.parts[1].body[6:8] == b"\x1b\x65"


def test_a_surrogate_pair_is_not_cut() -> None:
    encoded = encode("я" * 66 + "🙂" + "я" * 20, SmppAlphabet.GSM7, SmppLong.UDH, 1)
    assert [len(part.body) for part in encoded.parts] == [6 + 132, 6 + 44]


def test_a_novel_is_refused() -> None:
    with pytest.raises(TooLong):
        encode("a" * 1531, SmppAlphabet.GSM7, SmppLong.UDH, 1)

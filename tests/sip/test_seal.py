from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.seal import KEY_BYTES, Seal
from sip.text import spell, unspell

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
CALL = "call-1@192.0.2.1"
SECRET = b"caller-tag\ncarrier-a"


@pytest.fixture
def seal() -> Seal:
    return Seal({"k1": OLD}, "k1")


@given(st.binary(min_size=1, max_size=200), st.text(max_size=50))
def test_what_was_sealed_comes_out_again(secret: bytes, call_id: str) -> None:
    seal = Seal({"k1": OLD}, "k1")
    assert seal.open(seal.close(secret, call_id), call_id) == secret


def test_the_same_input_gives_the_same_seal_in_another_life(seal: Seal) -> None:
    assert seal.close(SECRET, CALL) == Seal({"k1": OLD}, "k1").close(SECRET, CALL)


def test_the_seal_shows_nothing_and_fits_into_a_uri(seal: Seal) -> None:
    text = seal.close(SECRET, CALL)
    assert set(text) <= set(string.ascii_letters + string.digits + "-_.!")
    assert "carrier" not in text


def test_no_seal_says_cseq_by_chance() -> None:
    """SIPp looks for that word in the whole message: this seal failed a call once in 200,000."""
    spelled = spell(base64.urlsafe_b64decode(b"xzoqCSeqMjr8"))
    assert "CSeq" not in spelled
    assert unspell(spelled) == base64.urlsafe_b64decode(b"xzoqCSeqMjr8")
    with pytest.raises(ValueError, match="no token of ours"):
        unspell("xzoqCSeqMjr8")


@pytest.mark.parametrize("secret", [SECRET, SECRET + b"1", SECRET + b"12"], ids=["full", "4 bits", "2 bits"])
def test_every_single_change_breaks_the_seal(seal: Seal, secret: bytes) -> None:
    """Also of the bits that base64 does not use in its last character: one seal has one spelling."""
    text = seal.close(secret, CALL)
    for index, was in enumerate(text):
        for letter in string.ascii_letters + string.digits + "-_.!=+/ \xe9\udcff":
            if letter != was:
                assert seal.open(text[:index] + letter + text[index + 1 :], CALL) is None
        assert seal.open(text[:index] + text[index + 1 :], CALL) is None, "a character less"
        assert seal.open(text[:index] + was + text[index:], CALL) is None, "a character doubled"


def test_every_truncation_and_extension_breaks_the_seal(seal: Seal) -> None:
    text = seal.close(SECRET, CALL)
    for length in range(len(text)):
        assert seal.open(text[:length], CALL) is None
    for tail in ("A", "AA", "AAAA", "=", "==", "\n", " ", "."):
        assert seal.open(text + tail, CALL) is None
        assert seal.open(tail + text, CALL) is None


@pytest.mark.parametrize("call_id", ["", "call-1@192.0.2.2", "CALL-1@192.0.2.1", CALL + " "])
def test_a_seal_is_worthless_in_another_call(seal: Seal, call_id: str) -> None:
    assert seal.open(seal.close(SECRET, CALL), call_id) is None


def test_another_key_does_not_open_it(seal: Seal) -> None:
    assert Seal({"k1": NEW}, "k1").open(seal.close(SECRET, CALL), CALL) is None


def test_after_a_rotation_old_seals_still_open_and_new_ones_have_the_new_key(seal: Seal) -> None:
    old = seal.close(SECRET, CALL)
    rotated = Seal({"k1": OLD, "k2": NEW}, "k2")
    new = rotated.close(SECRET, CALL)
    assert (rotated.open(old, CALL), rotated.open(new, CALL)) == (SECRET, SECRET)
    assert new.startswith("k2.")
    assert seal.open(new, CALL) is None


def test_once_the_old_key_is_thrown_away_its_seals_are_refused(seal: Seal) -> None:
    assert Seal({"k2": NEW}, "k2").open(seal.close(SECRET, CALL), CALL) is None


def test_a_seal_under_another_key_id_is_refused() -> None:
    both = Seal({"k1": OLD, "k2": NEW}, "k1")
    assert both.open("k2" + both.close(SECRET, CALL)[2:], CALL) is None


@given(st.text(max_size=60))
def test_any_text_is_refused(text: str) -> None:
    seal = Seal({"k1": OLD}, "k1")
    for candidate in (text, f"k1.{text}", f"k1{text}"):
        assert seal.open(candidate, CALL) is None


def test_call_ids_of_any_bytes_are_told_apart(seal: Seal) -> None:
    assert seal.open(seal.close(SECRET, "\udcff"), "\udcff") == SECRET
    assert seal.open(seal.close(SECRET, "\udcff"), "\xff") is None


@pytest.mark.parametrize(
    ("keys", "current"),
    [
        ({}, "k1"),
        ({"k1": OLD}, "k2"),
        ({"k1": OLD[:-1]}, "k1"),
        ({"k1": OLD + b"x"}, "k1"),
        ({"k.1": OLD}, "k.1"),
        ({"": OLD}, ""),
        ({"k1": OLD, "k2": b""}, "k1"),
    ],
)
def test_bad_keys_say_so(keys: dict[str, bytes], current: str) -> None:
    with pytest.raises(ValueError, match="seal key"):
        Seal(keys, current)


def test_a_key_is_two_aes_keys_long() -> None:
    assert len(OLD) == KEY_BYTES

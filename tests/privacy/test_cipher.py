"""Sealed fields: they open in their place and nowhere else, and show nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.keyfile import KeyFileError
from controller.privacy import Cipher, Keyring, Place, Unsealable

OLD = Keyring({"1": bytes(range(32))}, "1", b"i" * 32)
NEW = Keyring({**OLD.data, "2": bytes(range(32, 64))}, "2", OLD.index)
PLACE = Place("acme", "recipient", "phone", "c-1")
NUMBER = "+4915112345678"

places = st.builds(Place, *[st.text(max_size=6)] * 4)


@given(st.text(), places)
def test_a_field_opens_where_it_stands(secret: str, place: Place) -> None:
    assert Cipher(OLD).open(Cipher(OLD).seal(secret, place), place) == secret


@given(places, places)
def test_a_field_opens_nowhere_else(place: Place, other: Place) -> None:
    sealed = Cipher(OLD).seal(NUMBER, place)
    if place != other:
        with pytest.raises(Unsealable):
            Cipher(OLD).open(sealed, other)


def test_places_that_run_together_are_different() -> None:
    sealed = Cipher(OLD).seal(NUMBER, Place("ab", "c", "d", "e"))
    with pytest.raises(Unsealable):
        Cipher(OLD).open(sealed, Place("a", "bc", "d", "e"))


@pytest.mark.parametrize("position", range(14 + 14 + 16))
def test_a_damaged_field_does_not_open(position: int) -> None:
    sealed = bytearray(Cipher(OLD).seal(NUMBER, PLACE))
    sealed[position] ^= 1
    with pytest.raises(Unsealable) as caught:
        Cipher(OLD).open(bytes(sealed), PLACE)
    assert NUMBER not in str(caught.value)


def test_nothing_shows_and_no_two_seals_are_alike() -> None:
    sealed = [Cipher(OLD).seal(NUMBER, PLACE) for _ in range(50)]
    assert len(set(sealed)) == 50
    assert all(NUMBER.encode() not in field and field.startswith(b"1:") for field in sealed)
    assert len(sealed[0]) == 2 + 12 + len(NUMBER) + 16


@pytest.mark.parametrize("sealed", [b"", b"1", b"1:", b":" + bytes(40), NUMBER.encode(), b"9:" + bytes(40)])
def test_what_is_not_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(Unsealable):
        Cipher(OLD).open(sealed, PLACE)


def test_after_rotation_old_fields_open_and_are_sealed_anew() -> None:
    old, new = Cipher(OLD), Cipher(NEW)
    sealed = old.seal(NUMBER, PLACE)
    assert not new.is_current(sealed)
    again = new.reseal(sealed, PLACE)
    assert new.is_current(again)
    assert new.open(again, PLACE) == NUMBER
    assert new.reseal(again, PLACE) is again


def test_a_key_that_another_daemon_made_is_looked_for_once() -> None:
    looks: list[int] = []

    def reread() -> Keyring:
        looks.append(1)
        return NEW

    cipher = Cipher(OLD, reread)
    assert cipher.open(Cipher(NEW).seal(NUMBER, PLACE), PLACE) == NUMBER
    assert cipher.current == "2", "and seals from now on"
    for _ in range(3):
        with pytest.raises(Unsealable, match="needs data key 7, which is gone"):
            cipher.open(b"7:" + bytes(40), PLACE)
    assert len(looks) == 2


def test_a_key_file_that_broke_meanwhile_leaves_the_known_keys() -> None:
    def reread() -> Keyring:
        raise KeyFileError("gone")

    cipher = Cipher(OLD, reread)
    with pytest.raises(Unsealable):
        cipher.open(Cipher(NEW).seal(NUMBER, PLACE), PLACE)
    assert cipher.open(cipher.seal(NUMBER, PLACE), PLACE) == NUMBER

"""The keys of messages: made once, readable by their owner only, rotated without losing what was sealed."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from controller.keyfile import KeyFileError
from controller.privacy import Cipher, Place, Unsealable, load_keyring, rotate_keyring
from controller.privacy.keyring import FILE, KEPT, Keyring

PLACE = Place("acme", "recipient", "phone", "c-1")


def test_first_start_makes_keys_that_the_next_one_reads(tmp_path: Path) -> None:
    made = load_keyring(tmp_path / "new")
    assert load_keyring(tmp_path / "new") == made
    assert (tmp_path / "new" / FILE).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in (tmp_path / "new").iterdir()] == [FILE], "no draft is left"


def test_whoever_starts_at_once_gets_the_same_keys(tmp_path: Path) -> None:
    found: list[Keyring] = []
    threads = [threading.Thread(target=lambda: found.append(load_keyring(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert {keyring.fingerprint() for keyring in found} == {load_keyring(tmp_path).fingerprint()}


def test_rotation_keeps_the_index_key_and_opens_what_the_last_keys_sealed(tmp_path: Path) -> None:
    first = load_keyring(tmp_path)
    sealed = Cipher(first).seal("+14155550100", PLACE)
    for _ in range(KEPT - 1):
        rotate_keyring(tmp_path)
    last = load_keyring(tmp_path)
    assert last.index == first.index
    assert last.fingerprint() == first.fingerprint()
    assert Cipher(last).open(sealed, PLACE) == "+14155550100"
    resealed = Cipher(last).reseal(sealed, PLACE)
    rotate_keyring(tmp_path)
    cipher = Cipher(load_keyring(tmp_path))
    assert cipher.open(resealed, PLACE) == "+14155550100"
    with pytest.raises(Unsealable, match="needs data key 1, which is gone"):
        cipher.open(sealed, PLACE)


def test_nothing_is_rotated_where_no_messages_are_sent(tmp_path: Path) -> None:
    assert rotate_keyring(tmp_path) is None
    assert not (tmp_path / FILE).exists()


def test_neither_keys_nor_their_bytes_show(tmp_path: Path) -> None:
    keyring = load_keyring(tmp_path)
    assert keyring.index.hex() not in repr(keyring)
    assert "data" not in repr(keyring)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"data": {}, "current": "1", "index": "00"}',
        f'{{"data": {{"1": "{"00" * 31}"}}, "current": "1", "index": "{"00" * 32}"}}',
        f'{{"data": {{"1": "{"00" * 32}"}}, "current": "1", "index": "00"}}',
        f'{{"data": {{"1": "{"00" * 32}"}}, "current": "2", "index": "{"00" * 32}"}}',
        f'{{"data": {{"1": "{"00" * 32}", "a:b": "{"00" * 32}"}}, "current": "1", "index": "{"00" * 32}"}}',
    ],
)
def test_what_is_no_key_file_is_said_and_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(KeyFileError, match=r"not a key file .*; restore it, or move it away"):
        load_keyring(tmp_path)
    assert (tmp_path / FILE).read_text() == text

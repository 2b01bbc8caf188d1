"""The key file: made once, readable by its owner only, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.keys import FILE, KEPT, KeyFileError, load_keys, rotate_keys


def test_first_start_makes_keys_that_the_next_one_reads(tmp_path: Path) -> None:
    assert load_keys(tmp_path / "new") == load_keys(tmp_path / "new")


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    load_keys(tmp_path)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_two_daemons_have_different_keys(tmp_path: Path) -> None:
    assert load_keys(tmp_path / "one") != load_keys(tmp_path / "two")


def test_rotation_seals_with_the_new_key_and_still_opens_what_the_old_one_sealed(tmp_path: Path) -> None:
    before = load_keys(tmp_path)
    sealed = before.seal().close(b"caller", "call-1")
    after = rotate_keys(tmp_path)
    assert after.current != before.current
    assert after.branch == before.branch, "branch ids outlive rotations"
    assert load_keys(tmp_path).seal().open(sealed, "call-1") == b"caller"


def test_rotation_forgets_the_oldest_keys(tmp_path: Path) -> None:
    sealed = load_keys(tmp_path).seal().close(b"caller", "call-1")
    for _ in range(KEPT - 1):
        rotate_keys(tmp_path)
        assert load_keys(tmp_path).seal().open(sealed, "call-1") == b"caller"
    assert len(rotate_keys(tmp_path).seals) == KEPT
    assert load_keys(tmp_path).seal().open(sealed, "call-1") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"branch": "00"}',
        '{"branch": "zz", "seals": {"1": "00"}, "current": "1"}',
        '{"branch":"","seals":1}',
    ],
)
def test_spoilt_file_is_never_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / FILE
    file.write_text(text)
    with pytest.raises(KeyFileError, match=r"keys\.json: not a key file .*restore it, or move it away"):
        load_keys(tmp_path)
    assert file.read_text() == text


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match=r"file/state/keys\.json: Not a directory; give --state-dir a folder"):
        load_keys(tmp_path / "file" / "state")

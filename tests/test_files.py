from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from controller.files import write_whole


def test_a_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.json", b"1", durable=True)
    assert (tmp_path / "a.json").read_bytes() == b"1"
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"old")
    (tmp_path / "a.new").mkdir()
    with pytest.raises(OSError, match=r"a\.new"):
        write_whole(tmp_path / "a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"old"


def test_whoever_reads_beside_many_writers_reads_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    texts = [bytes([letter]) * 300_000 for letter in b"abcd"]
    write_whole(path, texts[0])
    writers = [Thread(target=lambda text=text: [write_whole(path, text) for _ in range(50)]) for text in texts]
    for writer in writers:
        writer.start()
    seen = []
    while any(writer.is_alive() for writer in writers):
        seen.append(path.read_bytes())
    for writer in writers:
        writer.join()
    assert seen
    assert all(text in texts for text in seen)

"""The ear must hear what is there, and nothing else."""

from __future__ import annotations

from array import array
from pathlib import Path

from tests.peers.tones import read_samples, share_of, write_tone


def test_tone_is_heard_and_another_one_is_not(tmp_path: Path) -> None:
    write_tone(tmp_path / "tone.wav", 500)
    samples = read_samples(tmp_path / "tone.wav")
    assert share_of(samples, 500) > 0.99
    assert share_of(samples, 900) < 0.01


def test_two_tones_at_once_are_told_apart_from_one(tmp_path: Path) -> None:
    for hertz in (500, 900):
        write_tone(tmp_path / f"{hertz}.wav", hertz)
    both = array("h", map(sum, zip(*(read_samples(tmp_path / f"{hertz}.wav") for hertz in (500, 900)), strict=True)))
    assert 0.4 < share_of(both, 500) < 0.6
    assert 0.4 < share_of(both, 900) < 0.6


def test_silence_holds_no_tone() -> None:
    assert share_of(array("h", bytes(1600)), 500) == 0
    assert share_of(array("h"), 500) == 0

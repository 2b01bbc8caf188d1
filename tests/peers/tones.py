"""Tones: makes them, and hears which one a recording holds. 8 kHz, 16 bit, mono, as pjsua2 and baresip like it."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

RATE = 8000  # samples a second, those of G.711
LOUD = 8000  # of 32767


def write_tone(file: Path, hertz: float, seconds: float = 1.0) -> None:
    """A sine; a whole number of waves where hertz x seconds is one, so that it can be played in a loop."""
    samples = (LOUD * math.sin(2 * math.pi * hertz * n / RATE) for n in range(round(RATE * seconds)))
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(array("h", map(round, samples)).tobytes())


def read_samples(file: Path) -> array[int]:
    """The samples of a recording."""
    with wave.open(str(file), "rb") as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate()) == (1, 2, RATE)
        return array("h", wav.readframes(wav.getnframes()))


def share_of(samples: array[int], hertz: float) -> float:
    """How much of the sound's energy is this tone's, 0 to 1; 0 where there is silence (Goertzel's algorithm)."""
    energy = sum(sample * sample for sample in samples)
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    one = two = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
    power = one * one + two * two - turn * one * two
    return 2 * power / (len(samples) * energy) if energy else 0.0

"""A coverage-guided fuzz target: `python -m tests.fuzz.fuzz_engine [-runs=N] [corpus folder]`; needs atheris.

What the fuzzer makes goes through the whole engine while a call is up; an exception or a dead engine is a find.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["sip", "controller"]):
    from tests.torture.stand import SENDER, Stand
    from tests.torture.test_mutants import Traffic

LIFE = 1_000  # inputs an engine lives for, so that a find is short to replay


class Target:
    """One engine after the other."""

    def __init__(self) -> None:
        self.turns = 0
        self.stand = Stand()

    def __call__(self, data: bytes) -> None:
        """Take one input."""
        if self.turns % LIFE == 0:
            self.stand = Stand()
            Traffic(self.stand, 0)
        self.turns += 1
        self.stand.engine.receive(data, SENDER, self.stand.now)
        self.stand.take()
        self.stand.check_alive()
        self.stand.now += 0.1
        self.stand.wait(0.0)


if __name__ == "__main__":
    atheris.Setup(sys.argv, Target())
    atheris.Fuzz()

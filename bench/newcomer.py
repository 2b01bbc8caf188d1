"""What a new user does in the first ten minutes, word for word as the README has it, in a fresh clone with a fresh venv.

`python -m bench.newcomer [--from REPOSITORY]`: every command of the README's section, what each printed against what the README
says it prints, and when each step was done. Nothing is taken over from this machine but Python, git, make and how pip finds its
index: no cache of wheels. 1 if a command or its output is another than the README has, or the first call that failed over
rang later than 120 s after the beginning.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SECTION = "## The first ten minutes"
BAR = 120.0  # seconds
PATIENCE = 300.0  # seconds for one command

#: What is told of `make run`, by what it prints.
MARKS = {
    "a venv of its own": "make begins a venv",
    "fetching what": "the wheels of the lock file are fetched",
    "callward 0": "the demo begins",
    "All is well.": "callward is up, the first call is placed",
    "anna-mobile via carrier-a  rings": "the first call that failed over rings",
}
FAILED_OVER = "anna-mobile via carrier-a  rings"


@dataclass(slots=True)
class Step:
    """One command, and lines that it prints, among others, in this order."""

    command: str
    lines: list[str] = field(default_factory=list)


def read_steps(text: str) -> list[Step]:
    """The commands of the section: ``$ ...`` in blocks of the kind "console", each with what stands below it."""
    _, found, rest = text.partition(f"\n{SECTION}\n")
    if not found:
        raise ValueError(f"README.md has no section {SECTION!r}")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    steps: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append(Step(line[2:].strip()))
            elif line.strip():
                steps[-1].lines.append(line)
    return steps


def missing(step: Step, printed: str) -> list[str]:
    """Lines of the README that were not printed, in this order; figures may be others, and so may spaces."""
    there = [_plain(line) for line in printed.splitlines()]
    left: list[str] = []
    at = 0
    for line in step.lines:
        try:
            at = there.index(_plain(line), at) + 1
        except ValueError:
            left.append(line)
    return left


def _plain(line: str) -> str:
    line = re.sub(r"version [0-9a-f]{12}", "version #", line)
    return " ".join(re.sub(r"\d+(\.\d+)?", "#", line).split())


class Shell:
    """Commands one after the other in one folder; what is exported stays."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = dict(environ)
        self._exports: list[str] = []

    def run(self, command: str) -> Iterator[str]:
        """Its lines as they are printed; it is not judged by its exit code, for some show what is wrong."""
        if command.startswith("export "):
            self._exports.append(command)
            return
        with subprocess.Popen(
            ["bash", "-c", "\n".join([*self._exports, command])],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            yield from process.stdout
            process.wait(PATIENCE)


def main() -> int:
    """Do it, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="repository", default=str(ROOT), help="what is cloned")
    wanted = parser.parse_args()
    steps = read_steps(README.read_text(encoding="utf-8"))
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="newcomer-") as home:
        environ = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
        environ |= {"HOME": home, "PIP_CACHE_DIR": f"{home}/no-cache", "PATH": _path_of_others()}
        begun = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", wanted.repository, f"{home}/callward"], check=True)
        _tell(time.monotonic() - begun, "cloned")
        shell, rang = Shell(Path(home, "callward"), environ), 0.0
        for step in steps:
            print(f"           $ {step.command}", flush=True)
            printed, marks = "", dict(MARKS)
            for line in shell.run(step.command):
                printed += line
                for mark in [each for each in marks if each in line]:
                    at = time.monotonic() - begun
                    _tell(at, marks.pop(mark))
                    if mark == FAILED_OVER:
                        rang = rang or at
            left = missing(step, printed)
            problems += [f"{step.command}: not printed: {line.strip()}" for line in left]
            if left:
                print(printed)
        _tell(time.monotonic() - begun, "all of the README's first ten minutes is done")
    if not rang or rang > BAR:
        problems.append(f"the first call that failed over rang after {rang:.0f} s; it may take {BAR:.0f}")
    for problem in problems:
        print(problem)
    print(f"from clone to the first call that failed over: {rang:.1f} s; {len(problems)} problems")
    return int(bool(problems))


def _path_of_others() -> str:
    """The search path without the venv that this runs in."""
    ours = str(Path(sys.executable).parent)
    return os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if each != ours)


def _tell(seconds: float, what: str) -> None:
    print(f"{seconds:8.1f} s {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

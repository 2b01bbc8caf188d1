"""A bounded run of the fuzz target, where atheris is installed (`pip install atheris`)."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.torture.stand import Stand
from tests.torture.test_mutants import Traffic

ROOT = Path(__file__).resolve().parents[2]
RUNS = int(os.environ.get("CALLWARD_FUZZ_RUNS", "200000"))


@pytest.mark.long
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed (pip install atheris)")
def test_a_fuzzer_that_sees_what_it_reaches_finds_nothing(tmp_path: Path) -> None:
    for number, (data, _) in enumerate(Traffic(Stand(), 0).samples):
        (tmp_path / f"seed-{number}").write_bytes(data)
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.fuzz_engine",
        f"-runs={RUNS}",
        "-max_len=4096",
        "-seed=1",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {RUNS} runs" in done.stderr

"""How any command ends: quietly where nobody reads on or somebody stops it, with a sentence where it has a bug."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
from rich.console import Console

from controller.command.asking import make_console
from controller.command.manner import Section, add, make_root
from controller.command.shell import TRACEBACK
from controller.exits import BUG, FINDINGS, INTERRUPTED, OK, PIPE_CLOSED
from controller.terminal import print_line

ROOT = Path(__file__).parents[2]
#: A command of our making, whose body is the first argument. Ctrl-C is as at a terminal: a shell that runs these tests in the
#: background has it ignored, and so would this.
PROGRAM = """
import signal, sys, typer
signal.signal(signal.SIGINT, signal.default_int_handler)
from controller.command.asking import make_console
from controller.command.manner import Section, add, make_root
root = make_root("a test")
def act() -> None:
    "Act."
    exec(sys.argv[1])
add(root, act, Section.TOOLS, "callward act")
add(root, lambda: None, Section.TOOLS, "callward nothing", name="nothing")
import typer.main
typer.main.get_command(root).main(["act"])
"""


def start(body: str, **more: Any) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, body], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True, **more
    )


@pytest.mark.parametrize("print_much", ["print('x' * 99)", "typer.echo('x' * 99)", "make_console().print('x' * 99)"])
def test_a_reader_that_goes_away_ends_it_without_a_word(print_much: str) -> None:
    with start(f"while True: {print_much}") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == PIPE_CLOSED


def test_ctrl_c_ends_it_without_a_word() -> None:
    with start("print('ready', flush=True); sys.stdin.read()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
        assert process.returncode == INTERRUPTED


def test_a_terminal_that_lacks_a_sign_shows_a_question_mark() -> None:
    with start("make_console().print('…01 ▁▂')", env={"PYTHONIOENCODING": "ascii"}) as process:
        assert process.communicate(timeout=60) == ("?01 ??\n", "")
        assert process.returncode == OK


def run(act: Callable[[], None]) -> int:
    root = make_root("a test")
    add(root, act, Section.TOOLS, "callward act", name="act")
    add(root, lambda: None, Section.TOOLS, "callward nothing", name="nothing")
    with pytest.raises(SystemExit) as ended:
        typer.main.get_command(root).main(["act"])
    return int(ended.value.code or 0)


def test_a_bug_of_ours_is_a_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def act() -> None:
        """Act."""
        raise KeyError("trunk")

    monkeypatch.delenv(TRACEBACK, raising=False)
    assert run(act) == BUG
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("a bug in callward (KeyError: 'trunk' at command/test_shell.py:")
    assert TRACEBACK in second
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(KeyError):
        run(act)


def test_the_exit_code_of_a_command_is_its_own() -> None:
    def act() -> None:
        """Act."""
        raise typer.Exit(FINDINGS)

    assert run(act) == FINDINGS
    assert run(lambda: None) == OK


def shown(text: str, width: int, *, terminal: bool) -> list[str]:
    out = io.StringIO()
    print_line(Console(file=out, width=width, force_terminal=terminal, no_color=True, highlight=False), text)
    return out.getvalue().splitlines()


def test_a_long_line_goes_on_further_in_on_a_terminal_and_stays_one_elsewhere() -> None:
    text = "  anna-mobile via carrier-a  skipped: carrier-a is down"
    assert shown(text, 80, terminal=True) == [text]
    assert shown(text, 30, terminal=False) == [text]
    assert shown(text, 34, terminal=True) == ["  anna-mobile via carrier-a", "      skipped: carrier-a is down"]
    long = shown("word " * 40, 30, terminal=True)
    assert max(map(len, long)) <= 30
    assert " ".join(" ".join(long).split()) == " ".join(["word"] * 40)
    assert all(line.startswith("    word") for line in long[1:])


def test_nothing_is_printed_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, reasons and numbers come from whoever calls."""
    console = make_console()
    console.print("a\x1b[2Jb\x9bc\x1b]0;title\x07 d", markup=False)
    console.print("[red]e[/]")
    assert capsys.readouterr().out == "a?[2Jb?c?]0;title d\ne\n"


def test_nobody_breaks_rows_for_grep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert make_console().width >= 1000
    monkeypatch.setenv("COLUMNS", "90")
    assert make_console().width == 90

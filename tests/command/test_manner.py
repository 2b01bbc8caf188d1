"""Every command has an example that it understands, says its exit codes, fits 80 columns, and stands in docs/cli.md."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from controller.command.manner import Section
from controller.exits import OK, UNREACHABLE, USAGE
from tests.command.walking import does_something, parse, run, top_keys, walk, words_of

COMMANDS = dict(walk())
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def small_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


each_command = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def manner_of(path: tuple[str, ...]) -> Any:
    manner = getattr(COMMANDS[path], "manner", None)
    assert manner is not None, f"{' '.join(path)}: put it beside the others by controller.command.manner.add"
    return manner


@each_command
def test_it_has_examples_that_it_understands(path: tuple[str, ...]) -> None:
    manner, command = manner_of(path), COMMANDS[path]
    assert manner.examples or not does_something(command), f"{' '.join(path)} has no example"
    for example in manner.examples:
        assert len(example) <= 76, example
        words = words_of(example)
        assert words[: len(path)] == list(path), example
        parse(words)


@each_command
def test_its_help_fits_a_small_terminal_and_has_all_of_that(path: tuple[str, ...]) -> None:
    done = run([*path, "--help"])
    assert done.code == OK
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"Usage: callward {' '.join(path)}")
    assert "<" not in lines[0]
    assert "{" not in lines[0]
    for example in manner_of(path).examples:
        assert f"  {example}" in lines
    for code in manner_of(path).exits:
        assert [line for line in lines if line.startswith(f"  {code}  ")]


@each_command
def test_json_is_there_where_its_shape_is_written_down(path: tuple[str, ...]) -> None:
    has_option = any("--json" in param.opts for param in COMMANDS[path].params)
    assert has_option == bool(manner_of(path).shape)
    if has_option and not manner_of(path).shape.startswith("a line"):
        assert top_keys(manner_of(path).shape)[0]


@each_command
def test_a_misspelt_option_is_wrong_usage_in_two_lines(path: tuple[str, ...]) -> None:
    words = " ".join(("callward", *path))
    for wrong, hint in (("--xylophone", ""), ("--hlep", "--help")):
        done = run([*path, wrong])
        assert done.code == USAGE
        first, second = done.stderr.splitlines()
        assert first.startswith(f"{words}: there is no option {wrong}")
        assert ("did you mean" in first, hint in first) == (bool(hint), True)
        assert second == f"'{words} --help' shows how it is used"
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["chek"], "callward: no such command 'chek'; did you mean check or schema?"),
        (["xylophone"], "callward: no such command 'xylophone'"),
        (["alerts", "akc"], "callward alerts: no such command 'akc'; did you mean ack?"),
        (["check"], "callward check: FILE is missing: the dialplan (YAML)"),
        (["check", "--json", "a.yaml", "b.yaml"], "callward check: got unexpected extra argument(s) (b.yaml)"),
        (["calls", "--limit", "0"], "callward calls: --limit: 0 is not between 1 and 1000"),
        (["calls", "--limit", "many"], "callward calls: --limit: 'many' is not a whole number"),
        (["stats", "--hours", "0.01"], "callward stats: --hours: 0.01 is not 0.02 or more"),
        (["calls", "--state-dir"], "callward calls: --state-dir wants FOLDER behind it: the daemon's state folder"),
    ],
)
def test_wrong_usage_is_said_with_what_to_do(wrong: list[str], said: str) -> None:
    done = run(wrong)
    assert done.code == USAGE
    assert done.stderr.splitlines()[0] == said


def test_the_state_folder_can_be_named_once_for_all_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLWARD_STATE_DIR", str(tmp_path / "here"))
    for words in (["status"], ["drain", "pbx"], ["calls"], ["alerts"], ["top", "--json"]):
        done = run(words)
        assert done.code == UNREACHABLE, words
        assert str(tmp_path / "here") in done.stderr


def test_the_list_of_commands_has_all_of_them_by_section_and_cuts_no_sentence() -> None:
    text = run(["--help"]).stdout
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == ["Options", *Section]
    listed = {line.split()[0] for line in text.partition("Dialplans:")[2].splitlines() if line.startswith("  ")}
    assert listed == {path[0] for path in COMMANDS if len(path) == 1}
    assert not [line for line in lines[1:] if line.endswith("...")]


def test_the_page_of_the_command_line_is_drawn_from_it() -> None:
    page = runpy.run_path(str(DOCS / "draw_cli.py"))["draw"]()
    assert (DOCS / "cli.md").read_text(encoding="utf-8") == page, "run python docs/draw_cli.py"

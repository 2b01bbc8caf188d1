"""All commands, as the application has them: the walk through them, and one of them run within this process."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import typer.main

from controller.cli import cli

ROOT: Any = typer.main.get_command(cli)


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    stdout: str
    stderr: str


def run(words: Sequence[str]) -> Done:
    """`CliRunner` would build all commands anew each time, which takes longer than most of them."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            ROOT.main(list(words))
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Done(code, out.getvalue(), err.getvalue())


def walk(command: Any = ROOT, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command that somebody may call, below the root, with its words."""
    for name, each in getattr(command, "commands", {}).items():
        if not each.hidden:
            yield (*path, name), each
            yield from walk(each, (*path, name))


def does_something(command: Any) -> bool:
    """Not so a group that only shows its help."""
    return not hasattr(command, "commands") or command.invoke_without_command


def words_of(example: str) -> list[str]:
    """An example's last command, without `callward`, up to what only a shell understands."""
    words = shlex.split(example.rpartition("&& ")[2])
    stop = next((place for place, word in enumerate(words) if word in {"|", ">", "<"}), len(words))
    assert words[0] == "callward", example
    return words[1:stop]


def parse(words: list[str]) -> Any:
    """The context of a command that these words call; raises what typer says of wrong ones."""
    context, command, rest = None, ROOT, words
    while True:
        context = command.make_context(command.name or "callward", list(rest), parent=context)
        rest = [*context._protected_args, *context.args]
        if not getattr(command, "commands", None) or not rest:
            return context
        _, command, rest = command.resolve_command(context, rest)


def top_keys(shape: str) -> tuple[set[str], bool]:
    """The keys that the first {...} of a shape names at its own level; whether there may be more."""
    depth, name, keys = 0, "", []
    for sign in shape[shape.index("{") :]:
        if sign in "{[":
            depth += 1
            continue
        if sign in "}]":
            depth -= 1
            if depth:
                continue
        if depth == 1 and sign != ",":
            name += sign
        elif depth <= 1:
            keys.append(name)
            name = ""
            if not depth:
                break
    names = {key.partition(":")[0].strip() for key in keys}
    return names - {"..."}, "..." in names

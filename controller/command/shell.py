"""What a person at a shell meets, whichever command it is: help that fits 80 columns, errors of two lines, quiet ends.

Owns how a command is read, shown and ended. A mistake is said as all others here: what, where, what to do; nobody sees a
traceback but who asks for one. Must not know any command.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from controller.command.plain import read_plainly
from controller.exits import BUG, INTERRUPTED, PIPE_CLOSED, USAGE

if TYPE_CHECKING:
    from controller.command.manner import Manner

NAME = "callward"
#: Set to anything, what goes wrong within callward is shown with its traceback.
TRACEBACK = "CALLWARD_TRACEBACK"

_COMPLETION = {
    "install_completion": "have this shell complete commands, options and trunks",
    "show_completion": "print what would do so, to be put elsewhere",
}
_METAVARS = {"str": "TEXT", "int": "N", "float": "N"}

_UsageError: Any = typer.BadParameter.__mro__[1]  # typer names neither: older versions have them from click
_ClickError: Any = typer.BadParameter.__mro__[2]


class _Shown:
    """The help of commands and groups alike."""

    manner: Manner | None = None

    def get_params(self, ctx: Any) -> Any:
        """Those that typer knows, each read without pydantic where it may be."""
        params = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            read_plainly(param)
            if param.name in _COMPLETION:
                param.help = _COMPLETION[param.name]
        return params

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Whatever is wrong is wrong with this command."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc, no-any-return]
        except _UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def get_help_option(self, ctx: Any) -> Any:
        """In our words."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = "show this"
        return option

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """FILE where it must be given, [FILE] where it may."""
        pieces = super().collect_usage_pieces(ctx)  # type: ignore[misc]
        return [re.sub(r"^\{(.*)\}", r"\1", piece) for piece in pieces]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments and options, without what Python calls their types."""
        params = self.get_params(ctx)
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in params:
            record = param.get_help_record(ctx)
            if record is not None:
                is_argument = param.param_type_name == "argument"
                name = re.sub(r"<(\w+)[^>]*>", "" if is_argument else _metavar, record[0]).strip()
                text = record[1].replace("  [required]", "")
                rows["Arguments" if is_argument else "Options"].append((name, text))
        for head, records in rows.items():
            if records:
                with formatter.section(head):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Examples, and what the exit code says."""
        if self.manner is None:
            return
        if self.manner.examples:
            with formatter.section("Examples" if len(self.manner.examples) > 1 else "Example"):
                for line in self.manner.examples:
                    formatter.write(f"  {line}\n")
        if self.manner.exits:
            with formatter.section("Exit codes"):
                formatter.write_dl([(str(code), text) for code, text in sorted(self.manner.exits.items())])

    def invoke(self, ctx: Any) -> Any:
        """A reader that went away, as `head` does, ends the command without a word."""
        try:
            return super().invoke(ctx)  # type: ignore[misc]
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(PIPE_CLOSED) from None


class Command(_Shown, TyperCommand):
    """One command."""


class Group(_Shown, TyperGroup):
    """Commands under one word."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Commands below options."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """By section, as each of them says; all first sentences whole."""
        shown = [(name, command) for name, command in self.commands.items() if not command.hidden]
        width = max((len(name) for name, _ in shown), default=0)
        sections = _by_section(shown) if ctx.parent is None else [("Commands", iter(shown))]
        for section, commands in sections:
            with formatter.section(section):
                formatter.write_dl(
                    [(f"{name:<{width}}", command.get_short_help_str(formatter.width)) for name, command in commands]
                )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant; who misspells it is told which there are."""
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing and not args[0].startswith("-"):
            raise _UsageError(f"no such command {args[0]!r}{did_you_mean(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)

    def main(
        self,
        args: Any = None,
        prog_name: str | None = None,  # of typer: ours is the same however it was started
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,  # of typer; there is no Windows here
        **extra: Any,
    ) -> Any:
        """As typer's, but for its words and its exit codes."""
        more: dict[str, Any] = {"complete_var": complete_var, "standalone_mode": False, **extra}
        if not standalone_mode:
            return super().main(args, NAME, **more)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? for what it does not have
        try:
            code = super().main(args, NAME, **more)
            sys.stdout.flush()
        except _ClickError as error:
            _show(error)
            code = USAGE
        except (typer.Abort, KeyboardInterrupt):
            code = INTERRUPTED
        except OSError as error:
            if error.errno != errno.EPIPE:
                code = _show_fault(error)
            else:
                _drop_output()
                code = PIPE_CLOSED
        except Exception as error:  # noqa: BLE001  # people get a sentence, whoever asks for it the traceback
            code = _show_fault(error)
        sys.exit(code if isinstance(code, int) else 0)


def _metavar(found: re.Match[str]) -> str:
    return _METAVARS.get(found[1], found[1].upper())


def did_you_mean(word: str, known: Any) -> str:
    """; did you mean ...? Empty where nothing is near."""
    near = get_close_matches(word, list(known), 3, 0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _by_section(shown: list[tuple[str, Any]]) -> Iterator[tuple[str, Iterator[tuple[str, Any]]]]:
    from controller.command.manner import Section

    order = {section.value: place for place, section in enumerate(Section)}

    def section_of(entry: tuple[str, Any]) -> str:
        manner: Manner | None = getattr(entry[1], "manner", None)
        return manner.section.value if manner else "Commands"

    return groupby(sorted(shown, key=lambda entry: order.get(section_of(entry), len(order))), section_of)


def _show(error: Any) -> None:
    """Wrong usage: two lines, the second says where to look."""
    ctx = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.ctx.get_help(), err=True)
        return
    path = ctx.command_path if ctx is not None else NAME
    typer.echo(f"{path}: {_words(error)}", err=True)
    typer.echo(f"'{path} --help' shows how it is used", err=True)


def _words(error: Any) -> str:
    param = getattr(error, "param", None)
    kind, ctx = type(error).__name__, getattr(error, "ctx", None)
    if kind == "NoSuchOption":
        words = _known_options(ctx)
        return f"there is no option {error.option_name}{did_you_mean(error.option_name, words)}"
    if kind == "MissingParameter" and param is not None:
        what = f": {param.help}" if getattr(param, "help", None) else ""
        return f"{_name_of(param)} is missing{what}"
    if kind == "BadParameter" and param is not None:
        return f"{_name_of(param)}: {_lower(error.message)}"
    if kind == "BadOptionUsage" and ctx is not None and "requires an argument" in error.message:
        for option in ctx.command.get_params(ctx):
            if error.option_name in option.opts:
                return f"{error.option_name} wants {option.metavar or 'something'} behind it: {option.help}"
    return _lower(error.format_message())


def _known_options(ctx: Any) -> list[str]:
    if ctx is None:
        return []
    return [name for param in ctx.command.get_params(ctx) if not getattr(param, "hidden", False) for name in param.opts]


def _name_of(param: Any) -> str:
    """--limit of an option, FILE of an argument."""
    if param.param_type_name == "argument":
        return str(param.metavar or param.name).upper()
    return str(max(param.opts, key=len))


def _lower(text: str) -> str:
    """In the form of our own sentences."""
    text = text.strip().removesuffix(".")
    return text[:1].lower() + text[1:]


def _show_fault(error: Exception) -> int:
    """A bug of ours. For who is called at night: what it was, and that it is not him."""
    if os.environ.get(TRACEBACK):
        raise error
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        code = trace.tb_frame.f_code
        where = f" at {'/'.join(code.co_filename.rsplit('/', 2)[-2:])}:{trace.tb_lineno}"
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    typer.echo(f"a bug in callward ({said}{where})", err=True)
    typer.echo(f"please report it, with what {TRACEBACK}=1 shows beside it", err=True)
    return BUG


def _drop_output() -> None:
    """Nobody reads any more: what is still in buffers must not fail once more at the very end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

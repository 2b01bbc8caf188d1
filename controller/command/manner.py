"""What each command says of itself beside its arguments, and where it stands in the help.

Owns sections, examples, exit codes and shapes of JSON as data: `--help`, `docs/cli.md` and the test of all commands read the
same. Must not know any command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import typer

from controller.command.shell import Command, Group


class Section(StrEnum):
    """Of the list of commands, in its order."""

    DIALPLANS = "Dialplans"
    DAEMON = "Daemon"
    CALLS = "Calls"
    MESSAGES = "Messages"
    TOOLS = "Tools"


@dataclass(frozen=True, slots=True)
class Manner:
    """Of one command."""

    section: Section
    examples: tuple[str, ...]  # whole lines for a shell
    exits: Mapping[int, str] = field(default_factory=dict)  # what 1 and 3 mean here; 0 and 2 are the same everywhere
    shape: str = ""  # of what --json prints, in brief; no such option without


def add(
    cli: typer.Typer,
    function: Callable[..., Any],
    section: Section,
    *examples: str,
    name: str = "",
    exits: Mapping[int, str] | None = None,
    shape: str = "",
) -> None:
    """Put ``function`` among the commands of ``cli``: as the tables of `--help` and `docs/cli.md` know it."""
    manner = Manner(section, examples, exits or {}, shape)
    cls = type("Command", (Command,), {"manner": manner})
    cli.command(name or None, cls=cls, rich_help_panel=section)(function)


def make_group(
    text: str,
    section: Section,
    *examples: str,
    exits: Mapping[int, str] | None = None,
    shape: str = "",
    **more: Any,
) -> typer.Typer:
    """A command with commands of its own. ``exits`` and ``shape`` where it does something without them."""
    manner = Manner(section, examples, exits or {}, shape)
    cls = type("Group", (Group,), {"manner": manner})
    return typer.Typer(cls=cls, help=text, rich_markup_mode=None, rich_help_panel=section, add_completion=False, **more)


def make_root(text: str) -> typer.Typer:
    """The command that all others are under."""
    return typer.Typer(
        cls=Group,
        help=text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

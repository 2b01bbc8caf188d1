"""The part of `status` about messages, as tables, for people. Must not judge."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from controller.terminal import make_table
from controller.wording import gate_in_words

MOST_PATTERNS = 12  # lines; --json has all
_STYLES = {"open": "green", "rising": "yellow", "canary": "yellow", "held": "bold red", "parked": "dim"}


def print_messages(messages: dict[str, Any], console: Console) -> None:
    """Providers, and how much is under way."""
    restarts = messages.get("restarts", 0)
    again = f", started again {restarts} time{'' if restarts == 1 else 's'}" if restarts else ""
    if not messages["answers"]:
        console.print(f"[bold red]messages[/]: their process does not answer{again}; the log says why")
        return
    counters = messages["counters"]
    console.print(
        f"[bold]messages[/bold] at {escape(messages['listen'])}, {counters['sent']} sent, {counters['refused']} refused,"
        f" {counters['unclear']} unclear{again}, version {messages['version']}"
    )
    if messages["store"]["lost"]:
        console.print(f"[bold red]store lost[/]: {escape(messages['store']['lost'])}")
    figures = ("waiting", "succeed", "of")
    table = make_table("provider", "channel", "messages", *figures, "why", right=figures)
    for row in messages["providers"]:
        style, gate = _STYLES.get(row["gate"], ""), gate_in_words(row["gate"])
        table.add_row(
            row["provider"],
            row["channel"],
            f"[{style}]{gate}[/]" if style else gate,
            str(row["waiting"] or "-"),
            f"{row['estimate']:.0%}" if row["samples"] >= 1 else "-",
            f"{row['samples']:.0f}" if row["samples"] >= 1 else "-",
            escape(row["why"]),
        )
    console.print()
    console.print(table)
    for burst in messages.get("bursts", ()):
        console.print(f"a burst of {escape(burst['of'])}: {burst['times']:.0f} times the usual", highlight=False)
    for row in messages.get("patterns", ())[:MOST_PATTERNS]:
        console.print(
            f"{row['provider']} in {row['country']}, {row['circumstance']}: {row['arrive']:.0%} arrive, usually"
            f" {row['usually']:.0%} ({row['samples']:.0f} seen)",
            highlight=False,
        )

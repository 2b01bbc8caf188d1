"""Cascades for people: a list, and one with the ladder of its attempts. Must not judge."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape

from controller.terminal import make_table, print_hanging
from controller.wording import show_span

_REASONS = 49  # the column of reasons in a history
_STYLES = {"completed": "green", "active": "yellow", "exhausted": "bold red", "refused": "red", "cancelled": "dim"}


def print_cascades(page: dict[str, Any], console: Console) -> None:
    """What ``GET /v1/cascades`` gives."""
    rows = page["cascades"]
    if not rows:
        console.print("no cascades")
        return
    table = make_table(
        "cascade", "status", "step", "to", "after", "cost", "by, or why",
        right=("step", "after", "cost"), whole=("cascade", "status", "step", "after"),
    )  # fmt: skip
    for row in rows:
        winner = next((each["provider"] for each in row["attempts"] if each["attempt"] == row["winner"]), "")
        table.add_row(
            row["id"],
            _status(row["status"]),
            f"{row['step']}/{row['steps']}",
            row["country"] or "-",
            show_span(_between(row["created"], row["ended"])) if row["ended"] else "-",
            _money(row["cost"]),
            escape(winner or _words(row["reason"]) or "-"),
        )
    console.print(table)
    if page["next"]:
        console.print(f"[dim]older ones: callward cascades --before {page['next']}[/]")


def print_cascade(found: dict[str, Any], console: Console) -> None:
    """What ``GET /v1/cascades/ID/explain`` gives."""
    row = found["cascade"]
    since = row["created"]
    print_hanging(console, row["id"], f"{_status(row['status'])}{_ending(row)}", len(row["id"]) + 2)
    of = [f"cascade {row['cascade']}" if row["cascade"] else "steps of its own", row["class"]]
    of += [row["use_case"], row["country"] and f"to {row['country']}", f"cost {_money(row['cost'])}"]
    print_hanging(console, "", escape(", ".join(each for each in of if each)) + f"; begun {since}", 0)
    console.print()
    if row["attempts"]:
        table = make_table(
            "", "at", "step", "channel", "provider", "got as far as", "ended", "cost",
            right=("", "at", "step", "cost"), whole=("at", "step", "channel"),
        )  # fmt: skip
        for each in row["attempts"]:
            won = each["attempt"] == row["winner"]
            table.add_row(
                str(each["attempt"]),
                show_span(_between(since, each["started"])),
                str(each["step"]),
                each["channel"],
                escape(each["provider"]),
                f"[green]{each['milestone']}[/]" if won else each["milestone"],
                escape(_end_of(each, won=won, over=row["status"] != "active")),
                _money(each["cost"]),
            )
        console.print(table)
    else:
        console.print("nothing was sent")
    tried = {each["step"] for each in row["attempts"]}
    for step in found["plan"]:
        if step["step"] not in tried and row["status"] == "active":
            by = escape(", ".join(step["providers"]))
            print_hanging(console, "next: ", f"[dim]step {step['step']}, {step['channel']} by {by}[/]", 6)
    for each in found["skipped"]:
        head = f"step {each['step']}: "
        print_hanging(console, head, f"[dim]{escape(each['what'])} left out: {escape(each['why'])}[/]", len(head))


def print_event(data: dict[str, Any], first: str, console: Console) -> None:
    """One line of the history as it comes. ``first`` is the instant of the first one."""
    at = show_span(_between(first, data["at"]))
    what = f"by {data['provider']} ({data['attempt']})" if data["provider"] else ""
    said = " ".join(each for each in (_words(data["event"]), what) if each)
    reason = data["reason"] if data["event"] == "planned" else _words(data["reason"])  # policies are names
    why = f"[dim]{escape(reason)}[/]" if reason else ""
    print_hanging(console, f"{at:>10}  {said:<36} ", why, _REASONS)


def _end_of(attempt: dict[str, Any], *, won: bool, over: bool) -> str:
    """How an attempt ended, if it has: once its cascade is over nobody waits for the others."""
    if attempt["outcome"] or attempt["phase"] == "ended":
        return _words(attempt["outcome"]) or "-"
    if won:
        return "enough"
    return "not awaited" if over else "under way"


def _ending(row: dict[str, Any]) -> str:
    if not row["ended"]:
        return f": step {row['step']} of {row['steps']}"
    after = show_span(_between(row["created"], row["ended"]))
    winner = next((each for each in row["attempts"] if each["attempt"] == row["winner"]), None)
    if winner is not None:
        more = ", verified" if row["verified"] else ""
        return f" after {after}: {winner['channel']} by {escape(winner['provider'])}{more}"
    late = ", delivered late" if row["late"] else ""
    return f" after {after}{': ' + escape(_words(row['reason'])) if row['reason'] else ''}{late}"


def _status(status: str) -> str:
    return f"[{_STYLES.get(status, '')}]{status}[/]"


def _words(code: str) -> str:
    """A code in small letters with blanks: NO_TIME, not-on-channel."""
    if " " in code:  # a sentence already: names and options in it stay as they are
        return code
    return code.lower().replace("_", " ").replace("-", " ")


def _money(amount: float) -> str:
    return f"{amount:.4f}".rstrip("0").rstrip(".") if amount else "0"


def _between(start: str, end: str) -> float:
    return max(0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())

"""The answer to what if, for people.

Owns the words and the layout: what is bad first, then what changes, one block for all that fare alike. What is said stands
in `what_if`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.config.duration import show_duration
from controller.explain.message_outlook import ANY_OTHER, CascadeChange
from controller.explain.outlook import Outlook, Reach
from controller.explain.question import zone_of
from controller.explain.what_if import Answer, Change
from controller.terminal import print_hanging
from controller.types import Dialplan

SHOWN = 6  # routes of a block that are named; `--json` names all
_INDENT = 2
_NEVER = "nobody's turn at this moment, whatever is down"
_WORD = 11  # columns of a word at the beginning of a line


def print_answer(found: Answer, dialplan: Dialplan, moment: float, console: Console) -> None:
    """What would change, and whom it would hurt."""
    assumed, calls, cascades = found.assumed, found.calls, found.cascades
    for word, names in (("down:", assumed.down), ("degraded:", assumed.degraded), ("full:", assumed.full)):
        if names:
            print_hanging(console, word, ", ".join(escape(_show(thing)) for thing in names), _WORD)
    print_hanging(console, "at:", _show_moment(dialplan, moment), _WORD)
    if dialplan.listen:
        counts = calls.counts
        bad = [
            f"{number} {what}"
            for number, what in (
                (counts.unreachable, "unreachable"),
                (counts.voicemail, "left with a voicemail"),
                (counts.not_live, "without anybody who always answers"),
            )
            if number
        ]
        text = f"{counts.changed} of {_count(counts.routes, 'number')} change{'s' if counts.changed == 1 else ''}"
        print_hanging(console, "calls:", f"{text}; {', '.join(bad) or 'all of them reach somebody'}", _WORD)
    if dialplan.messaging is not None:
        changed = sum(len(change.countries) for change in cascades.changes)
        bad = [f"{len(cascades.unreachable)} unreachable"] if cascades.unreachable else []
        pairs = (
            f"{changed} of {_count(cascades.asked, 'pair')} of cascade and country change{'s' if changed == 1 else ''}"
        )
        print_hanging(console, "messages:", f"{pairs}; {', '.join(bad) or 'all of them reach somebody'}", _WORD)
    _print_names("unreachable", calls.unreachable, console)
    _print_names("left with a voicemail", calls.voicemail, console)
    _print_names("nobody left who always answers", calls.not_live, console)
    _print_names(_NEVER, calls.never, console)
    lost = [f"{subject.cascade} to {subject.country or ANY_OTHER}" for subject in cascades.unreachable]
    _print_names("nobody left to carry messages", lost, console)
    for change in calls.changes:
        _print_change(change, console)
    for changed_cascade in cascades.changes:
        _print_cascade(changed_cascade, console)


def print_ranking(found: Sequence[Answer], dialplan: Dialplan, moment: float, console: Console) -> None:
    """What hurts most when it is down alone."""
    print_hanging(console, "at:", _show_moment(dialplan, moment), 4)
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="")
    table.add_column("down alone", no_wrap=True)
    for head in ("changed", "un-\nreachable", "voice-\nmail", "nobody\nlive", "waits\nlonger"):
        table.add_column(head, justify="right", no_wrap=True, vertical="bottom")
    for answer in found:
        counts, cascades = answer.calls.counts, answer.cascades
        changed = counts.changed + sum(len(change.countries) for change in cascades.changes)
        numbers = (changed, counts.unreachable + len(cascades.unreachable), counts.voicemail, counts.not_live)
        slower = show_duration(round(counts.slower, 3)) if counts.slower > 0 else "-"
        table.add_row(escape(str(answer.assumed.down[0])), *(str(number or "-") for number in numbers), slower)
    console.print(table)
    console.print()
    bad = [answer for answer in found if answer.is_bad]
    if not bad:
        console.print("no single failure leaves anybody unreachable", soft_wrap=True)
    for answer in bad:
        lost = [f"{subject.cascade} to {subject.country or ANY_OTHER}" for subject in answer.cascades.unreachable]
        names = (*answer.calls.unreachable, *lost)
        print_hanging(console, f"without {answer.assumed.down[0]} there is nobody for ", _list(names), _INDENT)
    _print_names(_NEVER, found[0].calls.never if found else (), console)


def _print_names(head: str, names: Sequence[str], console: Console) -> None:
    if not names:
        return
    console.print()
    console.print(f"{head}:", soft_wrap=True)
    print_hanging(console, "", escape(", ".join(names)), _INDENT)


def _print_change(change: Change, console: Console) -> None:
    before, after = change.before, change.after
    named = change.routes != (change.chain,)  # an outbound route is called as its chain
    console.print()
    if named:
        print_hanging(console, "", f"chain {escape(change.chain)}: {_list(change.routes)}", 0)
    else:
        print_hanging(console, "", escape(change.chain), 0)
    if after.reach is Reach.NOBODY:
        _line("first", f"nobody: the caller gets {after.status}", _ways(before), console)
        return
    if after.reach is not before.reach:
        _line("reaches", after.reach, before.reach, console)
    _line("first", _ways(after), _ways(before), console)
    if after.stages != before.stages:
        _line("stages", f"{_stages(after)} of {change.stages}", _stages(before), console)
    _line("then", _then(after), _then(before), console)
    if after.wait != before.wait:
        _line("wait", f"{_seconds(after.wait)} at the worst", _seconds(before.wait), console)
    _line("live", _live(after), _live(before), console)


def _print_cascade(change: CascadeChange, console: Console) -> None:
    before, after = change.before, change.after
    console.print()
    print_hanging(console, "", f"cascade {escape(change.cascade)} to {_list(change.countries)}", 0)
    _line("first", after.first or after.refused or "nobody", before.first or "nobody", console)
    _line("steps", ", ".join(map(str, after.steps)) or "none", ", ".join(map(str, before.steps)) or "none", console)
    _line("then", ", ".join(after.order[1:]) or "nobody", ", ".join(before.order[1:]) or "nobody", console)
    if after.last_at != before.last_at and after.order:
        _line("wait", f"the last after {_seconds(after.last_at)}", _seconds(before.last_at), console)


def _line(word: str, now: str, before: str, console: Console) -> None:
    """One thing that changes; nothing where it does not."""
    if now != before:
        print_hanging(console, f"  {word}", f"{escape(now)}; was {escape(before)}", _WORD)


def _ways(outlook: Outlook) -> str:
    return " beside ".join(outlook.first) or "nobody"


def _then(outlook: Outlook) -> str:
    """Who has a turn after those that are tried at once: endpoints, each once."""
    first = set(outlook.first)
    rest = dict.fromkeys(path.partition(" via ")[0] for path in outlook.order if path not in first)
    return ", ".join(rest) or "nobody"


def _live(outlook: Outlook) -> str:
    if outlook.live_after is not None:
        return f"after {_seconds(outlook.live_after)}"
    return "only in some cases" if outlook.live else "nobody"


def _stages(outlook: Outlook) -> str:
    return ", ".join(map(str, outlook.stages)) or "none"


def _seconds(value: float) -> str:
    return show_duration(round(value, 3)) if value else "0s"


def _list(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    shown = escape(", ".join(names[:SHOWN] if more > 1 else names))
    return f"{shown} and {more} more" if more > 1 else shown


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _show(thing: object) -> str:
    from controller.explain.assumed import Thing

    if not isinstance(thing, Thing):
        return str(thing)
    members = thing.trunks or thing.providers
    return str(thing) if members == (thing.name,) else f"{thing} ({', '.join(members)})"


def _show_moment(dialplan: Dialplan, moment: float) -> str:
    zone = zone_of(dialplan)
    return f"{datetime.fromtimestamp(moment, zone):%a %Y-%m-%d %H:%M:%S} {zone}"

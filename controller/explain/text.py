"""Explanations for people.

Owns the words; what is said stands in `answer`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from difflib import get_close_matches

from rich.console import Console
from rich.markup import escape

from controller.config.duration import show_duration
from controller.explain.answer import Explanation, Turn
from controller.explain.question import zone_of
from controller.rules.match import match_route
from controller.terminal import print_line
from controller.types import (
    ANYTHING,
    BUSY,
    UNANSWERED,
    Dialplan,
    Mode,
    Offer,
    Order,
)

_ALIKE = 0.8  # of two numbers: one digit of eight is another one, or two stand in each other's place


def print_explanation(found: Explanation, dialplan: Dialplan, console: Console) -> None:
    """The same for people."""

    def say(text: str = "") -> None:
        print_line(console, escape(text))

    local = datetime.fromtimestamp(found.moment, zone_of(dialplan))
    caller = (found.caller or "anybody") + (f" by {found.trunk}" if found.trunk else "")
    say(f"call to {found.did} from {caller} at {local:%a %Y-%m-%d %H:%M:%S} {zone_of(dialplan)}")
    if found.down:
        say(f"down: {', '.join(found.down)}")
    if found.degraded:
        say(f"degraded: {', '.join(found.degraded)}")
    if found.full:
        say(f"full: {', '.join(found.full)}")
    if not found.rule:
        say(f"no route: the caller gets {found.status}")
        callers = _who_may_dial(dialplan, found.did)
        if callers:
            say(f"as a call of a PBX it would go out: try --from-trunk {' or '.join(callers)}")
        elif close := get_close_matches(found.did, dialplan.routes, 1, _ALIKE):
            say(f"nobody has that number; did you mean {close[0]}?")
        return
    say(f"rule:  {found.rule}  ({found.where})")
    say(f"chain: {found.chain}")
    for name, word in found.hours.items():
        say(f"hours: {name} is {word}")
    if found.refused:
        say(
            f"limit: {found.refused}; stages for overflow alone are left"
            if found.order
            else f"refused: {found.refused}"
        )
    if found.panic:
        say("panic: every way is down, so all are tried all the same")
    for stage in found.stages:
        say()
        _print_stage(stage, found.panic, say)
    say()
    if any(stage.order == Order.PRIORITY and not stage.skipped for stage in found.stages):
        say("trunks of one priority are drawn by weight, anew for each call: this is one draw")
    if not found.order:
        say(f"nobody's turn: the caller gets {found.status} at once")
        return
    ways = [way for stage in found.stages for who in stage.targets for way in who.ways]
    if not found.panic and any(way.skipped and not way.barred for way in ways):
        say("what is skipped is tried all the same when nothing else is left, since it may be alive after all")
    say("if each attempt fails at once, they are made in this order:")
    for number, path in enumerate(found.order, 1):
        say(f"  {number}. {path}")
    say("if each way makes the caller wait as long as it may:")
    for step in found.worst:
        say(f"  {step.at:7.2f} s  {step.path}{'  rings' if step.rings else ''}")
    if found.silent[1:] and not found.panic:
        say(f"if nothing is heard of anybody, all have been tried after {found.silent[-1].at:.2f} s")
    live = "nobody who always answers is rung"
    if found.live_after is not None:
        live = f"somebody who always answers is rung after {found.live_after:.2f} s at the worst"
    say(f"{live}; if nobody answers at all, the caller gets {found.status} after {found.over_after:.2f} s")


def _who_may_dial(dialplan: Dialplan, did: str) -> list[str]:
    """The trunks from which this number would be dialled outward."""
    return [name for name in dialplan.trunks if match_route(dialplan, Offer("explain", did, trunk=name)) is not None]


def _print_stage(stage: Turn, panic: bool, say: Callable[[str], None]) -> None:
    head = f"stage {stage.number}  ({stage.where})"
    if stage.skipped:
        say(f"{head}  skipped: {stage.skipped}")
        return
    hedge = show_duration(stage.hedge) if isinstance(stage.hedge, float) else stage.hedge or "off"
    each = " each" if stage.mode == Mode.SEQUENTIAL else ""
    words = [
        stage.mode,
        f"for {show_duration(stage.ring)}{each}",
        f"no_reply {show_duration(stage.no_reply)}",
        f"no_progress {show_duration(stage.no_progress)}",
        f"hedge {hedge}",
    ]
    if stage.order != Order.CONFIGURED:
        words.append(f"order {stage.order}")
    if stage.stagger is not None:
        words.append(f"stagger {show_duration(stage.stagger)}")
    if stage.waits:
        words.append(f"waits for {' or '.join(_show_event(word) for word in stage.waits)}")
    say(f"{head}  {', '.join(words)}")
    for target in stage.targets:
        say(f"  {target.endpoint}{' (live)' if target.live else ''}")
        if target.quality:
            say(f"    by quality: {target.quality}")
        for way in target.ways:
            word = "tried although" if panic and not way.barred else "skipped:"
            why = f"  {word} {way.skipped}" if way.skipped else ""
            why = why or (f"  behind the others: {way.demoted}" if way.demoted else "")
            at = f" at {way.at}" if way.at else ""
            shows = f"  shown {way.shows}" if way.shows else ""
            say(f"    {way.path}  {way.address}{at}{shows}{why}")


def _show_event(word: str) -> str:
    known = {BUSY: "somebody who is busy", UNANSWERED: "somebody who does not answer", ANYTHING: "a full trunk"}
    return known.get(word, f"{word} being full")

"""Explanations of messages: where a request would go by a dialplan, before anything was learnt of its providers.

Owns the words for the terminal. What is said comes from `controller.messages.explanation`, and so from the planner itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape

from controller.config.duration import show_duration
from controller.health.score import Scores, Target
from controller.messages.explanation import explain_request
from controller.messages.planning import Planner, Unplannable
from controller.messages.region import NotANumber, Number, read_recipient, with_operator
from controller.messages.request import Request
from controller.terminal import print_hanging
from controller.types import Dialplan
from controller.types.messages import RouteClass


class MessageQuestionError(ValueError):
    """The question makes no sense with this dialplan; the message says what to do."""


def explain_message(
    dialplan: Dialplan,
    to: str,
    now: float,
    *,
    tenant: str = "",
    cascade: str = "",
    use_case: str = "",
    operator: str = "",
    premium: bool = False,
    risk: float = 0.0,
) -> dict[str, Any]:
    """Where a message to a number or a mail address would go. Raises `MessageQuestionError`."""
    messaging = dialplan.messaging
    if messaging is None:
        raise MessageQuestionError("this dialplan has no messages: it has neither 'providers' nor 'cascades'")
    number = None if "@" in to else _read(to, operator)
    request = Request(
        tenant,
        phone=number.e164 if number else "",
        email=to if number is None else "",
        cascade=cascade,
        use_case=use_case,
        route_class=RouteClass.PREMIUM if premium else RouteClass.STANDARD,
    )
    targets = [Target(each.name, (each.upstream,) if each.upstream else ()) for each in messaging.providers.values()]
    planner = Planner(messaging, Scores(targets), dialplan.version)
    try:
        return explain_request(planner, request, number, risk, "explain", now)
    except Unplannable as error:
        raise MessageQuestionError(f"{error}; --cascade is one of {', '.join(messaging.cascades)}") from None


def _read(to: str, operator: str) -> Number:
    try:
        number = read_recipient(to)
    except NotANumber as error:
        raise MessageQuestionError(f"{to!r} is not a number that messages go to: {error}") from None
    if number.refused:
        raise MessageQuestionError(f"nothing is ever sent to {to!r}: {number.refused}")
    return with_operator(number, operator, "report") if operator else number


def print_message(found: dict[str, Any], console: Console) -> None:
    """The same for people."""

    def say(text: str = "", head: str = "") -> None:
        print_hanging(console, head, escape(text), len(head))

    if found["country"] or found["kind"]:
        network = f", network {found['operator']} ({found['operator_source']})" if found["operator"] else ""
        say(f"a {found['kind']} number of {found['country'] or 'no country'}{network}")
    say(", ".join(found["policies"]) or "none", "policies: ")
    limit = "" if found["max_cost"] is None else f", {found['max_cost']:g} at most"
    within = show_duration(found["window"])
    say(f"{found['cascade']}, {found['max_attempts']} messages within {within}{limit}", "cascade:  ")
    if found["refused"]:
        say(f"{found['refused']}: {found['refused_because']}", "refused:  ")
    for step in found["steps"] if not found["refused"] else ():
        say()
        _print_step(step, say)
    if found["order"]:
        say()
        say(", ".join(sent["provider"] for sent in found["order"]), "if each refuses at once:  ")
        waits = [f"{sent['provider']} at {_seconds(sent['at'])}" for sent in found["worst"]]
        say(f"{', '.join(waits)}; over after {_seconds(found['over_after'])}", "if nothing is reported:   ")
    if found["excluded"]:
        say()
        say("not used:")
    for row in found["excluded"]:
        say(f"{row['provider'] or 'all of it'}: {row['why']} ({row['cause']})", f"  step {row['step']}  ")


def _seconds(value: float) -> str:
    return show_duration(round(value, 3)) if value else "0s"


def _print_step(step: dict[str, Any], say: Callable[[str, str], None]) -> None:
    most = f", {step['fanout']} providers at most" if step["fanout"] and len(step["providers"]) > 1 else ""
    say(f"{step['channel']}, {show_duration(step['wait'])} each{most}; {step['why']}", f"step {step['step']}: ")
    for number, way in enumerate(step["providers"], 1):
        chance = "" if way["chance"] is None else f", {way['chance']:.0%} arrive"
        sender = f", from {way['sender']}" if way["sender"] else ""
        costs = f"upstream {way['upstream']}, costs {way['cost']:g}{chance}{sender}"
        say(f"{way['provider']}: {way['class']}, {costs}", f"  {number}. ")

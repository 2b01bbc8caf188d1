"""Numbers that load but are wrong: that lead back to us, that stand there twice, that nobody should call by accident.

Owns findings about numbers of endpoints, routes and test calls, and about numbers of ours that others are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground
from controller.config.source import MapNode, ScalarNode
from controller.rules.match import find_inbound
from controller.rules.numbers import read_number
from controller.types import Dialplan, Path
from controller.wording import uri_of

#: What phones all over the world dial for help: North America, Europe and GSM, the Commonwealth.
EMERGENCY = frozenset(("911", "112", "999"))
_ABROAD = ("011", "00")  # what stands before a number of another country
_SHORTEST = 8  # digits: what is shorter is no number with its country
_BLOCK = 3  # digits at the end of numbers that are handed out, and priced, together


class _Did(NamedTuple):
    """A number or beginning of numbers that is routed, as it is written."""

    key: str  # "did" or "prefix"
    node: ScalarNode


def check_numbers(ground: Ground) -> None:
    """All findings of this file."""
    _check_test_numbers(ground)
    routed = list(_routed(ground))
    _check_twins(ground, routed)
    _check_emergency(ground, routed)
    _check_endpoints(ground)
    _check_hidden(ground)
    _check_shown(ground)


def _routed(ground: Ground) -> Iterator[_Did]:
    for route in ground.routes():
        for key in ("did", "prefix"):
            node = route.entries.get(key)
            if isinstance(node, ScalarNode) and node.text != "*":
                yield _Did(key, node)


def _check_test_numbers(ground: Ground) -> None:
    """A test call to a number of ours would come back as a call, and ring people; one to a phone rings it."""
    dialplan = ground.dialplan
    phones = {(path.trunk, path.address): path.endpoint for path in _paths(dialplan)}
    for name, node in ground.section("trunks").entries.items():
        deep = dialplan.trunks[name].deep
        keys = node.entries.get("deep") if isinstance(node, MapNode) else None
        at = (keys.entries.get("number") or keys.entries.get("user")) if isinstance(keys, MapNode) else None
        if deep is None or at is None:
            continue
        phone = phones.get((name, uri_of(dialplan.trunks[name], deep.user)))
        if phone is not None:
            message = f"each test call of trunk {quoted(name)} rings {quoted(phone)}"
            ground.report.warning(
                at, "LEADS_BACK", message, "name somebody who always says the same: a test number, an echo"
            )
            continue
        if not isinstance(keys, MapNode) or "number" not in keys.entries:
            continue
        route = find_inbound(dialplan, deep.user)
        if route is not None:
            message = f"the test number of trunk {quoted(name)} is a number of ours: each test call rings people"
            hint = f"name a test number of the carrier ({quoted(deep.user)} is routed at {route.where})"
            ground.report.warning(at, "LEADS_BACK", message, hint)


def _paths(dialplan: Dialplan) -> Iterator[Path]:
    stages = (stage for chain in dialplan.chains.values() for stage in chain.stages)
    return (path for stage in stages for target in stage.targets if not target.dialled for path in target.paths)


def _check_twins(ground: Ground, routed: list[_Did]) -> None:
    """One number in two spellings: which of its routes a call takes hangs on how the carrier writes it."""
    forms = {trunk.format for trunk in ground.dialplan.trunks.values() if trunk.format is not None}
    first: dict[tuple[str, str], _Did] = {}
    written = {(did.key, did.node.text) for did in routed}
    for did in routed:
        text = did.node.text
        same = {text, text.removeprefix("+")}
        for abroad in _ABROAD:
            if text.startswith(abroad) and len(text) - len(abroad) >= _SHORTEST:
                same.add(text.removeprefix(abroad))
        if did.key == "did" and not text.startswith("+"):
            same |= {read_number(form, text).removeprefix("+") for form in forms}
        other = next((first[did.key, each] for each in same if (did.key, each) in first), None)
        if other is not None and other.node.text != text and len(written) > 1:
            message = f"{quoted(text)} is the same number as {quoted(other.node.text)}, written otherwise"
            hint = f"first at {other.node}: keep one of the two, best as E.164 with its plus"
            ground.report.warning(did.node, "SAME_NUMBER", message, hint)
        for each in same:
            first.setdefault((did.key, each), did)


def _check_emergency(ground: Ground, routed: list[_Did]) -> None:
    """Who calls for help must reach help."""
    for did in routed:
        text = did.node.text
        number = next((each for each in sorted(EMERGENCY) if text == each), "")
        if number and did.key == "did":
            message = f"calls to the emergency number {number} go down a chain of yours"
            ground.report.warning(did.node, "EMERGENCY", message, "route it outward, over a trunk that carries it")
        elif did.key == "prefix" and ground.dialplan.outbound:
            caught = [each for each in sorted(EMERGENCY) if each.startswith(text.removeprefix("+"))]
            if caught:
                message = f"prefix {quoted(text)} catches the emergency number {caught[0]} when a PBX of yours dials it"
                hint = "write a longer prefix (plus or not: both are found)"
                ground.report.warning(did.node, "EMERGENCY", message, hint)
    for name, key, node in _endpoint_numbers(ground):
        if node.text in EMERGENCY:
            message = f"endpoint {quoted(name)} is the emergency number {node.text}: callers of yours would ring it"
            ground.report.warning(node, "EMERGENCY", message, f"write another {key}")


def _endpoint_numbers(ground: Ground) -> Iterator[tuple[str, str, ScalarNode]]:
    for name, endpoint in ground.section("endpoints").entries.items():
        assert isinstance(endpoint, MapNode)
        for key in ("number", "user"):
            node = endpoint.entries.get(key)
            if isinstance(node, ScalarNode):
                yield name, key, node


def _check_endpoints(ground: Ground) -> None:
    """Endpoints whose number is ours, or dear."""
    dialplan = ground.dialplan
    rung: dict[str, set[str]] = {}
    for _, stage, _ in ground.stages():
        for target in stage.targets:
            rung.setdefault(target.endpoint, set()).update(path.trunk for path in target.paths)
    for name, key, node in _endpoint_numbers(ground):
        if key != "number" or name not in rung:
            continue
        carrier = next((trunk for trunk in sorted(rung[name]) if dialplan.trunks[trunk].carrier), None)
        route = find_inbound(dialplan, node.text) if carrier else None
        if route is not None:
            message = f"the number of endpoint {quoted(name)} is one of ours: over {quoted(carrier or '')} the call comes back"
            hint = f"name a number that rings elsewhere ({quoted(node.text)} is routed at {route.where})"
            ground.report.warning(node, "LEADS_BACK", message, hint)
        if why := _why_dear(node.text):
            message = f"whoever calls may be sent to {why} at your expense: endpoint {quoted(name)}"
            ground.report.warning(node, "TOLLS", message, "name a number of the usual price")


def _why_dear(number: str) -> str:
    """What is dear about a number; "" if nothing is."""
    return _of_block(number[:-_BLOCK], len(number)) if number.startswith("+") and len(number) > _SHORTEST else ""


@lru_cache(maxsize=4096)
def _of_block(block: str, length: int) -> str:
    """The same for the thousand numbers of a block, which no country prices apart: reading one takes 0.1 ms."""
    import phonenumbers  # tables that files without numbers never need

    try:
        kind = phonenumbers.number_type(phonenumbers.parse(block.ljust(length, "0")))
    except phonenumbers.NumberParseException:
        return ""
    if kind == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        return "a premium-rate number"
    return "a shared-cost number" if kind == phonenumbers.PhoneNumberType.SHARED_COST else ""


def _check_hidden(ground: Ground) -> None:
    """What is ours is never dialled outward: an inbound prefix that holds an outbound one takes all of its calls."""
    for route in ground.routes():
        outbound = route.entries.get("outbound")
        prefix = outbound.entries.get("prefix") if isinstance(outbound, MapNode) else None
        if not isinstance(prefix, ScalarNode) or prefix.text in ("", "*"):
            continue
        ours = find_inbound(ground.dialplan, prefix.text)
        if ours is not None and ours.prefix:
            message = f"nobody ever calls out by prefix {quoted(prefix.text)}: all of it is ours by {quoted(ours.did)}"
            hint = f"write a longer inbound prefix ({ours.where}); plus or not, both are found"
            ground.report.warning(prefix, "HIDDEN", message, hint)


def _check_shown(ground: Ground) -> None:
    """People call back the number that they see."""
    if ground.dialplan.default is not None:
        return
    for name, trunk in ground.section("trunks").entries.items():
        shown = trunk.entries.get("caller_id") if isinstance(trunk, MapNode) else None
        node = shown.entries.get("number") if isinstance(shown, MapNode) else None
        if isinstance(node, ScalarNode) and find_inbound(ground.dialplan, node.text) is None:
            message = (
                f"trunk {quoted(name)} is shown {quoted(node.text)}, which no route leads to: who calls back fails"
            )
            ground.report.warning(node, "NO_WAY_BACK", message, 'add a route for it, or one for did: "*"')

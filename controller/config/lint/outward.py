"""Calls out of the house that get nowhere: routes that refuse every number they are for, and phones that cannot call for help.

Owns the findings about what outbound routes do not carry; what they cost is in `trunks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from controller.config.diagnostics import quoted
from controller.config.lint.ground import Ground
from controller.config.lint.numbers import EMERGENCY
from controller.config.source import MapNode, ScalarNode
from controller.rules.match import match_route
from controller.types import Offer, Tolls

_COUNTRY = 3  # digits of a country code at most
_NORTH_AMERICA = frozenset(("US", "CA"))
_ELSEWHERE = frozenset(("000", "110", "111", "119", "190"))  # Australia, China and Germany, New Zealand, Japan, Brazil


def check_outward(ground: Ground) -> None:
    """All findings of this file."""
    if ground.dialplan.outbound:
        _check_refused(ground)
        _check_help(ground)


def _check_refused(ground: Ground) -> None:
    """A route that lets none of its numbers through is a way that somebody believes to have."""
    tolls = {prefix: next(iter(by_trunk.values())).tolls for prefix, by_trunk in ground.dialplan.outbound.items()}
    for node in ground.routes():
        prefix = _prefix_of(node)
        found = tolls.get(prefix.text) if prefix is not None and prefix.text.startswith("+") else None
        if prefix is None or found is None or not (found.countries or not found.premium):
            continue
        why = _why_all_refused(found, prefix.text)
        if why:
            message = f"no number of prefix {quoted(prefix.text)} may be called: {why}"
            hint = "add the country to 'countries'" if "not of" in why else "write premium: true, or remove the route"
            ground.report.warning(prefix, "REFUSED", message, hint)


def _prefix_of(route: MapNode) -> ScalarNode | None:
    outbound = route.entries.get("outbound")
    prefix = outbound.entries.get("prefix") if isinstance(outbound, MapNode) else None
    return prefix if isinstance(prefix, ScalarNode) else None


def _why_all_refused(tolls: Tolls, prefix: str) -> str:
    """Why the first of some numbers with this beginning is refused, if all of them are."""
    from controller.rules.tolls import why_refused  # tables that files without outbound routes never need

    reasons = [why_refused(tolls, number) for number in examples_of(prefix)]
    return reasons[0] if reasons and all(reasons) else ""


@lru_cache(maxsize=1024)
def examples_of(prefix: str) -> tuple[str, ...]:
    """Numbers with this beginning, of all kinds that its countries have; none where no example is known."""
    import phonenumbers

    found = []
    for region in _regions_of(prefix):
        for kind in phonenumbers.PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is not None:
                number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
                whole = prefix + number[len(prefix) :]  # another number of the same length
                found += [number] if number.startswith(prefix) else []
                found += [whole] if phonenumbers.is_valid_number(phonenumbers.parse(whole)) else []
    return tuple(dict.fromkeys(found))


def _regions_of(prefix: str) -> tuple[str, ...]:
    """The countries whose numbers may begin so, that which has most of them first."""
    import phonenumbers

    codes = (int(prefix[1 : 1 + length]) for length in range(1, min(_COUNTRY, len(prefix) - 1) + 1))
    regions = (phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code) for code in codes)
    return tuple(region for region in next(filter(None, regions), ()) if region.isalpha())


def _check_help(ground: Ground) -> None:
    """A phone that can call out and not for help is a trap: who dials 112 hears that the number does not exist."""
    dialplan = ground.dialplan
    callers: dict[str, dict[str, None]] = {}
    for prefix, by_trunk in dialplan.outbound.items():
        for caller in by_trunk:
            callers.setdefault(caller, {}).update(dict.fromkeys(_regions_of(prefix)[:1] if prefix[:1] == "+" else ()))
    lost = {}
    for caller, regions in callers.items():
        numbers = _emergency_numbers(tuple(regions))
        routes = [match_route(dialplan, Offer("", number, trunk=caller)) for number in numbers]
        if numbers and not any(route is not None and route.outbound for route in routes):
            lost[caller] = numbers
    at = next((node.keys["outbound"] for node in ground.routes() if "outbound" in node.entries), None)
    if lost and at is not None:
        numbers = next(iter(lost.values()))
        message = f"who dials {' or '.join(numbers)} at {_list(lost)} does not reach help: no outbound route takes it"
        hint = f'add - {{outbound: {{prefix: "{numbers[0]}"}}, via: [...]}}, or say where it goes instead in an ignore comment'
        ground.report.warning(at, "EMERGENCY", message, hint)


@lru_cache(maxsize=256)
def _emergency_numbers(regions: tuple[str, ...]) -> tuple[str, ...]:
    """What people of these countries dial for help, of what is usual in the world: one of these has to go out."""
    from controller.rules.tolls import is_emergency

    if any(region in _NORTH_AMERICA for region in regions):
        return ("911",)  # 112 is known to mobiles, not to people, and the prefix +1 takes it along
    return tuple(number for number in sorted(EMERGENCY | _ELSEWHERE) if is_emergency(number, regions))


def _list(names: Iterable[str]) -> str:
    known = sorted(names)
    rest = f" and {len(known) - 3} more" if len(known) > 3 else ""
    return " or ".join(map(quoted, known[:3])) + rest

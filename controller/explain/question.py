"""What is asked: states that are assumed, a trunk, a moment.

Owns reading them; who asks what makes no sense hears why.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from controller.health.groups import add_groups, find_groups
from controller.rules.expand import common_name
from controller.rules.usage import Usage
from controller.types import (
    THE_NUMBER,
    THE_TENANT,
    Dialplan,
    HealthView,
    TargetState,
    TrunkHealth,
)
from controller.wording import which_instead


class QuestionError(ValueError):
    """What was asked makes no sense; the message says what to do."""


def assume_down(dialplan: Dialplan, down: Iterable[str], degraded: Iterable[str] = ()) -> HealthView:
    """A view in which these are down, or degraded: trunks, sites (their PBXs) or carriers (their trunks).

    Raises `QuestionError`.
    """
    states = dict.fromkeys(_trunks_of(dialplan, degraded), TargetState.DEGRADED)
    states |= dict.fromkeys(_trunks_of(dialplan, down), TargetState.DOWN)
    view = {name: TrunkHealth(states[name], code="ASSUMED") for name in sorted(states)}
    groups = find_groups(dialplan.trunks.values())
    add_groups(view, {name: members for name, members in groups.items() if view.keys() >= set(members)})
    return HealthView(1, view)


def _trunks_of(dialplan: Dialplan, names: Iterable[str]) -> set[str]:
    trunks: set[str] = set()
    for name in names:
        if name in dialplan.trunks:
            found: Iterable[str] = [name]
        elif name in dialplan.sites:
            found = dialplan.sites[name].pbx
        else:
            trunks_now = dialplan.trunks.values()
            found = [trunk.name for trunk in trunks_now if name and name in (trunk.group, trunk.carrier)]
            if not found:
                carriers = [trunk.carrier for trunk in trunks_now if trunk.carrier]
                hint = which_instead(name, [*dialplan.trunks, *dialplan.sites, *carriers])
                raise QuestionError(f"{name!r} is neither a trunk nor a site nor a carrier; {hint}")
        trunks.update(found)
    return trunks


def assume_full(dialplan: Dialplan, names: Iterable[str]) -> Usage:
    """A usage in which these are full: trunks, the number that is called ("did"), its tenant ("tenant").

    Raises `QuestionError`.
    """
    usage, words = Usage(dialplan), tuple(names)
    for word in words:
        trunks = dict.fromkeys(common_name(name) for name in dialplan.trunks)
        if word not in trunks and word not in (THE_NUMBER, THE_TENANT):
            hint = which_instead(word, [*trunks, THE_NUMBER, THE_TENANT])
            raise QuestionError(f"{word!r} is nothing that can be full; {hint}")
    usage.assume(words)
    return usage


def check_trunk(dialplan: Dialplan, name: str) -> str:
    """The name of a trunk, one of its addresses where it has several; "" for an unknown address.

    Raises `QuestionError`.
    """
    found = next((trunk.name for trunk in dialplan.trunks.values() if name in (trunk.name, trunk.group)), "")
    if name and not found:
        raise QuestionError(f"{name!r} is no trunk; {which_instead(name, dialplan.trunks)}")
    return found if name else ""


def parse_moment(dialplan: Dialplan, text: str) -> float:
    """A moment from ISO 8601; without an offset it is wall time of the dialplan's zone if there is one only, else UTC.

    Raises `QuestionError`.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise QuestionError(f"{text!r} is not a time: write 2026-12-24T18:30, or 2026-12-24T18:30+01:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(dialplan))
    return moment.timestamp()


def zone_of(dialplan: Dialplan) -> tzinfo:
    zones = {str(hours.zone): hours.zone for hours in dialplan.hours.values()}
    return next(iter(zones.values())) if len(zones) == 1 else UTC

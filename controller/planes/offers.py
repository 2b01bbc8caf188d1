"""From an INVITE to an offer: who calls whom, in numbers as we think of them, and what a call begins with.

Owns what of an INVITE goes on, and the reading of From and of the number called by the format of the trunk that the call comes from.
"""

from __future__ import annotations

from typing import Any

from controller.planes.phones import remove_credentials
from controller.rules.numbers import read_number
from controller.rules.run import MAX_TRIALS
from controller.types import Dialplan, NumberFormat, Offer, Plan
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Request
from sip.text import legible
from sip.uri import bracketed, parse_uri


def make_offer(offer_id: str, invite: Request, called: str, trunk: str, moment: float, dialplan: Dialplan) -> Offer:
    """What a call asks for. ``called`` is the number as it was written, ``trunk`` that which it came from, or ""."""
    form = format_of(dialplan, trunk)
    return Offer(
        id=offer_id,
        did=legible(read_number(form, called, called=True)),
        caller=legible(read_number(form, parse_caller(invite))),
        moment=moment,
        trunk=trunk,
    )


def name_call(invite: Request, key: tuple[Any, ...]) -> str:
    """The Call-ID and what else is in the ``key`` of the transaction: unique while that lives, and can be read."""
    branch, sender = key[:2]
    if isinstance(sender, tuple):  # of Via; a hash where there is no branch to go by
        sender = f"{bracketed(sender[0])}:{sender[1]}"
    return f"{invite.call_id};{branch};{sender}"


def format_of(dialplan: Dialplan, trunk: str) -> NumberFormat | None:
    """How a trunk writes numbers; what is no trunk writes them as we do."""
    found = dialplan.trunks.get(trunk)
    return found.format if found is not None else None


def parse_caller(request: Request) -> str:
    """The user part of From, "" where there is none."""
    try:
        return parse_uri(find_uri(request.require("from"))).user
    except RemoteProtocolError:
        return ""  # tel: and anonymous callers are callers as well


def width_of(plan: Plan) -> int:
    """How many branches a plan may have open at once: hedges count, and a path that is tried anew beside its first try."""
    return MAX_TRIALS * sum(len(target.paths) for stage in plan.stages for target in stage.targets) or 1


def for_others(invite: Request) -> Request:
    """What may go on of an INVITE. Routes that a caller preloads must not lead past the chain, and credentials for us
    are nobody else's business."""
    if "route" not in invite.names and "authorization" not in invite.names:
        return invite
    copy = invite.copy()
    while "route" in copy.names:
        index = copy.names.index("route")
        del copy.names[index], copy.lines[index]
    remove_credentials(copy)
    return copy

"""What concerns calls of a past life: a CANCEL whose INVITE this process never saw, a final that nobody acknowledges.

Nothing is remembered of those calls, but a branch is computed from the caller's own and the name of the path, so that
each path which a number can take has one branch that may have been used. Sans-IO; it must not hold state of calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.planes.border.dress import make_dress
from controller.planes.branches import address_at
from controller.planes.call import is_sips
from controller.planes.offers import format_of, parse_caller
from controller.rules.match import match_route
from controller.rules.numbers import read_number
from controller.rules.order import arrange
from controller.types import Dialplan, Offer, Path
from sip import builder
from sip.account import MAX_TRIES
from sip.element import Element
from sip.errors import RemoteProtocolError
from sip.headers import find_uri
from sip.message import Request, Response
from sip.sequence import mark, number_of, renumber
from sip.transaction import Hop
from sip.uri import parse_uri


def forward_cancel(
    cancel: Request,
    user: str,
    trunk: str,
    dialplan: Dialplan,
    hops: Mapping[str, Hop],
    element: Element,
    came_by: str = "",
) -> Iterator[tuple[Request, Hop]]:
    """The copies of a CANCEL that no INVITE of this life is meant by (RFC 3261 §16.10), and where each goes.

    One for the first trial of each path of the number called (over a trunk that asks for credentials, one for each try
    of that): where its INVITE went, the branch is that of the INVITE; anywhere else the answer is 481, and means
    nothing. ``trunk`` is the one that it came from, or "", ``came_by`` the listener.
    """
    loop_tag, trunks, sips = element.loop_tag_of(user), dialplan.trunks, is_sips(cancel)
    offer = _offer(dialplan, user, trunk, parse_caller(cancel))
    for path in _paths_of(dialplan, offer):
        hop = hops.get(path.trunk)
        if hop is None or hop[2:] not in element.listeners or (sips and hop.transport != "tls"):
            continue
        tag, there = element.path_tag_of(path.name), trunks.get(path.trunk)
        dress = None
        if there is not None:  # From and To are those of its INVITE
            host = element.listeners[hop[2:]].host
            dress = make_dress(dialplan, offer, cancel, there, trunks.get(trunk), host)
        note = element.write_note(dress.note, cancel.call_id) if dress is not None and dress.note is not None else ""
        cseq = cancel.cseq[0]
        for tried in range(MAX_TRIES + 1) if there is not None and there.auth is not None else (None,):
            number = None if tried is None else number_of(cseq, tried, cseq)
            marked = tag if tried is None else mark(tag, cseq, tried)
            via = element.via_for(cancel, marked, 1, loop_tag, hop=hop, came_by=came_by, cseq=number)
            onward = builder.forward_request(cancel, address_at(there, path, is_sips=sips), via + note)
            if dress is not None:
                dress.exchange(onward)
            if number is not None:
                renumber(onward, number)
            yield onward, hop


def acknowledge(
    final: Response, trunk: str, dialplan: Dialplan, hops: Mapping[str, Hop], element: Element
) -> tuple[Request, Hop] | None:
    """The ACK to a non-2xx final of an INVITE of ours (RFC 3261 §17.1.1.3), whose branch is known to be genuine.

    The caller's own ACK stops here, hop by hop, and the transaction that would have sent ours is gone. None where the
    path cannot be found again: To names another number than was called, or the dialplan is another one.
    """
    try:
        seen = element.forward_response(final)  # To as the caller wrote it
        user = parse_uri(find_uri(seen.require("to"))).user
    except RemoteProtocolError:
        return None
    tag = element.path_tag_in(final.via)
    for path in _paths_of(dialplan, _offer(dialplan, user, trunk)):
        hop = hops.get(path.trunk)
        if hop is not None and element.path_tag_of(path.name) == tag:
            there = dialplan.trunks.get(path.trunk)
            return builder.make_lost_ack(address_at(there, path, is_sips=False), final), hop
    return None


def _offer(dialplan: Dialplan, user: str, trunk: str, caller: str = "") -> Offer:
    form = format_of(dialplan, trunk)
    return Offer("", read_number(form, user, called=True), read_number(form, caller), trunk=trunk)


def _paths_of(dialplan: Dialplan, offer: Offer) -> list[Path]:
    """Every path that such a call may take, whatever the hour and the state of trunks."""
    route = match_route(dialplan, offer)
    if route is None:
        return []
    chain = arrange(dialplan, dialplan.chains[route.chain], offer)
    paths = [path for stage in chain.stages for target in stage.targets for path in target.paths]
    return list({path.name: path for path in paths}.values())

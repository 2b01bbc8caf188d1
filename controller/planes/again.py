"""One attempt, another try: over UDP after all, with credentials, or where a 3xx points.

Owns what may be done about a failed branch before its attempt has failed: the run never hears of it. It decides nothing
about whom to ring: all of these reach who was meant to be rung, or whom the dialplan permits in his place.
"""

from __future__ import annotations

from controller.planes.anchoring import Anchoring
from controller.planes.border.redirects import Redirects
from controller.planes.branches import Branches
from controller.planes.call import Attempt, Call
from controller.planes.relays import try_again
from controller.rules.expand import common_name
from controller.switchboard import Switchboard
from controller.types import Path
from sip.fork import BranchFailed


class Again:
    """See the top of the file."""

    def __init__(
        self, branches: Branches, redirects: Redirects, anchoring: Anchoring, switchboard: Switchboard
    ) -> None:
        self._branches = branches
        self._redirects = redirects
        self._anchoring = anchoring
        self._switchboard = switchboard

    def handle(self, call: Call, attempt: Attempt, event: BranchFailed, now: float) -> bool:
        """Try once more in the place of a branch that failed. False if there is nothing left to do for it."""
        context = event.context
        branch = context.branches.get(event.branch)
        if branch is None or context.final or branch.cancel_wanted:
            return False
        if not event.status and attempt.fallback is not None:
            (request, hop, attempt.tries), attempt.fallback = attempt.fallback, None
            context.add_branch(event.branch, request, hop, now, branch.back, attempt.owner)
            return True
        if attempt.tries is not None and try_again(event, attempt.tries, now):
            attempt.fallback = None  # by a transport that works
            return True
        if event.status // 100 != 3 or event.response is None:
            return False
        way = self._redirects.find_way(call, attempt, event.response)
        if way is None:
            return False
        before, (attempt.way, hop) = attempt.way, way
        if not self._move(call, event.branch, before, attempt.way, now):
            attempt.way = before
            return False
        attempt.tries = attempt.fallback = None

        def go_on(when: float) -> None:
            request = self._branches.make_invite(call, attempt, hop)
            context.add_branch(event.branch, request, hop, when, branch.back, attempt.owner)

        if attempt.leg:  # anchored already
            go_on(now)
        else:
            self._anchoring.begin(call, attempt, self._branches.leg_of(attempt.way.name, attempt.trial), go_on, now)
        return True

    def _move(self, call: Call, number: int, before: Path, after: Path, now: float) -> bool:
        """The attempt occupies a line of another trunk from now on; False if that one is full."""
        if common_name(before.trunk) == common_name(after.trunk):
            return True
        return self._switchboard.usage.move(call.offer.id, number, after.trunk, now)

"""Dialled digits reach nobody whom the chain of their route does not name, whatever they are."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from controller.rules.match import match_route
from controller.switchboard import Switchboard
from controller.types import DIALLED, AttemptFailed, StartAttempt
from tests.random_dialplans import busy_cases

ODD = [
    "+15557000@evil.example",
    "100;maddr=192.0.2.66",
    "sip:100",
    "100?Route=%3Csip:evil%3E",
    "{dialled}",
    "+1{dialled}",
    "\r\nRoute: <sip:evil>",
    "%00",
    "+1555%37000",
    "١٥٥٥٧٠٠٠",
    "1" * 40,
    "*72+19005550100",
    "+1900#5550100",
]


def test_every_attempt_goes_to_an_address_that_the_dialplan_holds() -> None:
    seen: Counter[str] = Counter()
    dice = random.Random(5)
    for dialplan, case, view, usage in busy_cases(dialplans=100, each=20):
        offer = replace(case, did=dice.choice(ODD)) if dice.random() < 0.5 else case
        route = match_route(dialplan, offer)
        board = Switchboard(dialplan)
        board.usage = usage
        commands = board.begin(offer, view, 0.0)
        if route is None:
            assert commands is None
            seen["nobody's"] += 1
            continue
        chain = dialplan.chains[route.chain]
        named = {path.name: path for stage in chain.stages for target in stage.targets for path in target.paths}
        assert commands is not None
        while commands:
            command = commands.pop(0)
            if isinstance(command, StartAttempt):
                written = named[command.path.name].address
                assert (DIALLED in written) == route.outbound
                user = offer.did.replace("#", "%23") if route.outbound else ""
                assert command.path.address == written.replace(DIALLED, user)
                assert set(user) <= set("+0123456789*%")
                seen["outward" if route.outbound else "inward"] += 1
                commands += board.handle(offer.id, AttemptFailed(command.attempt, "503"), 0.0)
    assert min(seen.values()) > 50, seen

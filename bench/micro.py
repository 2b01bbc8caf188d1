"""The small steps, in microseconds of CPU: parse, parse + rewrite + serialise, a whole run.

`python -m bench.micro`. Hot loops: in the daemon, between other work, the same steps cost two to three times as much.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable

from bench.engine import DID, make_engine
from bench.messages import INVITE, SDP
from controller.rules.plan import make_plan
from controller.rules.run import Run
from controller.types import AttemptProgressed, Milestone, Offer
from sip import builder
from sip.message import Request
from sip.parser import parse_message, validate


def microseconds(step: Callable[[], object], number: int = 5000) -> float:
    """The best of five rounds."""
    return min(timeit.repeat(step, number=number, repeat=5)) / number * 1e6


def main() -> None:
    """Print the table."""
    sdp = SDP.format(host="192.0.2.10")
    text = INVITE.format(
        did=DID, proxy="127.0.0.1:5060", length=len(sdp), tag="t1", host="192.0.2.10", caller="127.0.0.1:5090"
    )
    data = (text + sdp).encode()

    def proxy() -> bytes:
        request = parse_message(data)
        validate(request)
        assert isinstance(request, Request)
        via, route = "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx", "<sip:127.0.0.1:5060;lr>"
        return builder.forward_request(request, "sip:100@127.0.0.1:5071", via, record_route=route).encode()

    engine = make_engine()
    dialplan = engine.switchboard.dialplan
    chain, view, offer = dialplan.chains["c"], engine.board.view, Offer("1", DID)
    plan = make_plan(dialplan, chain, view, offer)

    def run() -> None:
        machine = Run(plan)
        machine.begin(0.0)
        machine.handle(AttemptProgressed(1, Milestone.ALERTING), 0.1)
        machine.handle(AttemptProgressed(1, Milestone.ANSWERED), 0.2)

    print(f"INVITE of {len(data)} bytes")
    print(f"  parse                        {microseconds(lambda: parse_message(data)):6.1f} us")
    print(f"  parse, rewrite, serialise    {microseconds(proxy):6.1f} us")
    print("run")
    print(f"  plan                         {microseconds(lambda: make_plan(dialplan, chain, view, offer)):6.1f} us")
    print(f"  begin, ring, answer          {microseconds(run):6.1f} us")


if __name__ == "__main__":
    main()

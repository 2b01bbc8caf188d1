"""How much CPU the engine takes per proxied call, sockets left out: parse, decide, rewrite, serialise.

`python -m bench.engine [--calls N] [--profile]`
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Iterator

from bench.messages import IN_DIALOG, INVITE, RESPONSE, SDP
from controller.engine import Engine
from controller.process import tune_garbage_collector
from controller.types import Chain, Dialplan, Listen, Path, Route, Stage, Target, Trunk
from sip.element import Element
from sip.parser import parse_message
from sip.seal import Seal
from sip.transaction import Hop

PROXY, CALLER, CALLEE = Hop("127.0.0.1", 5060), Hop("127.0.0.1", 5090), Hop("127.0.0.1", 5071)
DID = "+15557000"


def make_engine() -> Engine:
    """An engine with two trunks to ring, one that calls, and one chain, nothing probed."""
    trunks = {n: Trunk(n, "127.0.0.1", p, probe=None) for n, p in (("pbx", 5071), ("carrier", 5072), ("caller", 5090))}
    path = Path("desk via pbx", "desk", "pbx", "sip:100@127.0.0.1:5071")
    other = Path("mobile via carrier", "mobile", "carrier", "sip:+15550100@127.0.0.1:5072")
    stages = (Stage((Target("desk", (path,)),)), Stage((Target("mobile", (other,)),)))
    plan = Dialplan("bench", (Listen("127.0.0.1", 5060),), trunks, {"c": Chain("c", stages)}, {DID: Route(DID, "c")})
    hops = {name: Hop(trunk.host, trunk.port) for name, trunk in trunks.items()}
    element = Element(PROXY, b"b" * 32, Seal({"1": b"s" * 32}, "1"))
    return Engine(plan, element, hops, 0.0, token=lambda: "token")


def respond(forwarded: bytes, status: str, tag: str, body: str = "") -> bytes:
    """What a PBX answers to a forwarded request."""
    request = parse_message(forwarded)
    copied = ""
    for name, line in zip(request.names, request.lines, strict=True):
        if name in ("via", "from", "call-id", "cseq", "record-route"):
            copied += line + "\r\n"
        elif name == "to":
            copied += f"{line}{'' if ';tag=' in line else f';tag={tag}'}\r\n"
    typed = "Content-Type: application/sdp\r\n" if body else ""
    text = RESPONSE.format(status=status, copied=copied, callee="127.0.0.1:5071", typed=typed, length=len(body))
    return (text + body).encode()


class Meter:
    """Feeds an engine and sums up the CPU time it takes."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = 1.0
        self.spent = 0.0

    def feed(self, data: bytes, source: Hop) -> list[bytes]:
        """Give the engine a datagram; what it sends."""
        engine = self.engine
        begun = time.process_time()
        engine.receive(data, source, self.now)
        if engine.next_deadline() <= self.now:
            engine.handle_timer(self.now)
        self.spent += time.process_time() - begun
        sent = [data for data, _ in engine.outbox]
        engine.outbox.clear()
        return sent


def calls(engine: Engine, number: int) -> Iterator[float]:
    """Run calls through the engine, 600 a second, and yield the CPU seconds that each took inside it."""
    sdp = SDP.format(host="192.0.2.10")
    meter = Meter(engine)
    for index in range(number):
        tag = f"t{index:08x}"
        meter.spent = 0.0
        common = {"tag": tag, "host": "192.0.2.10", "caller": "127.0.0.1:5090"}
        invite = INVITE.format(did=DID, proxy="127.0.0.1:5060", length=len(sdp), **common) + sdp
        forwarded = next(data for data in meter.feed(invite.encode(), CALLER) if data.startswith(b"INVITE"))
        meter.feed(respond(forwarded, "180 Ringing", "c" + tag), CALLEE)
        (answer,) = meter.feed(respond(forwarded, "200 OK", "c" + tag, sdp), CALLEE)
        parsed = parse_message(answer)
        dialog = {
            "route": f"Route: {parsed.get('record-route')}\r\n",
            "to": f"To: {parsed.get('to')}",
            "callee": "127.0.0.1:5071",
        }
        meter.feed(IN_DIALOG.format(method="ACK", cseq=102, **dialog, **common).encode(), CALLER)
        (bye,) = meter.feed(IN_DIALOG.format(method="BYE", cseq=103, **dialog, **common).encode(), CALLER)
        (last,) = meter.feed(respond(bye, "200 OK", "c" + tag), CALLEE)
        assert last.startswith(b"SIP/2.0 200")
        engine.news.clear()
        meter.now += 1 / 600
        yield meter.spent


def main() -> None:
    """Print microseconds per call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    tune_garbage_collector()
    engine = make_engine()
    if options.profile:
        profile = cProfile.Profile()
        profile.enable()
        list(calls(engine, options.calls))
        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    times = sorted(calls(engine, options.calls))
    print(
        f"engine, CPU per call: median {times[len(times) // 2] * 1e6:.0f} us, mean {sum(times) / len(times) * 1e6:.0f} us"
    )


if __name__ == "__main__":
    main()

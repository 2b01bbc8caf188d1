"""What junk costs: `python -m bench.edge [--rate 20000] [--seconds 20] [--calls 50]`.

First the engine alone, by kind of message; then the daemon on real sockets: CPU per junk message, from /proc, and what
becomes of calls beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time

from bench.engine import make_engine
from bench.junk import make_junk
from bench.load import DIALPLAN, call_load, cpu_seconds, daemon, free_ports
from controller.types import Access
from sip.transaction import Hop

STRANGER = Hop("203.0.113.66", 5060)


def cost_of(messages: list[bytes], source: Hop = STRANGER, rounds: int = 20_000) -> float:
    """Seconds that the engine needs for one of them."""
    engine = make_engine()
    engine.edge.access = Access.TRUNKS
    now, count = 0.0, len(messages)
    begun = time.perf_counter()
    for number in range(rounds):
        engine.receive(messages[number % count], source, now)
        now += 0.0001
    return (time.perf_counter() - begun) / rounds


def junk_load(rate: int, seconds: int) -> tuple[float, dict[str, float]]:
    """(CPU seconds per junk message of an otherwise idle daemon, what the sender says)."""
    proxy, callee, spare = free_ports(3)
    with daemon(DIALPLAN.format(proxy=proxy, callee=callee, spare=spare)) as process:
        before = cpu_seconds(process.pid)
        said = _junk(proxy, rate, seconds).communicate()[0]
        told = json.loads(said)
        return (cpu_seconds(process.pid) - before) / max(told["sent"], 1), told


def _junk(port: int, rate: int, seconds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench.junk", str(port), "--rate", str(rate), "--seconds", str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def main() -> int:
    """Measure and print; 1 if more than one good call of a thousand was lost."""
    parser = argparse.ArgumentParser(prog="python -m bench.edge", description=__doc__)
    parser.add_argument("--rate", type=int, default=20_000, help="junk messages a second (20000)")
    parser.add_argument("--seconds", type=int, default=20, help="how long (20)")
    parser.add_argument("--calls", type=int, default=50, help="good calls a second (50)")
    chosen = parser.parse_args()
    junk = make_junk(random.Random(1))
    kinds = {
        "new requests and garbage": [each for each in junk if b";cw=" not in each and not each.startswith(b"SIP/")],
        "forged seals": [each for each in junk if b";cw=" in each and len(each) > 300],
        "forged answers": [each for each in junk if each.startswith(b"SIP/")],
    }
    print("the engine alone, a message of a stranger:")
    for kind, messages in kinds.items():
        print(f"  {kind:26} {cost_of(messages) * 1e6:6.2f} us")
    cost, told = junk_load(chosen.rate, chosen.seconds)
    print(f"the daemon, {told['sent'] / chosen.seconds:,.0f} junk messages/s: {cost * 1e6:.1f} us CPU each, ", end="")
    print(f"{cost * told['sent'] / chosen.seconds:.0%} of a core; {told['back']:.0f} bytes came back")
    alone = call_load(chosen.calls, chosen.seconds)
    beside = call_load(chosen.calls, chosen.seconds, beside=lambda port: _junk(port, chosen.rate, chosen.seconds + 5))
    for what, (_, good, bad, again) in (("calls alone", alone), ("calls beside junk", beside)):
        print(f"  {what:26} {good:,} good, {bad} failed, {again} requests repeated")
    return int(beside[2] * 1000 > beside[1] + beside[2])


if __name__ == "__main__":
    sys.exit(main())

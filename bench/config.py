"""A large dialplan: how long `check` and the reload of 10,000 numbers take, beside what PyYAML alone takes for them.

`python -m bench.config`. Seconds of CPU, the best of three rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import yaml

from controller.config import compile_text
from controller.config.schema import show_schema

HEAD = """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
trunks:
  carrier-a: {uri: "sip:192.0.2.1", carrier: a}
  carrier-b: {uri: "sip:192.0.2.2", carrier: b}
endpoints:
  desk: {user: "100", via: [carrier-a, carrier-b]}
  answering: {number: "+15550199", via: [carrier-b, carrier-a], live: true}
chains:
  main: [{ring: [desk], for: 10s}, {ring: [answering]}]
routes:
"""
COUNTS = (1_000, 10_000)


def seconds(step: Callable[[], object]) -> float:
    """The best of three rounds."""
    rounds = []
    for _ in range(3):
        began = time.process_time()
        step()
        rounds.append(time.process_time() - began)
    return min(rounds)


def main() -> None:
    """Print the table."""
    show_schema()  # what is made once is not what is measured
    print("a dialplan checked and compiled, seconds of CPU")
    print(f"  {'DIDs':>8} {'callward':>10} {'PyYAML':>10} {'ratio':>8}")
    for count in COUNTS:
        text = HEAD + "".join(f'  - {{did: "+1555{n:07d}", chain: main}}\n' for n in range(count))
        loaded = compile_text(text, "bench.yaml")
        assert loaded.dialplan is not None
        assert len(loaded.dialplan.routes) == count
        ours = seconds(partial(compile_text, text, "bench.yaml"))
        theirs = seconds(partial(yaml.compose, text, yaml.CSafeLoader))
        print(f"  {count:>8,} {ours:>10.2f} {theirs:>10.2f} {ours / theirs:>8.1f}")


if __name__ == "__main__":
    main()

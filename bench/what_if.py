"""`what-if` over 10,000 numbers: reading the file apart, and with chains shared by many numbers or by none.

`python -m bench.what_if`. Seconds of CPU, the best of three rounds; 1 if one of them takes more than 2 s. Numbers that share no
chain have each its own phone as well. In the last row every chain has timers of its own, so that there are as many shapes as
numbers, and nothing to share: that is what it costs then.
"""

from __future__ import annotations

import sys

from bench.config import HEAD, seconds
from controller.config import compile_text
from controller.explain.assumed import Assumed, read_things
from controller.explain.what_if import WhatIf

NUMBERS = 10_000
CHAINS = (1, 500, NUMBERS)
BAR = 2.0  # seconds, for each of the two questions, with the survey that both stand on


def main() -> int:
    """Print the table."""
    print(f"what-if over {NUMBERS:,} numbers, seconds of CPU")
    print(f"  {'chains':>18} {'reading':>10} {'one down':>10} {'all in turn':>12}")
    slow = False
    for count in CHAINS:
        slow |= measure(f"{count:,}", write(count)) > BAR
    measure("no two alike", write(NUMBERS, alike=False))
    return int(slow)


def write(count: int, *, alike: bool = True) -> str:
    """A dialplan whose numbers have so many chains, each with a phone of its own."""
    head, _, _ = HEAD.partition("chains:\n")
    phones = "".join(f'  desk-{n}: {{user: "{n + 1000}", via: [carrier-a, carrier-b]}}\n' for n in range(count))
    chains = "".join(
        f"  c{n}: [{{ring: [desk-{n}], for: {10_000 if alike else 10_000 + n}ms}}, {{ring: [answering]}}]\n"
        for n in range(count)
    )
    routes = "".join(f'  - {{did: "+1555{n:07d}", chain: c{n % count}}}\n' for n in range(NUMBERS))
    return f"{head}{phones}chains:\n{chains}routes:\n{routes}"


def measure(name: str, text: str) -> float:
    """Print a row; what the slower of the two questions took."""
    dialplan = compile_text(text, "bench.yaml").dialplan
    assert dialplan is not None
    down = Assumed(read_things(dialplan, ["carrier:a"]))
    assert WhatIf(dialplan, 0.0).compare(down).calls.counts.changed == NUMBERS
    read = seconds(lambda: compile_text(text, "bench.yaml"))
    one = seconds(lambda: WhatIf(dialplan, 0.0).compare(down))
    each = seconds(lambda: WhatIf(dialplan, 0.0).compare_all())
    print(f"  {name:>18} {read:>10.2f} {one:>10.2f} {each:>12.2f}")
    return max(one, each)


if __name__ == "__main__":
    sys.exit(main())

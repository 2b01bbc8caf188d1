"""`what-if` over 10,000 numbers: reading the file apart, and with chains shared by many numbers or by none.

`python -m bench.what_if`. Seconds of CPU, the best of three rounds; 1 if 10,000 numbers of 500 chains take more than 2 s.
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
    print(f"  {'chains':>8} {'reading':>10} {'one down':>10} {'all in turn':>12}")
    slow = False
    for count in CHAINS:
        chains = "".join(f"  c{n}: [{{ring: [desk], for: 10s}}, {{ring: [answering]}}]\n" for n in range(count))
        routes = "".join(f'  - {{did: "+1555{n:07d}", chain: c{n % count}}}\n' for n in range(NUMBERS))
        text = HEAD.replace("routes:\n", f"{chains}routes:\n") + routes
        dialplan = compile_text(text, "bench.yaml").dialplan
        assert dialplan is not None
        down = Assumed(read_things(dialplan, ["carrier:a"]))
        answer = WhatIf(dialplan, 0.0).compare(down)
        assert answer.calls.counts.changed == NUMBERS
        read = seconds(lambda text=text: compile_text(text, "bench.yaml"))
        one = seconds(lambda plan=dialplan, down=down: WhatIf(plan, 0.0).compare(down))
        each = seconds(lambda plan=dialplan: WhatIf(plan, 0.0).compare_all())
        slow |= count < NUMBERS and max(one, each) > BAR
        print(f"  {count:>8,} {read:>10.2f} {one:>10.2f} {each:>12.2f}")
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())

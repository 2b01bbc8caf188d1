"""From an event to the pixel: how long until a browser shows what has happened to a call or a trunk.

`python -m bench.console [--calls 200] [--deaths 6] [--open 1]`. The daemon with its process for operators, simulated trunks, and
a real Chromium that looks (``--open`` windows of it). An event's time is that at which the process for calls told it; a pixel's,
when the frame with it was handed to the compositor. Both are clocks of this machine. 1 if p95 is above 150 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.console.scene import VIEWER, Visitor, open_browser, open_scene

BAR = 0.150  # seconds

#: Notes for each event when the frame that shows it has been made.
WATCH = """async () => {
  const { listen, rows } = await import(new URL("page/store.js", location.href));
  window.pixels = [];
  const after = (at, what) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => window.pixels.push([what, (performance.timeOrigin + performance.now()) / 1000 - at]);
    port2.postMessage(0); // behind the frame
  });
  const seen = new Map();
  listen(({ rows: keys, events }) => {
    for (const event of events) if (event.kind === "call" && !event.old) after(event.at, "call");
    for (const key of keys) {
      const told = rows.get(key)?.told;
      if (told && seen.get(key) !== told) { seen.set(key, told); after(told, "trunk"); }
    }
  });
}"""


def main() -> int:
    """Measure, and say so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--deaths", type=int, default=6)  # one that dies more often is held down longer
    parser.add_argument("--open", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_scene(Path(folder)) as scene, open_browser() as browser:
        visitors = [Visitor(browser, scene.here.url) for _ in range(wanted.open)]
        for visitor in visitors:
            visitor.log_in(VIEWER)
            visitor.page.evaluate(WATCH)
        for number in range(wanted.deaths):
            box = ("carrier-a", "carrier-b")[number % 2]
            scene.tell(lambda here, box=box: here.testbed.boxes[box].kill())
            visitors[0].page.locator(f'[data-name="{box}"] .badge.down').wait_for()
            scene.tell(lambda here, box=box: here.testbed.boxes[box].revive())
            visitors[0].page.locator(f'[data-name="{box}"] .badge.up').wait_for()
        for visitor in visitors:
            visitor.see("calls")
        for _ in range(wanted.calls):
            scene.do(lambda here: here.call())
        enough = f"window.pixels.filter(([what]) => what === 'call').length >= {wanted.calls}"
        found: list[tuple[str, float]] = []
        for visitor in visitors:
            visitor.page.wait_for_function(enough)
            found += [tuple(each) for each in visitor.page.evaluate("window.pixels")]
    for what in ("trunk", "call", "all"):
        times = sorted(seconds for kind, seconds in found if what in (kind, "all"))
        p50, p95 = (times[int(len(times) * share)] for share in (0.5, 0.95))
        print(
            f"{what:6} {len(times):5} pixels  p50 {p50 * 1e3:5.1f} ms  p95 {p95 * 1e3:5.1f} ms  slowest {times[-1] * 1e3:5.1f} ms"
        )
    return int(p95 > BAR)


if __name__ == "__main__":
    sys.exit(main())

"""The only file that reads a clock.

Everything else gets `now` as an argument: monotonic seconds for machines, epoch seconds for calendars and stamps.
"""

from __future__ import annotations

import time

monotonic = time.monotonic
epoch = time.time

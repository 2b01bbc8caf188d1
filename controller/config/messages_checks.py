"""What providers, cascades and policies mean together: whether somebody can be reached at all.

Owns the findings that need all of them. It judges by the functions that plan (controller.messages), so that what it says is
what will happen.
"""

from __future__ import annotations

from controller.config.places import Places
from controller.types.messages import Messaging


def check_messaging(places: Places, messaging: Messaging) -> None:
    """Report what leaves people unreachable."""

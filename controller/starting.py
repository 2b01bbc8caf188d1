"""Why a daemon cannot start, whichever it is."""

from __future__ import annotations


class StartError(Exception):
    """The daemon cannot start; the message says where, what and what to do."""

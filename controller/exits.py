"""Exit codes of all commands. Owns what they mean."""

from __future__ import annotations

OK = 0
FINDINGS = 1  # something is wrong with a file, or down
USAGE = 2
UNREACHABLE = 3  # no daemon, no file, nothing to do it with

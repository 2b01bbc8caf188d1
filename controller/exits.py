"""Exit codes of all commands. Owns what they mean."""

from __future__ import annotations

OK = 0
FINDINGS = 1  # something is wrong with a file, or down
USAGE = 2  # an argument is wrong, or the file that it names is not there
UNREACHABLE = 3  # no daemon, nothing to do it with
BUG = 70  # of callward; EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # by Ctrl-C: 128 and the number of SIGINT
PIPE_CLOSED = 141  # whoever read the output went away: 128 and the number of SIGPIPE

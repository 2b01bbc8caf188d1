"""The console in a browser, where there is one to see it.

Owns whether one is opened. Browsers of text are not: they would take the terminal away from the story.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

OPENERS = ("xdg-open", "open")


def open_browser(url: str) -> str:
    """Open it, and say by what; "" where nobody would see it."""
    if not sys.stdout.isatty() or "SSH_CONNECTION" in os.environ:
        return ""
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return ""
    opener = next((name for name in OPENERS if shutil.which(name)), "")
    if opener:  # it may run for as long as the browser: the shell leaves it behind
        quiet, command = subprocess.DEVNULL, ["sh", "-c", '"$0" "$1" &', opener, url]
        subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, check=False)  # noqa: S603
    return opener

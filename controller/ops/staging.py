"""How the demo says to the process for operators that what is there is staged (`controller.ops.staged`): two words.

Owns nothing else, so that the demo need not import a web server for them.
"""

from __future__ import annotations

#: The demo's socket in the state folder, and the variable that names it.
FILE, VARIABLE = "demo.sock", "CALLWARD_DEMO"
#: The word after /v1/ of its paths, by which the page knows.
PART = "demo"

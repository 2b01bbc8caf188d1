"""callward's controller: decides whom to ring next, watches the trunks, and runs the daemon.

Owns policy (rules), feedback (health), configuration and everything that touches the outside world.
Imports flow one way: cli -> app -> planes | probes -> switchboard | config -> rules -> health -> clock -> types.
SIP itself lives in the package ``sip``, which knows nothing of this one.
"""

__version__ = "0.1.0"

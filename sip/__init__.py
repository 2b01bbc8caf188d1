"""SIP (RFC 3261) without I/O: messages, transactions, forking, and two files that move the bytes.

Owns the protocol and nothing of policy: it never knows what a trunk, a chain or a mobile is, and imports
nothing from ``controller``. Only ``sip.endpoint`` and ``sip.stream`` touch sockets and the loop;
everything else gets bytes and ``now`` as arguments and gives back commands.
"""

"""The hosts file of the system, which goes before DNS as it does for every other program.

Owns its syntax (hosts(5)). Reading blocks; a file that cannot be read holds nothing.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

HOSTS = Path("/etc/hosts")


def read_hosts(path: Path = HOSTS) -> dict[str, list[str]]:
    """The IP addresses of each name, lower case, in the order of the file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            if ipaddress.ip_address(address).is_link_local:  # of no use without its zone, which has no place in SIP
                continue
        except ValueError:
            continue
        for name in names:
            known = found.setdefault(name.lower().removesuffix("."), [])
            if address not in known:
                known.append(address)
    return found

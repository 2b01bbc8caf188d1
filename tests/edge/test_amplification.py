"""The real daemon is no weapon: a thousand loopback addresses send it everything, and less comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench.junk import send_junk
from tests.sipp.daemon import Daemon

DIALPLAN = """\
version: 1
access: {access}
listen: [{{udp: "127.0.0.1:{port}"}}]
trunks:
  pbx: {{uri: "sip:127.0.0.77:5060", probe: off}}
endpoints:
  desk: {{user: "100", via: [pbx], live: true}}
chains:
  main: [{{ring: [desk]}}]
routes:
  - {{did: "+15557000", chain: main}}
"""


@pytest.mark.parametrize("access", ["trunks", "anyone"])
def test_no_more_comes_back_than_was_sent(access: str, tmp_path: Path, pick_port: Callable[[], int]) -> None:
    port = pick_port()
    file = tmp_path / "dialplan.yaml"
    file.write_text(DIALPLAN.format(access=access, port=port))
    with Daemon(file, tmp_path / "state"):
        sent, sent_bytes, back = send_junk(port, rate=2_500, seconds=1.0, sources=1_000)
    assert sent > 1_000
    assert (back <= sent_bytes, back > 0) == (True, access == "anyone"), f"{back} bytes for {sent_bytes}"

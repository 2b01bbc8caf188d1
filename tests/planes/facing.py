"""A plane whose dialplan is YAML: a carrier calls, a PBX calls, and what each trunk sees is read off the wire."""

from __future__ import annotations

from typing import Any

from controller.planes.embedded import EmbeddedPlane
from controller.switchboard import Switchboard
from sip.message import Request, Response
from sip.timing import Deadlines
from sip.transaction import Hop
from tests.config.sample import compiled
from tests.planes.bench import Bench
from tests.sip import wire

PSTN = Hop("192.0.2.31", 5060)  # a carrier whose calls come in
MOBILE = Hop("192.0.2.32", 5060)  # a carrier that leads to mobiles
SPARE = Hop("192.0.2.33", 5060)
PBX = Hop("192.0.2.34", 5060)
HOPS = {"pstn": PSTN, "mobile": MOBILE, "spare": SPARE, "pbx": PBX}
DID = "+12125557000"
ANNA = "+13125550100"

PLAN = """\
version: 1
listen: [{{udp: "192.0.2.10:5060"}}]
sites: {{hq: {{pbx: [pbx]}}}}
trunks:
  pstn:   {{uri: "sip:192.0.2.31"{pstn}}}
  mobile: {{uri: "sip:192.0.2.32"{mobile}}}
  spare:  {{uri: "sip:192.0.2.33"{spare}}}
  pbx:    {{uri: "sip:192.0.2.34"{pbx}}}
endpoints:
  desk: {{user: "100", via: [pbx]}}
  anna: {{number: "+13125550100", via: [mobile, spare]}}
  lab:  {{user: "200", via: [pbx]}}
chains:
  sales:
{chain}
routes:
  - {{did: "+12125557000", chain: sales}}
  - {{outbound: {{prefix: "+"}}, via: [mobile, spare]}}
"""


class Facing(Bench):
    """A bench whose trunks have the keys that a test gives: ``Facing(mobile="caller_id: own")``."""

    def __init__(self, chain: str = "    - ring: [anna]", **keys: str) -> None:
        more = {name: f", {keys[name]}" if keys.get(name) else "" for name in HOPS}
        self.dialplan = compiled(PLAN.format(chain=chain, **more).replace('prefix: "+"', 'prefix: "*"'))
        super().__init__()
        self.start()

    def start(self) -> None:
        """A life of the daemon; called again it is another one."""
        self.deadlines = Deadlines()
        self.switchboard = Switchboard(self.dialplan)
        self.plane = EmbeddedPlane(self.switchboard, wire.make_element(), HOPS, self.deadlines)

    def ring(
        self, called: str = DID, caller: str = "<sip:+14155551234@pstn.example>", source: Hop = PSTN, **options: Any
    ) -> Request:
        """A call comes in; the one INVITE that goes out."""
        (invite,) = [m for m, _ in self.place(called, caller, source, **options) if isinstance(m, Request)]
        return invite

    def place(
        self,
        called: str = DID,
        caller: str = "<sip:+14155551234@pstn.example>",
        source: Hop = PSTN,
        to: str | None = None,
        **options: Any,
    ) -> list[tuple[Request | Response, Hop]]:
        """A call comes in; all that goes out."""
        lines = wire.request_lines("INVITE", f"sip:{called}@192.0.2.10", via=f"SIP/2.0/UDP {source.host}", **options)
        lines = [f"From: {caller};tag=caller" if line.startswith("From:") else line for line in lines]
        lines = [f"To: {to or f'<sip:{called}@192.0.2.10>'}" if line.startswith("To:") else line for line in lines]
        return self.receive(wire.encode(lines, options.get("body", b"")), source)

"""A small valid dialplan that tests bend, and the shortest ways to compile."""

from __future__ import annotations

from controller.config import Diagnostic, compile_text, render
from controller.types import Dialplan

SAMPLE = """\
version: 1
listen: [{udp: "127.0.0.1:5060"}]
defaults: {ring: 20s, no_reply: 2s, no_progress: 8s, stagger: 5s, hedge: auto, causes: {603: next-target}}
trunks:
  carrier-a: {uri: "sip:192.0.2.10:5071", carrier: a, probe: fast}
  carrier-b: {uri: "sip:sbc.carrier-b.example;transport=UDP", carrier: b, probe: off}
  hq-pbx:    {uri: "sip:192.0.2.30:5081"}
probes:
  fast: {every: 250ms, burst: 30ms, timeout: auto, misses: auto, rise: 2}
endpoints:
  front-desk:  {user: "100", via: [hq-pbx, carrier-a]}
  anna-mobile: {number: "+15550100", via: [carrier-a], live: false}
  answering:   {number: "+15550199", via: [carrier-b, carrier-a], live: true}
chains:
  sales:
    - ring: [front-desk]
      for: 10s
    - ring: [anna-mobile, front-desk]
      mode: hybrid
      stagger: 4s
      for: 25s
      hedge: 500ms
    - ring: [answering]
      hedge: off
routes:
  - {did: "+15557000", chain: sales}
  - {did: "*", chain: sales}
"""


def bend(*changes: tuple[str, str]) -> str:
    """The sample with some of its text replaced."""
    text = SAMPLE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def compiled(text: str) -> Dialplan:
    """The dialplan of a text without errors."""
    loaded = compile_text(text, "acme.yaml")
    assert loaded.dialplan is not None, render(loaded.diagnostics, loaded.sources)
    return loaded.dialplan


def found(text: str) -> list[Diagnostic]:
    """All findings about a text."""
    return compile_text(text, "acme.yaml").diagnostics


def codes(text: str) -> list[str]:
    """The codes of all findings, in order."""
    return [finding.code for finding in found(text)]

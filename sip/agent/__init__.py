"""A scripted SIP user agent: phones, PBXs and carriers for tests of dialplans, in virtual time or on real sockets.

Sans-IO with the contract of `sip.endpoint.Core`, so a simulator drives it as well as a `UdpEndpoint` does:

    phone = Agent("front-desk", Hop("127.0.0.1", 5081), Script(ring_after=0.1, answer_after=3.0))
    phone.receive(datagram, source, now=0.0)        # then send what is in phone.outbox
    phone.handle_timer(now=phone.next_deadline())   # ... and so on
    assert phone.story(call_id) == ["invited", "ringing", "answered", "acked"]
"""

from sip.agent.script import AgentCall, AgentEvent, CallState, Script
from sip.agent.user_agent import Agent

__all__ = ["Agent", "AgentCall", "AgentEvent", "CallState", "Script"]

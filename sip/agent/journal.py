"""What a scripted user agent remembers: its calls, and all that happened in them.

Owns the books only; `sip.agent.user_agent` writes them, tests and demos read them.
"""

from __future__ import annotations

from sip.agent.script import AgentCall, AgentEvent, CallState


class Journal:
    """The books of one agent."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events: list[AgentEvent] = []
        self.calls: list[AgentCall] = []  # all there ever were; a long run may clear both lists
        self._live: dict[str, AgentCall] = {}  # by our tag: under way, or over for less than 64 x T1

    @property
    def ringing(self) -> list[AgentCall]:
        """Incoming calls that ring now: at the end of a test nobody may be left ringing."""
        return [call for call in self._live.values() if call.incoming and call.state is CallState.RINGING]

    @property
    def talking(self) -> list[AgentCall]:
        """Calls that are answered and not over."""
        return [call for call in self._live.values() if call.state is CallState.ANSWERED]

    def find(self, call: AgentCall | str) -> AgentCall:
        """The latest call with this Call-ID.

        Raises `KeyError`.
        """
        if isinstance(call, AgentCall):
            return call
        for known in reversed(self.calls):
            if known.id == call:
                return known
        raise KeyError(f"{self.name} knows no call {call!r}")

    def story(self, call: AgentCall | str) -> list[str]:
        """What happened in a call, in order: ["invited", "ringing", "answered", "acked"]."""
        call_id = call if isinstance(call, str) else call.id
        return [event.what for event in self.events if event.call == call_id]

    def _keep(self, call: AgentCall, now: float, what: str) -> None:
        self.calls.append(call)
        self._live[call.tag] = call
        self._note(now, call.id, what)

    def _note(self, now: float, call_id: str, what: str) -> None:
        self.events.append(AgentEvent(now, call_id, what, self.name))

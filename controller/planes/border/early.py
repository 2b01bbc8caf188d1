"""Early media: whose sound the caller hears before anybody has answered, and whose he does not.

Owns what is taken out of provisional responses where phones that ring at once would talk over each other. The early
dialogs themselves stay (RFC 3261 §12.1): what is taken is the SDP, and with it the reason for a 183.

A reliable provisional response (RFC 3262) carries the answer itself and not a preview of it, so nothing may be taken out
of one: where something is to be taken out, the INVITE does not say that it supports 100rel. A caller who requires 100rel
gets all early media.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.planes.border.values import replace_all
from controller.planes.call import Attempt, Call
from controller.types import EarlyMedia
from sip.fork import Back
from sip.message import Request, Response

_OF_A_BODY = frozenset(
    ("content-type", "content-length", "content-disposition", "content-encoding", "content-language", "p-early-media")
)
_RELIABLE = "100rel"


class EarlyVoice:
    """Which attempt of a call has the caller's ear."""

    __slots__ = ("_attempts", "_heard")

    def __init__(self, attempts: Mapping[int, Attempt]) -> None:
        self._attempts = attempts
        self._heard = 0

    def back_for(self, attempt: int, policy: EarlyMedia) -> Back:
        """What is done to the responses of an attempt."""

        def back(response: Response) -> Response:
            if not 100 < response.status < 200 or not response.body:
                return response
            if policy is EarlyMedia.FIRST and self._may_be_heard(attempt):
                return response
            return silence(response)

        return back

    def _may_be_heard(self, attempt: int) -> bool:
        heard = self._attempts.get(self._heard)
        if heard is None or heard.outcome:  # it has ended, or was given up
            self._heard = attempt
        return self._heard == attempt


def hear(call: Call, attempt: int, policy: EarlyMedia) -> Back | None:
    """The way back of an attempt by the policy of its stage, None where all early media pass; its INVITE knows then that
    it must not ask for reliable ones."""
    if policy is EarlyMedia.PASS or _RELIABLE in words_of(call.invite, "require"):
        return None
    call.attempts[attempt].silenced = True
    if call.voice is None:
        call.voice = EarlyVoice(call.attempts)
    return call.voice.back_for(attempt, policy)


def silence(response: Response) -> Response:
    """A provisional response without its SDP: a 183 is then no more than a 180. A reliable one stays as it is."""
    if _RELIABLE in words_of(response, "require"):
        return response
    pairs = [(name, line) for name, line in zip(response.names, response.lines, strict=True) if name not in _OF_A_BODY]
    names, lines = [name for name, _ in pairs], [line for _, line in pairs]
    status, reason = (180, "Ringing") if response.status == 183 else (response.status, response.reason)
    return Response(status, reason, [*names, "content-length"], [*lines, "Content-Length: 0"])


def forgo_reliability(request: Request) -> None:
    """Say no more that reliable provisional responses are supported."""
    if "supported" not in request.names:
        return
    words = request.get_all("supported")
    kept = [word for word in words if word.lower() != _RELIABLE]
    if kept != words:
        replace_all(request, "supported", [", ".join(kept)])


def words_of(message: Request | Response, name: str) -> list[str]:
    """The option tags of a header, in lower case."""
    return [word.lower() for word in message.get_all(name)] if name in message.names else []

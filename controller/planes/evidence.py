"""What calls tell about their trunks: signs of life for the detectors, outcomes for the scores, how long was talked.

Owns what is told, once each, and when; `samples` and `signs` are for the driver to take. Must not judge.
"""

from __future__ import annotations

from controller.planes.call import Attempt, Call
from controller.types import ANSWERED, CALL_RESPONSE, CALL_SILENT, NO_PROGRESS, NO_REPLY, TALKED, CallSign, Sample


class Evidence:
    """Gathered by the plane, drained by the engine."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.signs: list[CallSign] = []

    def forget_silence(self) -> None:
        """The loop was late: what was silent may have spoken unheard."""
        self.samples = [sample for sample in self.samples if sample.code != CALL_SILENT]
        self.signs = [sign for sign in self.signs if sign.code not in (NO_REPLY, NO_PROGRESS)]

    def note_failure(self, attempt: Attempt, code: str) -> None:
        """Silence, or an error of the transport."""
        self.samples.append(Sample(attempt.way.trunk, alive=False, code=code))

    def note_life(self, attempt: Attempt, now: float) -> None:
        """The first response of an attempt."""
        if not attempt.heard:
            attempt.heard = True
            self.samples.append(Sample(attempt.way.trunk, True, CALL_RESPONSE, now - attempt.started))

    def note_sign(self, call: Call, attempt: Attempt, code: str, now: float, retry_after: float = 0.0) -> None:
        """The first thing that an attempt says about the quality of its trunk; what comes later is the callee's."""
        if attempt.told:
            return
        attempt.told = True
        endpoint, trunk = attempt.path.endpoint, attempt.way.trunk
        after = tuple((other, why) for who, other, why in call.failed if who == endpoint) if call.failed else ()
        self.signs.append(CallSign(trunk, code, now - attempt.started, after, retry_after))
        if code[0] not in "12":
            call.failed.append((endpoint, trunk, code))

    def note_talk(self, trunk: str) -> None:
        """A call was answered."""
        self.signs.append(CallSign(trunk, ANSWERED, 0.0))

    def note_goodbye(self, trunk: str, seconds: float) -> None:
        """A call was hung up, after so many seconds."""
        self.signs.append(CallSign(trunk, TALKED, seconds))

"""What the process for calls says of an order that it does not know: never had, or forgotten with an earlier life.

Owns that one judgement, for calls and messages of SIP alike. Must not ask: the adapters do.
"""

from __future__ import annotations

from controller.channels.base import Refused, Submission, Unclear
from controller.control import Answer
from controller.messages.ids import time_of


def judge_unknown(send_key: str, answer: Answer) -> Submission:
    """Refused if it runs since before the cascade began, so that it would know; else nobody can say."""
    begun = time_of(send_key.partition(":")[0])
    is_older = begun is not None and float(answer.get("since", 0.0)) <= begun
    return Refused("404") if is_older else Unclear("restarted")

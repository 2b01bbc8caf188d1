"""What an outcome means: the table of causes.

Owns the defaults that the YAML key `causes:` overrides. A busy person is the next *target's* turn, never another
*trunk's*; a broken trunk is the next path to the same person; what the caller must mend ends the hunt.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.types import (
    ANYTHING,
    BUSY,
    FULL,
    NO_ANSWER,
    NO_PROGRESS,
    NO_REPLY,
    NOT_SECURE,
    TRANSPORT_ERROR,
    TRUNK_DOWN,
    UNANSWERED,
    Milestone,
    Verdict,
)

#: RFC 3261 §8.2.2.2: this request has come by another path already. Beside a sibling it proves that the sibling lives.
MERGED = "482"

DEFAULTS: Mapping[str, Verdict] = {
    # ours
    NO_REPLY: Verdict.NEXT_PATH,
    NO_PROGRESS: Verdict.NEXT_PATH,
    NO_ANSWER: Verdict.NEXT_TARGET,
    TRANSPORT_ERROR: Verdict.NEXT_PATH,
    TRUNK_DOWN: Verdict.NEXT_PATH,
    FULL: Verdict.NEXT_PATH,
    NOT_SECURE: Verdict.NEXT_PATH,
    # the trunk asks us or is broken
    "401": Verdict.NEXT_PATH,
    "403": Verdict.NEXT_PATH,
    "407": Verdict.NEXT_PATH,
    "408": Verdict.NEXT_PATH,
    "440": Verdict.NEXT_PATH,  # too many branches for this one, RFC 5393
    # the person, or the number
    "404": Verdict.NEXT_TARGET,
    "410": Verdict.NEXT_TARGET,
    "480": Verdict.NEXT_TARGET,
    MERGED: Verdict.NEXT_TARGET,
    "486": Verdict.NEXT_TARGET,
    "487": Verdict.NEXT_TARGET,
}

_BY_CLASS: Mapping[str, Verdict] = {
    "3": Verdict.NEXT_TARGET,  # a redirect is not followed
    "4": Verdict.STOP,  # the caller must mend it: 400, 415, 420, 488 ...
    "5": Verdict.NEXT_PATH,
    "6": Verdict.NEXT_TARGET,  # one phone's 603 must not keep the ring group from answering
}


def judge(cause: str, overrides: Mapping[str, Verdict]) -> Verdict:
    """The verdict on a cause: the dialplan's word, else the default, else that of its class, else the next path.

    The plan of a message brings a table of its own, with rows for classes ("4xx") and for all else ("*").
    """
    if overrides and (verdict := overrides.get(cause) or overrides.get(f"{cause[:1]}xx") or overrides.get("*")):
        return verdict
    return DEFAULTS.get(cause) or _BY_CLASS.get(cause[:1], Verdict.NEXT_PATH)


def happenings(cause: str, milestone: Milestone, trunk: str) -> tuple[str, ...]:
    """What has happened by an attempt that was out for this cause, for stages that wait for it (`after`, `overflow`)."""
    if cause in ("486", "600"):
        return (BUSY,)
    if cause in (NO_ANSWER, "480") or (cause == "408" and milestone >= Milestone.ALERTING):
        return (UNANSWERED,)
    return (ANYTHING, trunk) if cause == FULL else ()

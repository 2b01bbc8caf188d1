"""How somebody is: the words of `given` and `becomes`, read.

Owns their syntax and for whom each word makes sense. Must not know a dialplan.

``answers after 5s``, ``busy``, ``503 after 2s``, ``down``, ``refuses not-on-channel``: a word or a SIP status, for
some words a cause, and for some a time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from controller.config.diagnostics import Mistake, quoted
from controller.config.duration import parse_duration
from controller.config.values import hint_choice


class Kind(StrEnum):
    """Of whom something is said."""

    TRUNK = "trunk"  # or a site, or a carrier
    PHONE = "endpoint"  # or one way to it
    LIMIT = "limit"  # of the number that is called, or of its tenant
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class State:
    """How somebody is. ``after`` in seconds; None: as usual."""

    word: str
    status: int = 0  # what an INVITE gets, 0 for none
    cause: str = ""  # of a provider, in the words of cascades
    after: float | None = None


#: What each word means for whom.
WORDS: dict[Kind, tuple[str, ...]] = {
    Kind.TRUNK: ("up", "down", "silent", "closed", "degraded", "drained", "full"),
    Kind.PHONE: ("answers", "rings", "busy", "declines", "hangs", "silent"),
    Kind.LIMIT: ("full",),
    Kind.PROVIDER: ("delivers", "reads", "accepts", "refuses", "fails", "silent", "down", "full"),
}
#: A trunk of which nobody hears anything.
DEAD = frozenset(("down", "silent", "closed"))
#: Words that take a time, and those that take a cause.
_TIMED = {"answers", "busy", "declines", "delivers", "reads", "fails"}
_CAUSED = {"refuses", "fails"}
_STATUSES = {"busy": 486, "declines": 603}
_STATUS = re.compile(r"[3-6][0-9]{2}")
_CAUSE = re.compile(r"[\w-]{1,64}")
_ALL = tuple(dict.fromkeys(word for words in WORDS.values() for word in words))


def parse_state(text: str) -> State:
    """Read how somebody is. Raises `Mistake`."""
    head, _, late = text.partition(" after ")
    word, _, cause = head.strip().partition(" ")
    after = parse_duration(late.strip(), shortest=0.0) if late else None
    if _STATUS.fullmatch(word) and not cause:
        return State(word, int(word), after=after)
    if word not in _ALL:
        hint = hint_choice(word, _ALL) if word else "write one word, such as busy, or 'answers after 5s'"
        raise Mistake("BAD_STATE", f"{quoted(text)} is not how somebody is", hint)
    if cause and (word not in _CAUSED or not _CAUSE.fullmatch(cause)):
        hint = f"write '{word} after 5s'" if word in _TIMED else f"write {word}"
        raise Mistake("BAD_STATE", f"{quoted(word)} says nothing of {quoted(cause)}", hint)
    if after is not None and word not in _TIMED:
        raise Mistake("BAD_STATE", f"{quoted(word)} takes no time", f"write {word}")
    return State(word, _STATUSES.get(word, 0), cause, after)


def fits(state: State, kind: Kind) -> bool:
    """Whether that can be said of somebody of this kind."""
    return state.word in WORDS[kind] or (state.word.isdigit() and kind in (Kind.TRUNK, Kind.PHONE))


def words_for(kind: Kind) -> str:
    """What can be said of somebody of this kind."""
    statuses = ", a SIP status such as 503" if kind in (Kind.TRUNK, Kind.PHONE) else ""
    return ", ".join(WORDS[kind]) + statuses

"""Words by which people say that they want nothing more, or something again.

Owns the words. A message counts if it is such a word alone, whatever signs stand around it: "please stop by" is none.
What becomes of it is the broker's business (`store.set_opt_out`). Pure.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum


class Wish(StrEnum):
    """What a person wants."""

    STOP = "stop"
    START = "start"
    NOTHING = ""


#: What US carriers demand (CTIA Messaging Principles and Best Practices §5.1.3), and the same elsewhere.
_STOP = frozenset(
    "stop stopall unsubscribe cancel end quit revoke optout "  # English
    "arret arreter desabonner "  # French
    "baja alto parar cancelar "  # Spanish, Portuguese
    "stopp abmelden abbestellen "  # German, Swedish, Norwegian
    "annulla disiscrivi afmelden стоп отписаться dur iptal".split()
)
_START = frozenset("start unstop yes subscribe optin oui alta si ja anmelden старт".split())


def wish_of(text: str) -> Wish:
    """What a message asks for."""
    if len(text) > 64:
        return Wish.NOTHING
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(
        sign if sign.isalnum() else " " for sign in decomposed if not unicodedata.combining(sign) and sign not in "-'’"
    )
    words = letters.split()
    word = "".join(words) if words in (["stop", "all"], ["opt", "out"], ["opt", "in"]) else " ".join(words)
    if word in _STOP:
        return Wish.STOP
    return Wish.START if word in _START else Wish.NOTHING


def is_stop(text: str) -> bool:
    """Whether a person wants nothing more."""
    return wish_of(text) is Wish.STOP


def is_start(text: str) -> bool:
    """Whether a person wants something again."""
    return wish_of(text) is Wish.START

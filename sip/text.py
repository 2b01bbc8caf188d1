"""Text that we put into headers and logs ourselves: what may not be in it, and display names in quotes.

Owns the list of characters that would end a line, hide text or turn its direction, and how bytes are spelled in a
parameter. What is only passed on is not touched.
"""

from __future__ import annotations

import base64
import re

#: C0 and C1 controls, DEL, line and paragraph separators (RFC 3261 §25.1 allows none of them in text), and what changes
#: the direction of text: a caller must not be able to show a number backwards (Unicode UAX #9, Trojan Source).
_CHARS = "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
_HARMFUL = re.compile(f"[{_CHARS}]")
_ESCAPED = re.compile(
    rf"(\\[^{_CHARS}])|\\?[{_CHARS}]"
)  # an escaped character goes with its backslash, or the next one is escaped


def clean(text: str) -> str:
    """The text without the characters that harm; as it was where it has none."""
    if text.isascii() and text.isprintable():
        return text
    return _ESCAPED.sub(r"\1", text) if "\\" in text else _HARMFUL.sub("", text)


def legible(text: str) -> str:
    """The same with U+FFFD for what a peer wrote that is no UTF-8 (PEP 383 has it in the text): files, terminals and JSON
    take nothing else."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def one_line(text: str) -> str:
    """The same for long text of every message, that no person reads: only what would end a line counts."""
    return clean(text) if "\r" in text or "\n" in text or "\0" in text else text


def quote(text: str) -> str:
    """Text as a quoted string (RFC 3261 §25.1), fit to be a display name."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def spell(data: bytes) -> str:
    """Bytes as a token that is safe in a parameter (RFC 3261 §25.1): base64url, in which ``!`` stands for ``q``.

    Without that letter no token says "CSeq" by chance. There are programs that look for that word instead of the header,
    SIPp among them, and one seal in 200,000 would have it.
    """
    return base64.urlsafe_b64encode(data).decode().rstrip("=").replace("q", "!")


def unspell(token: str) -> bytes:
    """The bytes that `spell` spelled so. Raises `ValueError` for any other text: bytes have one spelling."""
    letters = token.replace("!", "q")
    data = base64.b64decode(letters + "=" * (-len(letters) % 4), altchars=b"-_", validate=True)
    if spell(data) != token:
        raise ValueError("no token of ours")
    return data

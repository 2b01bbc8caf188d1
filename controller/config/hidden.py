"""Which values of a dialplan are secrets: by the names of their keys, and in URLs.

Owns the list, for all that shows a piece of a file or warns of what stands in it. Headers of HTTP are keys as well, and have
names of their own.
"""

from __future__ import annotations

import re

from controller.masking import GONE

#: Names that say so wherever they stand in a key, and whole keys.
_WITHIN = r"pass?word|passwd|secret|token|api[-_]?key|authorization|cookie"
_WHOLE = r"routing_key|bearer|hook|urls"
_KEY = re.compile(rf"(?:[\w-]*(?:{_WITHIN})|{_WHOLE})", re.IGNORECASE)
#: What stands for a secret is none: whoever reads has to know which variable, or which file.
_REFERENCE = re.compile(r"""["']?\$\{(?:env|file):[^{}"']*\}?["']?""")
#: A snippet goes to terminals and logs: what a key of such a name holds is masked, character by character.
_IN_LINE = re.compile(
    rf"""((?<![\w-])(?:{_KEY.pattern}|sha256|auth(?=["']?\s*:\s*[^\s{{]))["']?\s*:\s*)"""
    r"""("[^"]*"?|'[^']*'?|(?:(?!,\s+[\w-]+["']?\s*:|[}\]]+\s*(?:,|\#|$)).)+)""",
    re.IGNORECASE,
)
#: The password in a URL, as that of a database, and what stands behind its question mark.
_IN_URL = (re.compile(r"(://[^\s/:@]*:)([^\s/@]+)(?=@)"), re.compile(r"(://[^\s?\"']*\?)([^\s\"']+)"))


def is_secret(key: str) -> bool:
    """Whether what such a key holds is for nobody to see."""
    return _KEY.fullmatch(key) is not None


def mask_line(line: str) -> str:
    """A line of a file without its secrets; what is left stands where it stood."""
    for secret in (_IN_LINE, *_IN_URL):
        line = secret.sub(_mask, line)
    return line


def mask_urls(text: str) -> str:
    """A text without the secrets in its URLs."""
    if "://" in text:
        for secret in _IN_URL:
            text = secret.sub(rf"\1{GONE}", text)
    return text


def _mask(match: re.Match[str]) -> str:
    before, secret = match.groups()
    return match[0] if _REFERENCE.fullmatch(secret.rstrip()) else before + "*" * len(secret)

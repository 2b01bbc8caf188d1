"""What the answer to a submission means. Pure; never raises for what a provider says.

Owns the way from an HTTP answer to `Accepted`, `Refused` or `Unclear`, and how a provider's codes are written down:
neither numbers of people nor texts may pass.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from controller.channels.base import Accepted, Refused, Submission, Unclear
from controller.channels.http.paths import Data, Unreadable, number, parse_json, text
from controller.channels.http.template import Values, render_text
from controller.types.cascades import REJECTED, UNCLEAR
from controller.types.http import HttpSettings

_CODE = re.compile(r"[\w.#:/-]{1,64}", re.ASCII)
_LIKE_A_NUMBER = re.compile(r"[0-9]{7,}")
_REF = re.compile(r"[\x21-\x7e]{1,256}")
LONGEST_RETRY = 86400.0  # seconds


def read_answer(
    settings: HttpSettings, status: int, headers: Mapping[str, str], body: bytes, values: Values, now: float
) -> Submission:
    """What became of a submission. ``headers``: names in lower case; ``now``: seconds since the epoch."""
    rules = settings.response
    data = _read(body, headers)
    code = clean_code(text(data, rules.code))
    fine = status in rules.accepted if rules.accepted else 200 <= status < 300
    if not fine:
        if status in rules.unclear and code not in settings.errors:
            return Unclear(str(status))
        return Refused(_cause(settings, code, status), code, _retry_after(settings, data, now))
    word = text(data, rules.status).lower()
    if rules.status and word and word not in rules.taken:
        cause = settings.errors.get(code) or settings.errors.get(word) or REJECTED
        return Refused(cause, code or clean_code(word), _retry_after(settings, data, now))
    ref = render_text(rules.own_ref, values) if rules.own_ref else clean_ref(text(data, rules.ref))
    if (rules.ref or rules.own_ref) and not ref:
        return Unclear(UNCLEAR)  # it says yes, and not to what
    return Accepted(ref, cost=number(data, rules.cost))


def read_lookup(settings: HttpSettings, status: int, body: bytes) -> Submission:
    """Whether the provider has a message: only a 404 or an answer without it says that it has not."""
    if status == 404:
        return Refused("404")
    if not 200 <= status < 300 or settings.lookup is None:
        return Unclear(str(status))
    try:
        data = Data(parse_json(body))
    except Unreadable:
        return Unclear(UNCLEAR)
    if not isinstance(data.body, dict | list):
        return Unclear(UNCLEAR)
    ref = clean_ref(text(data, settings.lookup.ref))
    return Accepted(ref) if ref else Refused("404")


def _read(body: bytes, headers: Mapping[str, str]) -> Data:
    try:
        return Data(parse_json(body), headers=headers)
    except Unreadable:
        return Data(headers=headers)


def _cause(settings: HttpSettings, code: str, status: int) -> str:
    cause = settings.errors.get(code) or settings.errors.get(str(status))
    # A 404 of an API says that the URL or the account is wrong, and nothing of the person.
    return cause or ("400" if status == 404 else str(status))


def _retry_after(settings: HttpSettings, data: Data, now: float) -> float:
    """Seconds until the provider wants to hear of us again (RFC 9110 §10.2.3); 0: it does not say."""
    written = data.headers.get("retry-after", "").strip()
    if written.isascii() and written.isdecimal():
        return min(float(written[:9]), LONGEST_RETRY)
    if written:
        try:
            return min(max(0.0, parsedate_to_datetime(written).timestamp() - now), LONGEST_RETRY)
        except (ValueError, TypeError, IndexError, OverflowError):
            pass
    return min(number(data, settings.response.retry_after) or 0.0, LONGEST_RETRY)


def clean_code(code: str) -> str:
    """A provider's code as it may be kept: "" if it is more than a word, or might hold a number of somebody."""
    return code if _CODE.fullmatch(code) and not _LIKE_A_NUMBER.search(code) else ""


def clean_ref(ref: str) -> str:
    """A provider's name for a message as it may be kept. WhatsApp's holds the number of the person in Base64, and would
    outlive an erasure: its hash stands for it. That cannot be tried out, for it has an id of 72 bits beside the number."""
    if not _REF.fullmatch(ref):
        return ""
    return f"wamid-{hashlib.sha256(ref.encode()).hexdigest()[:40]}" if ref.startswith("wamid.") else ref

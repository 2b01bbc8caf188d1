"""What kind of endpoint somebody is: voicemail, a mobile, or a phone.

Owns how they are recognised: by their names, their users, and the kind of their numbers. What cannot be recognised is taken
for a phone, so that no alarm is raised about somebody's desk.
"""

from __future__ import annotations

import re
from functools import lru_cache

from controller.config.lint.ground import Ground
from controller.config.source import MapNode, ScalarNode
from controller.types import Target

_VOICEMAIL = re.compile(r"(?:^|[-_.])(?:voice-?mail|mailbox|vm)(?:[-_.0-9]|$)", re.IGNORECASE)
#: What PBXs dial for voicemail: Asterisk's and FreeSWITCH's feature codes.
_VOICEMAIL_USER = re.compile(r"\*9[789].*|vm[-_.0-9].*|voice-?mail.*", re.IGNORECASE)
_MOBILE = re.compile(r"(?:^|[-_.])(?:mobile|cell|cellphone|handy|gsm)(?:[-_.0-9]|$)", re.IGNORECASE)
_MOBILE_LAST = re.compile(rf"{_MOBILE.pattern.removesuffix('(?:[-_.0-9]|$)')}[-_.0-9]*$", re.IGNORECASE)


def is_voicemail(ground: Ground, target: Target) -> bool:
    """Whether a machine takes the call."""
    return sounds_like_voicemail(target.endpoint, _written(ground, target, "user"))


def sounds_like_voicemail(endpoint: str, user: str = "") -> bool:
    """The same by its name and its user."""
    return bool(_VOICEMAIL.search(endpoint) or _VOICEMAIL_USER.fullmatch(user))


def is_mobile(ground: Ground, target: Target) -> bool:
    """Whether it is a mobile, whose carrier has a voicemail for it."""
    number = _written(ground, target, "number")
    if not number:  # an extension: anna-mobile may be one, the desk of the cell-biology-lab is none
        return bool(_MOBILE_LAST.search(target.endpoint))
    kind = _kind_of(number) if number.startswith("+") else None
    if kind == "fixed":
        return False
    return kind == "mobile" or bool(_MOBILE.search(target.endpoint))


@lru_cache(maxsize=4096)
def _kind_of(number: str) -> str | None:
    """What numbering plans say of a number, where they tell phones and mobiles apart."""
    import phonenumbers  # tables that most files never ask for

    types = phonenumbers.PhoneNumberType
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return {types.MOBILE: "mobile", types.FIXED_LINE: "fixed"}.get(kind)


def _written(ground: Ground, target: Target, key: str) -> str:
    endpoint = ground.section("endpoints").entries[target.endpoint]
    value = endpoint.entries.get(key) if isinstance(endpoint, MapNode) else None
    return value.text if isinstance(value, ScalarNode) else ""

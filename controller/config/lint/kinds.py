"""What kind of endpoint somebody is: voicemail, a mobile, or a phone.

Owns how they are recognised: by their names, their users, and the kind of their numbers. What cannot be recognised is taken
for a phone, so that no alarm is raised about somebody's desk.
"""

from __future__ import annotations

import re

from controller.config.lint.ground import Ground
from controller.config.source import MapNode, ScalarNode
from controller.types import Target

_VOICEMAIL = re.compile(r"(?:^|[-_.])(?:voice-?mail|mailbox|vm)(?:[-_.0-9]|$)", re.IGNORECASE)
#: What PBXs dial for voicemail: Asterisk's and FreeSWITCH's feature codes.
_VOICEMAIL_USER = re.compile(r"\*9[789].*|vm[-_.0-9].*|voice-?mail.*", re.IGNORECASE)
_MOBILE = re.compile(r"(?:^|[-_.])(?:mobile|cell|cellphone|handy|gsm)(?:[-_.0-9]|$)", re.IGNORECASE)


def is_voicemail(ground: Ground, target: Target) -> bool:
    """Whether a machine takes the call."""
    return sounds_like_voicemail(target.endpoint, _written(ground, target, "user"))


def sounds_like_voicemail(endpoint: str, user: str = "") -> bool:
    """The same by its name and its user."""
    return bool(_VOICEMAIL.search(endpoint) or _VOICEMAIL_USER.fullmatch(user))


def is_mobile(ground: Ground, target: Target) -> bool:
    """Whether it is a mobile, whose carrier has a voicemail for it."""
    if _MOBILE.search(target.endpoint):
        return True
    number = _written(ground, target, "number")
    if not number.startswith("+"):
        return False
    import phonenumbers  # tables that most files never ask for

    try:
        return phonenumbers.number_type(phonenumbers.parse(number)) == phonenumbers.PhoneNumberType.MOBILE
    except phonenumbers.NumberParseException:
        return False


def _written(ground: Ground, target: Target, key: str) -> str:
    endpoint = ground.section("endpoints").entries[target.endpoint]
    value = endpoint.entries.get(key) if isinstance(endpoint, MapNode) else None
    return value.text if isinstance(value, ScalarNode) else ""

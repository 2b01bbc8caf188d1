"""Numbers as a trunk writes them, and as we think of them: E.164 with its plus.

Owns both ways of the translation. What is no public number (an extension, a name, 911) is never touched, but for the
tech prefix of a carrier. All that a country's numbering plan has to say was looked up when the dialplan was loaded.
"""

from __future__ import annotations

import re

from controller.types import Country, NumberForm, NumberFormat

#: Shorter than this without a plus it is an extension, with one it is still a number (ITU-T E.164 sets no lower bound).
SHORTEST, LONGEST = 7, 15
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_DIALLED = re.compile(r"\+?[0-9*#]+")
_SEPARATORS = str.maketrans("", "", "-.() ")  # RFC 3966 §5.1.1, and the blank


def read_number(form: NumberFormat | None, text: str, *, called: bool = False) -> str:
    """What a trunk wrote, as E.164; as it is where it is no public number. ``called``: it may have a prefix."""
    if form is None:
        return text
    number = text.translate(_SEPARATORS)
    if called and form.prefix and number.startswith(form.prefix):
        found = _read(form, number[len(form.prefix) :])
        if found:  # 911 is no 11 behind a 9
            return found
    return _read(form, number) or text


def _read(form: NumberFormat, number: str) -> str:
    if _E164.fullmatch(number):
        return number
    return _read_digits(form.into, form.country, number) if number.isascii() and number.isdigit() else ""


def _read_digits(form: NumberForm, country: Country | None, digits: str) -> str:
    if form is NumberForm.PLUS_LESS:
        return f"+{digits}" if SHORTEST <= len(digits) <= LONGEST and digits[0] != "0" else ""
    if form is NumberForm.E164 or country is None:
        return ""
    abroad = digits.removeprefix(country.international)
    if abroad != digits and SHORTEST <= len(abroad) <= LONGEST and abroad[0] != "0":
        return f"+{abroad}"
    if form is NumberForm.INTERNATIONAL:
        return ""
    home = digits.removeprefix(country.trunk) if country.trunk else digits
    if len(home) in country.lengths and (home != digits or country.open):
        return f"+{country.code}{home}"
    return f"+{country.code}{digits}" if country.open and len(digits) in country.lengths else ""


def write_number(form: NumberFormat | None, number: str, *, called: bool = False) -> str:
    """A number of ours as a trunk wants it. ``called``: with what stands before the numbers that are called there."""
    if form is None:
        return number
    public = _E164.fullmatch(number) is not None
    written = _write_digits(form.out, form.country, number) if public else number
    if called:
        if public:
            written = form.prefix + written
        if form.tech_prefix and _DIALLED.fullmatch(number):
            written = form.tech_prefix + written
    return written


def _write_digits(form: NumberForm, country: Country | None, number: str) -> str:
    if form is NumberForm.E164:
        return number
    if form is NumberForm.PLUS_LESS or country is None:
        return number[1:]
    if form is NumberForm.NATIONAL:
        home = number[1:].removeprefix(country.code)
        if home != number[1:] and len(home) in country.lengths:
            return home if country.open else country.trunk + home
    return country.international + number[1:]


def escape_user(user: str) -> str:
    """A number as the user part of a URI: "#" is the one of its characters that no URI may hold (RFC 3261 §25.1)."""
    return user.replace("#", "%23")

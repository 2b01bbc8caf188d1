"""What a message says: the content that a request brought, and its text on one channel.

Owns the plain form that is sealed with a cascade (`Content.dump`), the choice of a language and the filling in of
parameters. Must not know who it is for. Nothing here may be logged: `repr` shows no text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from controller.types.messages import Channel, Templates

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")

#: Which address of a recipient a channel goes to; all others go to the number.
ADDRESS = {Channel.EMAIL: "email"}
PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be said. Either ``text`` is given, or ``template`` names one of the dialplan."""

    text: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    template: str = ""
    language: str = ""  # BCP 47, "de-AT"; "": any
    params: Mapping[str, str] = field(default_factory=dict, repr=False)

    def write(self) -> bytes:
        """Its JSON, to be sealed; `read` takes it."""
        return _encode(self)

    @classmethod
    def read(cls, sealed: bytes) -> Content:
        """What `write` gave; other keys that were sealed beside it are passed over."""
        return _decode(sealed)


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Content).decode


def choose_language(texts: Mapping[str, str], wanted: str) -> str:
    """The language of a template that fits best: as asked, without its region, the one for any, else the first."""
    if wanted in texts:
        return wanted
    for language in (wanted, wanted.split("-", 1)[0], ""):
        if language in texts:
            return language
    return next(iter(texts), "")


def fill_in(text: str, params: Mapping[str, str]) -> str:
    """Put parameters in place of their names in braces; what is not given stays as it is written."""
    return text if "{" not in text else _PLACE.sub(lambda found: params.get(found[1], found[0]), text)


@lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[str, ...]:
    """A text of a template between its places, and their names in turn. For those of the dialplan alone: what else is written
    is nobody's to remember."""
    return tuple(_PLACE.split(text))


def _fill_in_template(text: str, params: Mapping[str, str]) -> str:
    parts = _parts(text)
    if len(parts) == 1:
        return text
    return "".join([params.get(part, f"{{{part}}}") if at % 2 else part for at, part in enumerate(parts)])


def wording(content: Content, templates: Mapping[str, Templates]) -> tuple[str, str]:
    """Text and subject as a person reads them. A template that is gone from the dialplan leaves the text as given."""
    template = templates.get(content.template)
    if template is None:
        return fill_in(content.text, content.params), fill_in(content.subject, content.params)
    own, params = (content.text, content.subject), content.params
    return (
        fill_in(own[0], params) if own[0] else _fill_in_template(_in(template.texts, content.language), params),
        fill_in(own[1], params) if own[1] else _fill_in_template(_in(template.subjects, content.language), params),
    )


def _in(texts: Mapping[str, str], language: str) -> str:
    return texts[choose_language(texts, language)] if texts else ""


def lacking(content: Content, template: Templates) -> set[str]:
    """Parameters that the template needs in the language of the content, and that are not given."""
    needed: list[str] = []
    for own, texts in ((content.text, template.texts), (content.subject, template.subjects)):
        needed += _PLACE.findall(own) if own else _parts(_in(texts, content.language))[1::2]
    return {name for name in needed if name not in content.params}

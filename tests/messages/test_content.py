from __future__ import annotations

import json

from controller.messages.content import Content, choose_language, fill_in, wording
from controller.types.messages import Templates

OTP = Templates("otp", {"en": "Your code is {code}", "de": "Ihr Code: {code}"}, {"en": "Your code"})


def test_language_is_the_nearest_there_is() -> None:
    assert choose_language(OTP.texts, "de-AT") == "de"
    assert choose_language(OTP.texts, "fr") == "en"
    assert choose_language({"": "any", "de": "x"}, "fr") == ""
    assert choose_language({}, "fr") == ""


def test_parameters_are_filled_in_once_and_never_read_as_places() -> None:
    assert fill_in("{a} {b} {c} {}", {"a": "{b}", "b": "2"}) == "{b} 2 {c} {}"


def test_text_of_a_template_and_text_of_ones_own() -> None:
    assert wording(Content(template="otp", language="de", params={"code": "123456"}), {"otp": OTP}) == (
        "Ihr Code: 123456",
        "Your code",
    )
    assert wording(Content(text="Hi {name}", params={"name": "A"}), {"otp": OTP}) == ("Hi A", "")
    assert wording(Content(text="Hi", template="gone"), {"otp": OTP}) == ("Hi", "")


def test_content_comes_back_from_what_is_sealed_and_shows_nobody_a_text() -> None:
    content = Content("secret", "subject", "otp", "de", {"code": "123456"})
    assert Content.read(content.write()) == content
    assert Content.read(json.dumps({**json.loads(content.write()), "feedback": "more"}).encode()) == content
    assert "secret" not in repr(content)
    assert "123456" not in repr(content)

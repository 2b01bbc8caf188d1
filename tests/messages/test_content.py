from __future__ import annotations

import json

from controller.messages.content import Content, choose_language, fill_in, lacking, wording
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


def test_texts_of_templates_and_of_ones_own_are_filled_in_alike() -> None:
    """Two ways for the sake of speed: they must never differ."""
    params = {"a": "{b}", "b": "2", "c": ""}
    for text in ("", "{a}", "{a}{b}", "x {a} y {none} {b}", "{ a } {} {c}z", "{{a}} {1} {a", "ä {b} \n {b}"):
        of_template = wording(Content(template="t", params=params), {"t": Templates("t", {"": text}, {"": text})})
        assert of_template == (fill_in(text, params), fill_in(text, params))
        own = Content(text=text, subject=text, params={"a": "1"})
        named = Content(template="t", params={"a": "1"})
        assert lacking(named, Templates("t", {"": text}, {"": text})) == lacking(own, Templates("t", {"": "x"}))

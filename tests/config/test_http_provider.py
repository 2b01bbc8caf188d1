"""Providers behind HTTP: presets and what operators change of them."""

import pathlib
import pickle
from typing import Any

import pytest
import yaml

from controller.channels.http.template import render, values_of
from controller.config.diagnostics import Mistake
from controller.config.http_compile import compile_http
from controller.config.http_provider import HttpKeys, HttpModel, model_below
from controller.config.http_values import parse_path, parse_url
from controller.config.templates import parse_body, parse_template
from controller.types.http import EachParam, Entry, HttpSettings, Literal, Object, Part, Path, Slot
from controller.types.messages import Channel, Dedup
from tests.channels.hooks import message
from tests.channels.providers import ALL, keys, private_key, settings

REPORTS = {"status": "s", "statuses": {"OK": "delivered"}, "ref": "id"}
OWN = {"url": "https://sms.example/send", "json": {"to": "{to}", "text": "{text}"}}


def compile_own(http: dict[str, Any], **more: Any) -> tuple[HttpSettings | None, list[tuple[str, str]]]:
    found: list[tuple[str, str]] = []
    made = compile_http(
        HttpKeys.model_validate(more),
        http,
        "own",
        Channel.SMS,
        "https://hooks.example",
        lambda key, code, _message, _hint: found.append((key, code)),
    )
    return made, found


@pytest.mark.parametrize(("preset", "channel"), ALL)
def test_every_preset_is_whole(preset: str, channel: Channel) -> None:
    made = settings(preset, channel)
    assert made.webhook is not None
    assert made.webhook.reports is not None
    assert made.webhook.verifier is not None
    assert "token-1" not in repr(made)
    assert "secret-1" not in repr(made)
    assert pickle.loads(pickle.dumps(made)) == made
    assert (made.lookup is not None) == (made.dedup is Dedup.LOOKUP)


@pytest.mark.parametrize(("preset", "channel"), ALL)
def test_every_preset_says_what_it_cannot_do_without(preset: str, channel: Channel) -> None:
    found: list[tuple[str, str, str, str]] = []
    compile_http(HttpKeys(preset=preset), {}, "p", channel, "", lambda *why: found.append(why))
    assert {why[1] for why in found} <= {"MISSING_KEY", "UNKNOWN_PLACE"}
    assert ("", "MISSING_KEY", f"preset '{preset}' needs 'token'", 'add token: "${file:p.token}"') in found


def test_a_channel_that_a_preset_does_not_carry() -> None:
    found: list[tuple[str, ...]] = []
    compile_http(HttpKeys(preset="twilio"), {}, "p", Channel.RCS, "", lambda *why: found.append(why))
    assert found == [
        ("preset", "WRONG_CHANNEL", "preset 'twilio' does not carry 'rcs'", "it carries sms, whatsapp"),
    ]


def test_what_the_operator_writes_changes_the_preset() -> None:
    made = settings("twilio", Channel.SMS, http={"timeout": "3s", "errors": {"21610": "absent", "99": "429"}})
    assert made.timeout == 3.0
    assert (made.errors["21610"], made.errors["99"], made.errors["30007"]) == ("absent", "429", "rejected")


def test_constants_are_put_in_once() -> None:
    made = settings("twilio", Channel.SMS)
    assert made.request.url == ("https://p.example/2010-04-01/Accounts/AC-1/Messages.json",)
    assert isinstance(made.request.body, Object)
    hook = next(entry for entry in made.request.body.entries if entry.key == "StatusCallback")
    assert hook == Entry("StatusCallback", ("https://hooks.example/hooks/twilio?key=", Slot("key")), optional=True)


@pytest.mark.parametrize(
    ("http", "more", "expected"),
    [
        ({}, {}, ("http", "MISSING_KEY")),
        ({**OWN, "form": {"a": "b"}}, {}, ("http", "BOTH_KEYS")),
        ({**OWN, "auth": {"bearer": "{token}"}}, {}, ("", "MISSING_KEY")),
        ({**OWN, "auth": {"bearer": "a", "basic": {"user": "u", "password": "p"}}}, {}, ("http", "BOTH_KEYS")),
        ({**OWN, "headers": {"X": "{tokn}"}}, {"token": "t"}, ("", "UNKNOWN_PLACE")),
        ({**OWN, "dedup": "lookup"}, {}, ("http", "MISSING_KEY")),
        ({**OWN, "reports": REPORTS}, {}, ("http", "MISSING_KEY")),
        ({**OWN, "reports": REPORTS, "webhook": {"header": "X"}}, {}, ("http", "MISSING_KEY")),
        ({**OWN, "reports": REPORTS, "webhook": {"verify": "sources"}}, {}, ("http", "MISSING_KEY")),
        ({**OWN, "reports": REPORTS, "webhook": {"verify": "hmac"}}, {"secret": "s"}, ("http", "MISSING_KEY")),
        (
            {**OWN, "reports": REPORTS, "webhook": {"verify": "hmac", "header": "X", "over": "{timestamp}.{body}"}},
            {"secret": "s"},
            ("http", "MISSING_KEY"),
        ),
        (
            {**OWN, "reports": REPORTS, "webhook": {"verify": "hmac", "header": "X", "key_form": "base64"}},
            {"secret": "no base64"},
            ("secret", "BAD_CREDENTIAL"),
        ),
        ({**OWN, "auth": {"jwt": {"key": "{token}"}}}, {"token": "hunter2"}, ("token", "BAD_CREDENTIAL")),
    ],
)
def test_contradictions_are_found(http: Any, more: Any, expected: tuple[str, str]) -> None:
    assert compile_own(http, **more) == (None, [expected])


def test_a_provider_of_ones_own() -> None:
    made, found = compile_own(
        {
            **OWN,
            "auth": {"jwt": {"key": "{token}", "claims": {"app": "{account}"}}},
            "query": {"a?": "{from}"},
            "reports": {"each": "list.*", **REPORTS},
            "webhook": {"verify": "token", "place": "query:t", "sources": "192.0.2.0/24"},
        },
        token=private_key(),
        account="A",
        secret="s",
    )
    assert found == []
    assert made is not None
    assert made.webhook is not None
    assert made.webhook.reports is not None
    assert made.webhook.reports.statuses == {"ok": "delivered"}
    assert made.request.query == Object((Entry("a", (Slot("from"),), optional=True),))


def test_templates() -> None:
    assert parse_template("") == ()
    assert parse_template("a{{b}}") == ("a{b}",)
    assert parse_template("{to}!") == (Slot("to"), "!")
    assert parse_template("{lifetime:30-60|5}{language|en}") == (Slot("lifetime", "5", 30, 60), Slot("language", "en"))
    assert parse_body({"a?": "{=true}", "b": [{"each param": "{value}"}]}) == Object(
        (Entry("a", Literal(True), optional=True), Entry("b", parse_body([{"each param": "{value}"}])))
    )
    assert parse_body([{"each param": "{value}"}]).items == (EachParam((Slot("value"),)),)


@pytest.mark.parametrize("text", ["{", "}", "a{b", "{A}", "{a:1}", "{}", "{a b}", "{=}"])
def test_no_templates(text: str) -> None:
    with pytest.raises(Mistake, match=r"template|brace|place|JSON"):
        parse_body(text)


def test_paths() -> None:
    assert parse_path("a.0.*.b-c") == Path(("a", "0", "*", "b-c"))
    assert parse_path("query:hub.challenge") == Path(("hub.challenge",), Part.QUERY)
    assert parse_path("header:X-Id") == Path(("x-id",), Part.HEADER)
    for text in ("", "a..b", "a b", "body:x", "header:"):
        with pytest.raises(Mistake):
            parse_path(text)


@pytest.mark.parametrize(
    "text", ["", "sms.example", "ftp://a", "https://", "https://a?b", "https://u:p@a", "https://a:x"]
)
def test_no_urls(text: str) -> None:
    with pytest.raises(Mistake):
        parse_url(text)


def test_the_models_below_http_are_found_by_their_keys() -> None:
    assert model_below(()) is HttpModel
    assert "user" in model_below(("auth", "basic")).model_fields
    assert keys("twilio")["preset"] == "twilio"


def test_the_examples_of_the_documentation() -> None:
    text = (pathlib.Path(__file__).parents[2] / "docs" / "providers.md").read_text("utf-8")
    examples = [part.split("```")[0] for part in text.split("```yaml\n")[1:]]
    changed, own = (yaml.load(each, Loader=yaml.BaseLoader)["providers"]["own"] for each in examples)
    assert own.pop("channel") == "sms"
    made, found = compile_own(own.pop("http"), **own)
    assert found == []
    assert made is not None
    assert changed.pop("channel") == "whatsapp"
    made = settings("meta-cloud", Channel.WHATSAPP, http=changed["http"])
    assert made.templated is not None
    sent = render(made.templated.body, values_of(message(Channel.WHATSAPP, template="login", language="de"), made))
    assert sent["template"]["name"] == "login"
    assert [part["parameters"][0]["text"] for part in sent["template"]["components"]] == ["428193", "428193"]
    assert sent["messaging_product"] == "whatsapp"

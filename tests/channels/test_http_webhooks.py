"""What webhooks say: an example of each provider's documents, and whatever else may be sent."""

import base64
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.channels.base import Forged, News, Webhook
from controller.channels.http.answers import clean_code, clean_ref, read_answer, read_lookup
from controller.channels.http.paths import Data, instant, text
from controller.channels.http.template import values_of
from controller.channels.http.webhooks import Webhooks, read_news, read_request
from controller.config.http_values import parse_path
from controller.types.messages import Channel
from tests.channels.hooks import message
from tests.channels.providers import ALL
from tests.channels.providers import settings as settings_of

EXAMPLES = sorted((Path(__file__).parent / "webhooks").glob("*.yaml"))
READERS = {each: settings_of(*each) for each in ALL}


def shown(news: News) -> dict[str, Any]:
    """What is said in it, without what is empty and the provider's name."""
    found = {key: value for key, value in asdict(news).items() if value not in (None, "", 0.0) and key != "provider"}
    return {key: value.name if key == "milestone" else value for key, value in found.items()}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_the_providers(path: Path) -> None:
    example = yaml.safe_load(path.read_text("utf-8"))
    made = READERS[example["preset"], Channel(example["channel"])]
    headers = {"content-type": example.get("type", "application/json")}
    query = example.get("query", "")
    request = Webhook(example.get("method", "POST"), "https://a/", query, headers, example["body"].encode())
    news = [shown(each) for each in read_news(made, read_request(request))]
    assert news == example["news"]
    assert not any("867531" in str(each) for each in news if "sender" not in each)  # no number of a person in a report


def test_every_preset_has_an_example() -> None:
    shown = {yaml.safe_load(path.read_text("utf-8"))["preset"] for path in EXAMPLES}
    assert shown == {preset for preset, _ in ALL} - {"viber"}  # which is infobip's


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "results status entry changes value statuses messages id payload messageId text from".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(ALL), JSON)
@settings(max_examples=200, deadline=None)
def test_no_json_makes_a_reader_raise(which: Any, data: Any) -> None:
    made = READERS[which]
    for news in read_news(made, Data(data)):
        shown(news)
    body = json.dumps(data).encode()
    for status in (200, 201, 400, 429, 500):
        read_answer(made, status, {"retry-after": "soon"}, body, values_of(message(which[1]), made), 0.0)
        read_lookup(made, status, body)


@given(
    st.sampled_from(ALL),
    st.sampled_from(["", "application/json", "application/x-www-form-urlencoded"]),
    st.binary(max_size=60),
    st.text(max_size=20),
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_a_reader_raise(which: Any, kind: str, body: bytes, query: str) -> None:
    reader = Webhooks(READERS[which])
    with suppress(Forged):
        reader.receive(Webhook("POST", "https://a/", query, {"content-type": kind}, body, "peer"), 0.0)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 10_000, b"\xff\xfe", b"1e999", b"NaN"])
def test_json_that_is_meant_to_hurt(body: bytes) -> None:
    for which, made in READERS.items():
        read_answer(made, 200, {}, body, values_of(message(which[1]), made), 0.0)
        try:
            Webhooks(made).receive(Webhook("POST", "https://a/", "", {}, body), 0.0)
        except Forged:
            continue


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("30005", "30005"),
        ("EC_ABSENT", "EC_ABSENT"),
        ("447700900000", ""),
        ("not for +447700900000", ""),
        ("x" * 65, ""),
        ("a\nb", ""),
    ],
)
def test_codes_hold_no_numbers_of_people(code: str, kept: str) -> None:
    assert clean_code(code) == kept


def test_names_of_messages_hold_no_number_of_a_person_in_base64() -> None:
    ref = f"wamid.{base64.b64encode(b'...15555000000').decode()}"
    kept = clean_ref(ref)
    assert kept.startswith("wamid-")
    assert kept == clean_ref(ref) != clean_ref(ref + "A")
    assert "MTU1NTUwMDAwMDA" in ref
    assert "MTU1NTUwMDAwMDA" not in kept


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2026-01-01T14:00:00Z", 1767276000.0),
        ("2026-01-01T15:00:00.500+0100", 1767276000.5),
        ("2026-01-01 14:00:00", 1767276000.0),
        ("Thu, 01 Jan 2026 14:00:00 +0000", 1767276000.0),
        (1767276000, 1767276000.0),
        ("1767276000500", 1767276000.5),
        ("soon", 0.0),
        (-1, 0.0),
        ("inf", 0.0),
        (1e300, 0.0),
        (True, 0.0),
    ],
)
def test_instants(written: Any, seconds: float) -> None:
    assert instant(Data({"at": written}), (parse_path("at"),)) == seconds


def test_the_first_path_that_leads_to_anything_counts() -> None:
    data = Data({"a": [{"b": ""}, {"b": 7}], "c": {"d": True}, "e": 2**70})
    assert text(data, (parse_path("x.y"), parse_path("a.*.b"))) == "7"
    assert text(data, (parse_path("a.9.b"), parse_path("c.d"))) == "true"
    assert text(data, (parse_path("a"), parse_path("e"))) == ""

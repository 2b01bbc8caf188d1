"""One word for each trunk, provider and site; the same picture is the same words; what Home Assistant needs is there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.ops.consumer import Picture
from controller.ops.mqtt.discovery import describe_all, object_id
from controller.ops.mqtt.topics import Topics, topics_of
from controller.ops.mqtt.words import Wording, site_word
from controller.types.messages import Channel, Messaging, Provider
from controller.types.ops import Mqtt
from tests.ops.mqtt.sample import ALL_UP, compiled, picture, trunk

TOPICS = Topics("callward/main", "callward_main")


def words_of(folder: Path, rows: list[dict[str, Any]]) -> dict[str, bytes]:
    wording = Wording(compiled(folder), TOPICS)
    return wording.of(Picture(1000.0, {"trunks": rows, "up": 0, "calls": 0}))


@pytest.mark.parametrize(
    ("state", "gate", "word"),
    [
        ("up", "", "up"),
        ("up", "open", "up"),
        ("suspect", "", "up"),
        ("unknown", "", "unknown"),
        ("degraded", "", "degraded"),
        ("up", "held", "degraded"),
        ("up", "canary", "degraded"),
        ("up", "rising", "degraded"),
        ("down", "held", "down"),
        ("up", "parked", "drained"),
        ("down", "parked", "drained"),
    ],
)
def test_the_word_for_a_trunk(tmp_path: Path, state: str, gate: str, word: str) -> None:
    words = words_of(tmp_path, [trunk("carrier-a", state, gate=gate)])
    assert words["callward/main/trunk/carrier-a"].decode() == word
    told = json.loads(words["callward/main/trunk/carrier-a/state"])
    assert (told["state"], told["site"], told["since"]) == (word, "hq", 995.0)


def test_no_number_of_a_person_stands_there(tmp_path: Path) -> None:
    row = {**trunk("carrier-a"), "why": "the test call to +15550199123 was refused"}
    told = words_of(tmp_path, [row])["callward/main/trunk/carrier-a/state"].decode()
    assert "23 was refused" in told
    assert "99123" not in told


def test_a_name_with_several_addresses_is_what_the_best_of_them_is(tmp_path: Path) -> None:
    rows = [trunk("carrier-a#1", "down", group="carrier-a"), trunk("carrier-a#2", "up", group="carrier-a")]
    words = words_of(tmp_path, rows)
    assert words["callward/main/trunk/carrier-a"] == b"up"
    assert json.loads(words["callward/main/trunk/carrier-a/state"])["addresses"] == {
        "carrier-a#1": "down",
        "carrier-a#2": "up",
    }


@pytest.mark.parametrize(
    ("pbxs", "others", "word"),
    [
        (["up"], ["up"], "up"),
        (["up"], ["down"], "degraded"),
        (["up", "down"], [], "degraded"),
        (["down", "down"], ["up"], "down"),
        (["unknown"], ["unknown"], "unknown"),
        (["up"], ["drained"], "degraded"),
    ],
)
def test_the_word_for_a_site(pbxs: list[str], others: list[str], word: str) -> None:
    assert site_word(pbxs, [*pbxs, *others]) == word


def test_time_alone_changes_nothing(tmp_path: Path) -> None:
    wording = Wording(compiled(tmp_path), TOPICS)
    first = wording.of(picture(ALL_UP, at=1000.0))
    rows = [trunk(name, lasting=65.05) for name in ALL_UP]
    assert wording.of(Picture(1060.0, {"trunks": rows, "up": 0, "calls": 0})) == first
    fresh = [trunk(name, lasting=0.5) for name in ALL_UP]  # it was away in between, and nobody saw it
    later = wording.of(Picture(1100.0, {"trunks": fresh, "up": 0, "calls": 0}))
    assert json.loads(later["callward/main/trunk/hq-pbx/state"])["since"] == 1099.5


@pytest.mark.parametrize(
    ("gate", "alive", "word"),
    [
        ("open", None, "up"),
        ("open", True, "up"),
        ("open", False, "down"),
        ("held", True, "down"),
        ("canary", True, "degraded"),
        ("parked", True, "drained"),
    ],
)
def test_the_word_for_a_provider(tmp_path: Path, gate: str, alive: bool | None, word: str) -> None:
    plan = replace(compiled(tmp_path), messaging=Messaging({"sms-1": Provider("sms-1", Channel.SMS, "http", None)}, {}))
    row = {"provider": "sms-1", "gate": gate, "alive": alive, "why": ""}
    words = Wording(plan, TOPICS).of(Picture(1.0, None, {"providers": [row]}))
    assert words["callward/main/provider/sms-1"].decode() == word
    assert words["callward/main/messages"] == b"online"
    assert Wording(plan, TOPICS).of(Picture(1.0))["callward/main/provider/sms-1"] == b"unknown"


def test_everything_that_is_described_is_said(tmp_path: Path) -> None:
    plan = replace(compiled(tmp_path), messaging=Messaging({"sms.1": Provider("sms.1", Channel.SMS, "http", None)}, {}))
    said = Wording(plan, TOPICS).of(Picture(1.0, {"trunks": [], "up": 0, "calls": 0}, {"providers": []}))
    configs = [json.loads(payload) for payload in describe_all(plan, "homeassistant", TOPICS, "main").values()]
    assert len({config["unique_id"] for config in configs}) == len(configs) == 1 + 3 + 1 + 2 + 1
    for config in configs:
        topics = [config["state_topic"], *(each["topic"] for each in config.get("availability", ()))]
        assert {*topics} - {TOPICS.status} <= said.keys()
        assert config.get("json_attributes_topic", topics[0]) in {*said, TOPICS.status}
        assert config["device"]["identifiers"] == ["callward_main"]


def test_names_that_discovery_does_not_have_stay_apart() -> None:
    assert object_id("trunk", "carrier-a") == "trunk_carrier-a"
    assert object_id("trunk", "carrier.a") != object_id("trunk", "carrier_a")
    assert topics_of(Mqtt("localhost", 1883, prefix="office/pbx", name="a-1")).node == "office_pbx_a_1"

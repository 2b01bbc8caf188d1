"""The whole of it: the daemon, its process for operators, a broker with users and rights, and somebody who watches."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

from controller.cli_mqtt import see_mqtt
from tests.ops.mqtt.broker import HOST, PATIENCE, Seen, broker, password_file, retained, watch
from tests.ops.stage import CONSOLE, OPERATOR, VIEWER, Stage, digest, ops_of, stage, with_echo

BASE = "callward/office"
STATUS, A = f"{BASE}/status", f"{BASE}/trunk/carrier-a"
RIGHTS = f"""
user callward
topic readwrite {BASE}/#
topic readwrite homeassistant/+/callward_office/+/config
user watcher
topic read #
topic write {BASE}/command/+
topic write mark
"""
#: What Home Assistant's documentation demands of each: https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery
NEEDED = {"name", "unique_id", "state_topic", "device", "origin"}


def test_a_day_of_an_office(tmp_path: Path, free_port: int) -> None:
    """A trunk dies and is seen down; commands; the process is killed and its will is done; a reload; a clean end."""
    rights = tmp_path / "rights"
    rights.write_text(RIGHTS)
    (tmp_path / "broker.password").write_text("very secret\n")
    users = password_file(tmp_path, callward="very secret", watcher="w")
    section = f"""
mqtt:
  broker: "mqtt://{HOST}:{free_port}"
  user: callward
  password: "${{file:{tmp_path}/broker.password}}"
  name: office
  discovery: homeassistant
  commands: true
alerts:
  notifiers: {{bus: {{mqtt: {{}}}}}}
  routes: [{{notify: [bus], hold: 100ms, settle: 1s}}]
"""

    async def main() -> None:
        async with broker(tmp_path, free_port, f"password_file {users}", f"acl_file {rights}") as one:
            async with stage(tmp_path, CONSOLE + section, with_echo) as here, watch(free_port, "watcher", "w") as seen:
                await seen.until(lambda seen: seen.word(STATUS) == "online")
                await seen.until(lambda seen: seen.word(A) == "up")
                _check_discovery(seen)
                await _die(here, seen)
                await _drill(here, seen)
                await _command(here, seen)
                await _kill(here, seen)
                one.send(signal.SIGSTOP)  # a broker that stands still delays no call
                await asyncio.gather(*(here.call() for _ in range(3)))
                one.send(signal.SIGCONT)
                await _reload(here, seen)
                assert see_mqtt(here.state_dir)["mqtt"]["up"]
                assert not here.faults(), here.faults()
                assert "very secret" not in str(here.lines)
                assert OPERATOR not in str(here.lines)
            assert (await retained(free_port, "watcher", "w")).word(STATUS) == "offline"

    asyncio.run(main())


def _check_discovery(seen: Seen) -> None:
    topics = [topic for topic in seen.retained if topic.startswith("homeassistant/")]
    assert len(topics) == 1 + 3 + 2  # the daemon, its trunks, two figures
    idents = set()
    for topic in topics:
        assert re.fullmatch(r"homeassistant/(binary_sensor|sensor)/[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/config", topic)
        config: dict[str, Any] = seen.data(topic)
        assert config.keys() >= NEEDED
        assert config["device"]["identifiers"]
        assert config["origin"]["name"]
        assert config["state_topic"] in seen.retained
        assert all(each["topic"] in seen.retained for each in config.get("availability", ()))
        idents.add(config["unique_id"])
    assert len(idents) == len(topics)
    trunk = seen.data("homeassistant/binary_sensor/callward_office/trunk_carrier-a/config")
    assert (trunk["state_topic"], trunk["availability_mode"], trunk["device_class"]) == (A, "all", "connectivity")


async def _die(here: Stage, seen: Seen) -> None:
    here.testbed.boxes["carrier-a"].silence()
    await seen.until(lambda seen: seen.word(A) == "down")
    assert seen.data(f"{A}/state")["code"]
    event = await seen.until(lambda seen: [data for topic, data in seen.history if topic == f"{BASE}/event/trunk"])
    assert b'"trunk":"carrier-a"' in event[-1]
    alert = await seen.until(_alert_of_a)
    here.testbed.boxes["carrier-a"].revive()
    await seen.until(lambda seen: seen.word(A) in {"up", "degraded"} and alert not in seen.retained)

    def told(seen: Seen) -> list[str]:
        told = [json.loads(data) for topic, data in seen.history if topic == f"{BASE}/event/alert"]
        return [each["what"] for each in told if alert.endswith(each["id"])]

    await seen.until(lambda seen: told(seen) == ["trigger", "resolve"])


def _alert_of_a(seen: Seen) -> str:
    """The topic of the alert about the trunk; "" before there is one."""
    alerts = [topic for topic in seen.retained if topic.startswith(f"{BASE}/alert/")]
    return next((topic for topic in alerts if "carrier-a" in seen.data(topic)["title"]), "")


async def _drill(here: Stage, seen: Seen) -> None:
    for token in (VIEWER, OPERATOR):
        await seen.command(f"{BASE}/command/drill", {"trunk": "carrier-b", "token": token}, f"{BASE}/answer/drill")
    await seen.until(lambda seen: len(seen.answers(f"{BASE}/answer/drill")) == 2)
    refused, passed = (answer for answer, _ in seen.answers(f"{BASE}/answer/drill"))
    assert (refused["ok"], passed["ok"], passed["passed"], passed["trunk"]) == (False, True, True, "carrier-b")
    told = await seen.until(lambda seen: [data for topic, data in seen.history if topic == f"{BASE}/event/drill"])
    assert [json.loads(each)["passed"] for each in told] == [True]


async def _command(here: Stage, seen: Seen) -> None:
    answers, trunk = f"{BASE}/answer", f"{BASE}/trunk/carrier-b"
    drain = {"trunk": "carrier-b", "token": OPERATOR, "id": "7"}
    await seen.command(f"{BASE}/command/drain", drain, f"{answers}/watcher", b"tag")
    await seen.until(lambda seen: seen.answers(f"{answers}/watcher"))
    answer, tag = seen.answers(f"{answers}/watcher")[0]
    assert (answer["ok"], answer["changed"], answer["id"], tag) == (True, True, "7", b"tag")
    await seen.until(lambda seen: seen.word(trunk) == "drained")
    refused: list[tuple[str, Any, bool]] = [
        ("drain", {"trunk": "carrier-a"}, False),
        ("drain", {"trunk": "carrier-a", "token": VIEWER}, False),
        ("drain", {"trunk": "carrier-a", "token": OPERATOR}, True),  # to be retained
        ("drain", {"trunk": "nowhere", "token": OPERATOR}, False),
        ("drain", {"token": OPERATOR}, False),
        ("stop", {"token": OPERATOR}, False),
        ("drain", b"[" * 3000, False),
    ]
    for command, data, retain in refused:
        # where an answer may not go, it does not
        await seen.command(f"{BASE}/command/{command}", data, f"{A}/state", b"", retain=retain)
    await seen.until(lambda seen: len(seen.answers(answers)) == len(refused))
    said = [answer for answer, _ in seen.answers(answers)]
    assert not any(answer["ok"] for answer in said), said
    assert OPERATOR not in str(said)
    assert seen.word(A) != "drained"
    assert seen.data(f"{A}/state")["name"] == "carrier-a"
    await seen.until(lambda seen: f"{BASE}/command/drain" not in seen.retained)
    await seen.command(f"{BASE}/command/undrain", drain)
    await seen.until(lambda seen: seen.word(trunk) in {"up", "degraded"})


async def _kill(here: Stage, seen: Seen) -> None:
    os.kill(ops_of(here.testbed.daemon.pid), signal.SIGKILL)
    await seen.until(lambda seen: seen.word(STATUS) == "offline")
    await here.call()
    await seen.until(lambda seen: seen.word(STATUS) == "online")


async def _reload(here: Stage, seen: Seen) -> None:
    file = here.testbed.file
    text = file.read_text()
    lines = [line.replace("[carrier-b, carrier-a]", "[carrier-a]") for line in text.splitlines()]
    lines = [line.replace("[carrier-a, carrier-b]", "[carrier-a]") for line in lines]
    file.write_text("\n".join(line for line in lines if not line.startswith("  carrier-b:")))
    os.kill(here.testbed.daemon.pid, signal.SIGHUP)
    async with asyncio.timeout(PATIENCE):
        await seen.until(lambda seen: not [topic for topic in seen.retained if "carrier-b" in topic])
    await seen.until(lambda seen: seen.word(STATUS) == "online")
    assert seen.word(A)


#: Messages that are said: whoever is reached by a trunk.
MESSAGES = """
providers:
  voice: {channel: voice, via: [carrier-a], caller: "+15557000"}
cascades:
  otp: {steps: [{call: voice, wait: 45s}]}
policies: [{name: base, cascade: otp}]
templates: {otp: {text: "Your code is {code}."}}
messages: {listen: "127.0.0.1:0", tokens: [{name: app, sha256: DIGEST, tenant: acme}]}
"""


def test_by_an_old_protocol_without_a_console(tmp_path: Path, free_port: int) -> None:
    """`mqtt` alone is reason enough for the process; it sees both daemons."""
    mqtt = f'mqtt: {{broker: "mqtt://{HOST}:{free_port}", version: 3.1.1, prefix: pbx/sip, name: a}}\n'
    section = MESSAGES.replace("DIGEST", digest("app")) + mqtt

    async def main() -> None:
        async with broker(tmp_path, free_port, "allow_anonymous true"), watch(free_port) as seen:
            async with stage(tmp_path, section) as here:
                await seen.until(lambda seen: seen.word("pbx/sip/a/trunk/hq-pbx") == "up")
                await seen.until(lambda seen: seen.word("pbx/sip/a/status") == "online")
                await seen.until(lambda seen: seen.word("pbx/sip/a/provider/voice") == "up")
                assert seen.word("pbx/sip/a/messages") == "online"
                os.kill(here.testbed.daemon.pid, signal.SIGKILL)  # and that for operators goes with it
                await seen.until(lambda seen: seen.word("pbx/sip/a/status") == "offline")
            assert not [topic for topic in seen.retained if topic.startswith("homeassistant/")]

    asyncio.run(main())

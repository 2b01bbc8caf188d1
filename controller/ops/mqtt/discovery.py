"""Home Assistant's MQTT discovery: one retained configuration for each thing that it can show.

Owns these payloads (https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery): a single component each, so that what
is no longer there is taken away by an empty payload. There is no button that drains: whatever it would send is retained at
the broker for all to read, and a command needs the token of an operator. Must not do I/O.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from controller import __version__
from controller.ops.consumer import CALLS, MESSAGES
from controller.ops.mqtt.topics import OFFLINE, ONLINE, Topics
from controller.ops.mqtt.words import DOWN, PROVIDER, SITE, TRUNK, UNKNOWN, Words, dumped
from controller.types import Dialplan

_STRANGE = re.compile(r"[^A-Za-z0-9_-]")
#: A word of ours as a binary sensor has it; "None" is its word for what is not known.
_IS_UP = f"{{{{ {{'{DOWN}': 'OFF', '{UNKNOWN}': 'None'}}.get(value, 'ON') }}}}"

Config = dict[str, Any]


def object_id(kind: str, name: str) -> str:
    """A name in the characters that discovery has; one that has others stays apart by its digest."""
    plain = _STRANGE.sub("_", name)
    return f"{kind}_{plain}" if plain == name else f"{kind}_{plain}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def filter_of(prefix: str, topics: Topics) -> str:
    """All configurations of one daemon."""
    return f"{prefix}/+/{topics.node}/+/config"


def describe_all(dialplan: Dialplan, prefix: str, topics: Topics, name: str) -> Words:
    """All that there is to show, by topic."""
    found = _Found(prefix, topics, name)
    found.binary("daemon", "callward", topics.status, {"payload_on": ONLINE.decode(), "payload_off": OFFLINE.decode()})
    if dialplan.trunks:
        for trunk in dialplan.trunks:
            found.thing(TRUNK, trunk, CALLS)
        for site in dialplan.sites:
            found.thing(SITE, site, CALLS)
        found.figure("calls_up", "calls up", f"{topics.base}/calls/up", CALLS)
        found.figure("calls_setup", "calls being set up", f"{topics.base}/calls/setup", CALLS)
    for provider in dialplan.messaging.providers if dialplan.messaging is not None else ():
        found.thing(PROVIDER, provider, MESSAGES)
    return found.words


class _Found:
    def __init__(self, prefix: str, topics: Topics, name: str) -> None:
        self._prefix, self._topics, self._name = prefix, topics, name
        self.words: Words = {}

    def thing(self, kind: str, name: str, daemon: str) -> None:
        """A trunk, provider or site: on unless it is down."""
        state = {"json_attributes_topic": self._topics.state(kind, name), "value_template": _IS_UP}
        more = {**state, **self._available(daemon)}
        self.binary(object_id(kind, name), f"{kind} {name}", self._topics.of(kind, name), more)

    def binary(self, ident: str, name: str, topic: str, more: Mapping[str, Any]) -> None:
        self._add("binary_sensor", ident, name, topic, {"device_class": "connectivity", **more})

    def figure(self, ident: str, name: str, topic: str, daemon: str) -> None:
        more = {"state_class": "measurement", "unit_of_measurement": "calls", **self._available(daemon)}
        self._add("sensor", ident, name, topic, more)

    def _available(self, daemon: str) -> Config:
        """It is known only while we are there, and the daemon that it is part of."""
        places = [{"topic": self._topics.status}, {"topic": self._topics.daemon(daemon)}]
        return {"availability": places, "availability_mode": "all"}

    def _add(self, component: str, ident: str, name: str, topic: str, more: Mapping[str, Any]) -> None:
        node = self._topics.node
        config = {
            "name": name,
            "unique_id": f"{node}_{ident}",
            "state_topic": topic,
            "qos": 1,
            "device": {
                "identifiers": [node],
                "name": f"callward {self._name}",
                "manufacturer": "callward",
                "model": "SIP failover proxy",
                "sw_version": __version__,
            },
            "origin": {"name": "callward", "sw_version": __version__},
            **more,
        }
        self.words[f"{self._prefix}/{component}/{node}/{ident}/config"] = dumped(config)

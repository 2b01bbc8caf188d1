"""`cascades`: the steps by which somebody is reached, one channel after the other.

Owns the types of their keys, and that a cascade may be written as its steps alone.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from controller.config.messages_values import (
    Attempts,
    ChannelName,
    OrderWord,
    Price,
    Until,
    VerdictName,
    Wait,
    within,
)
from controller.config.section import Json, OneOrMore, Section, Text, between
from controller.config.source import ListNode, MapNode, Node, ScalarNode
from controller.config.values import parse_choice, parse_count
from controller.types.messages import Channel
from controller.types.words import Order

_CALLS = [Channel.VOICE.value]


class StepModel(Section):
    """One channel, through one provider or several, one after the other."""

    send: ChannelName | None = None
    call: Annotated[
        Channel | None, Text(lambda text: Channel(parse_choice(text, "way to call", _CALLS)), {"enum": _CALLS})
    ] = None
    via: Annotated[list[str], Field(min_length=1), OneOrMore] | None = None
    until: Until | None = None
    wait: Wait | None = None
    order: OrderWord = Order.CONFIGURED
    fanout: Annotated[int, Text(lambda text: parse_count(text, 1, 20), between(1, 20))] | None = None


class CascadeModel(Section):
    """Steps, and what holds for all of them together."""

    steps: list[StepModel] = Field(min_length=1, examples=[[{"send": "sms"}]])
    window: Wait | None = None
    max_attempts: Attempts | None = None
    max_cost: Price | None = None
    value: Price | None = None
    patience: Annotated[float, within(1.0, 3600.0)] | None = None
    causes: dict[str, VerdictName] = {}


class OrSteps:
    """To an editor: the steps alone will do. `spell_out` has made a mapping of them before pydantic sees them."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return handler(source)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        whole = handler(schema)
        return {"anyOf": [handler.resolve_ref_schema(whole)["properties"]["steps"], whole]}


def spell_out(root: Node) -> None:
    """Make a mapping with `steps` of each cascade that is written as a list; every node keeps its place."""
    cascades = root.entries.get("cascades") if isinstance(root, MapNode) else None
    if not isinstance(cascades, MapNode):
        return
    for name, node in cascades.entries.items():
        if isinstance(node, ListNode):
            span: dict[str, Any] = {"line": node.line, "col": node.col, "end_col": node.end_col, "file": node.file}
            key = ScalarNode(text="steps", **span)
            cascades.entries[name] = MapNode(entries={"steps": node}, keys={"steps": key}, **span)

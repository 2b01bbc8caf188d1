"""Nodes -> models, with every error at its place and as much left over as can be.

Owns the translation of pydantic's errors into ours, and recovery: what is wrong is cut out of the nodes, so that the
checks which compare values and look names up still run on all the rest. Thus one run shows all errors.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from controller.config.alerts import AlertsModel, describe_alerts, model_of_alerts
from controller.config.auth import AuthModel
from controller.config.callerid import CallerIdModel
from controller.config.calls import needed
from controller.config.diagnostics import Mistake, Report, quoted
from controller.config.dns import DnsModel, TtlModel
from controller.config.formats import FormatModel
from controller.config.limits import LimitsModel, TenantModel, TrunkLimitsModel
from controller.config.media import MediaModel
from controller.config.messages_cascades import spell_out
from controller.config.messages_places import describe_message_part, model_of_message_part
from controller.config.model import (
    DeepModel,
    DefaultsModel,
    EndpointModel,
    FileModel,
    HoursModel,
    ListenModel,
    OutboundModel,
    ProbeModel,
    RouteModel,
    SiteModel,
    StageModel,
    TrunkModel,
    WhenModel,
)
from controller.config.mqtt import MqttModel
from controller.config.names import KINDS
from controller.config.ops import ConsoleModel, ConsoleTokenModel, RecordsModel
from controller.config.otel import OtelModel
from controller.config.redirects import RedirectsModel
from controller.config.register import RegisterModel
from controller.config.remains import Remains
from controller.config.section import Section
from controller.config.source import ListNode, MapNode, Node, ScalarNode, to_data
from controller.config.tls_keys import TlsModel, TrunkTlsModel
from controller.config.users import UserModel

Loc = tuple[int | str, ...]

_KEY_IN_QUOTES = re.compile(r'"([\w-]+)":')
#: What other programs call it.
_ELSEWHERE = {
    "duration": "for",
    "extension": "user",
    "host": "uri",
    "hours": "when",
    "password": "auth",
    "port": "uri",
    "secret": "password",
    "strategy": "mode",
    "targets": "ring",
    "timeout": "for",
    "username": "user",
}

_MODELS: dict[str, type[Section]] = {
    "tls": TlsModel,
    "listen": ListenModel,
    "dns": DnsModel,
    "defaults": DefaultsModel,
    "trunks": TrunkModel,
    "users": UserModel,
    "probes": ProbeModel,
    "sites": SiteModel,
    "hours": HoursModel,
    "media": MediaModel,
    "endpoints": EndpointModel,
    "chains": StageModel,
    "routes": RouteModel,
    "tenants": TenantModel,
    "console": ConsoleModel,
    "records": RecordsModel,
    "mqtt": MqttModel,
    "alerts": AlertsModel,
    "otel": OtelModel,
}
_OF_TRUNKS: dict[str, type[Section]] = {
    "deep": DeepModel,
    "format": FormatModel,
    "limits": TrunkLimitsModel,
    "register": RegisterModel,
    "tls": TrunkTlsModel,
    "caller_id": CallerIdModel,
    "auth": AuthModel,
    "redirects": RedirectsModel,
}
_EXPECTED = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "a single value",
}
_HOW_TO_WRITE = {
    "a mapping": "write {KEY: VALUE, ...}, or 'KEY: VALUE' on indented lines",
    "a list": "write [VALUE, ...], or '- VALUE' on lines of their own",
    "a single value": "write one word, number or time",
}
_WORD = re.compile(r"[\w.-]{1,64}")


def validate(root: Node, report: Report) -> FileModel:
    """Read the models from the nodes. After errors, what is returned and what is left of ``root`` agree."""
    if not isinstance(root, MapNode):
        message = f"file must be a mapping, not {_kind(root)}"
        report.error(root, "WRONG_KIND", message, "begin with 'version: 1'; every section is a key")
        return Remains()
    spell_out(root)
    try:
        file = FileModel.model_validate(to_data(root))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    else:
        _explain_sections(root, report)
        return file
    explain_errors(root, details, report, DIALPLAN)
    _explain_sections(root, report)
    cut(root, details)
    while True:
        try:
            return Remains.model_validate(to_data(root))
        except ValidationError as error:  # a list of which nothing is left: each round cuts something out
            cut(root, error.errors(include_url=False, include_input=False))


# --------------------------------------------------------------------------- places


def find(root: Node, loc: Loc) -> Node:
    """The node a path of keys and indexes leads to, or the last one on the way that exists."""
    node = root
    for step in loc:
        child = _child(node, step)
        if child is None:
            break
        node = child
    return node


def describe(root: Node, loc: Loc) -> str:
    """Name a place in the operator's words: "chain 'sales', stage 2, key 'stagger'"."""
    section, *rest = loc
    words: list[str]
    match section, rest:
        case "chains", [str(name), int(), *rest]:
            words = [f"chain {quoted(name)}", f"stage {_number(root, loc[:3])}"]
        case (
            "trunks" | "users" | "probes" | "sites" | "hours" | "endpoints" | "chains" | "tenants",
            [str(name), *rest],
        ):
            words = [f"{KINDS[str(section)]} {quoted(name)}"]
        case "routes", [int(), *rest]:
            route = find(root, loc[:2])
            entries = route.entries if isinstance(route, MapNode) else {}
            out = entries.get("outbound")
            did = entries.get("did", entries.get("prefix"))
            if isinstance(out, MapNode):
                did = out.entries.get("prefix")
            known = isinstance(did, ScalarNode) and (did.origin or did.text)
            kind = "route" if out is None else "outbound route"
            words = [f"{kind} {quoted(known) if known else _number(root, loc[:2])}"]
        case "listen", [int(), *rest]:
            words = [f"listen {_number(root, loc[:2])}"]
        case "console", ["tokens", int(), *rest]:
            words = ["console", f"token {_number(root, loc[:3])}"]
        case "alerts", _:
            words, rest = describe_alerts(loc, lambda at: _number(root, at))
        case "defaults" | "console" | "records" | "mqtt" | "otel", _:
            words = [str(section)]
        case "providers" | "cascades" | "policies" | "templates" | "messages", _:
            words, rest = describe_message_part(root, loc)
        case _:
            words, rest = [], list(loc)
    keys = [f"key {quoted(step)}" for step in rest if isinstance(step, str)]
    return ", ".join([*words, *keys])


def _number(root: Node, loc: Loc) -> int:
    """The place of a list's item as the operator counts, what was cut out included."""
    parent, index = find(root, loc[:-1]), loc[-1]
    assert isinstance(parent, ListNode)
    assert isinstance(index, int)
    return parent.numbers[index] if parent.numbers else index + 1


def _child(node: Node, step: int | str) -> Node | None:
    if isinstance(node, MapNode) and isinstance(step, str):
        return node.entries.get(step)
    if isinstance(node, ListNode) and isinstance(step, int):
        return node.items[step] if step < len(node.items) else None
    return None


def _kind(node: Node) -> str:
    if isinstance(node, MapNode):
        return "a mapping"
    return "a list" if isinstance(node, ListNode) else "text"


# --------------------------------------------------------------------------- errors


@dataclass(frozen=True, slots=True)
class Words:
    """How a language calls its places, and the model whose keys stand at each."""

    describe: Callable[[Node, Loc], str]
    model_of: Callable[[Loc], type[Section]]


def explain_errors(root: MapNode, details: Iterable[ErrorDetails], report: Report, words: Words) -> None:
    """Say pydantic's errors at their places.

    Unknown keys first: "unknown key 'urii', did you mean 'uri'?" makes "'uri' is missing" superfluous.
    """
    for detail in sorted(details, key=lambda detail: detail["type"] == "missing"):
        _explain(root, detail, report, words)


def _explain(root: MapNode, detail: ErrorDetails, report: Report, words: Words) -> None:
    loc, kind = detail["loc"], detail["type"]
    if kind == "missing":
        _explain_missing(root, loc, report, words)
    elif kind == "extra_forbidden":
        _explain_extra(root, loc, report, words)
    elif kind in _EXPECTED:
        _explain_kind(root, loc, _EXPECTED[kind], report, words)
    elif kind == "too_short":
        what = words.describe(root, loc)
        report.error(find(root, loc), "EMPTY", f"{what} is empty", "name at least one, or remove it")
    else:
        cause = detail.get("ctx", {}).get("error")
        why = cause if isinstance(cause, Mistake) else Mistake("BAD_VALUE", detail["msg"])
        _explain_value(root, loc, why, report, words)


def _explain_value(root: MapNode, loc: Loc, why: Mistake, report: Report, words: Words) -> None:
    node = find(root, loc)
    if isinstance(node, ScalarNode) and node.is_blank:
        _explain_blank(root, loc, report, words)
    else:
        inside = f" in {words.describe(root, loc)}" if len(loc) > 1 else ""
        report.error(node, why.code, why.message + inside, why.hint)


def _explain_kind(root: MapNode, loc: Loc, expected: str, report: Report, words: Words) -> None:
    node = find(root, loc)
    if isinstance(node, ScalarNode) and node.is_blank:
        _explain_blank(root, loc, report, words)
    else:
        hint = _HOW_TO_WRITE[expected]
        if expected == "a list" and isinstance(node, ScalarNode) and _WORD.fullmatch(node.text):
            hint = f"write [{node.text}]"
        message = f"{words.describe(root, loc)} must be {expected}, not {_kind(node)}"
        report.error(node, "WRONG_KIND", message, hint)


def _explain_blank(root: MapNode, loc: Loc, report: Report, words: Words) -> None:
    parent = find(root, loc[:-1])
    step = loc[-1]
    at: Node = find(root, loc)
    if isinstance(parent, MapNode) and isinstance(step, str):
        at = parent.keys[step]  # the value itself has no extent
    report.error(at, "NO_VALUE", f"{words.describe(root, loc)} has no value", "write a value, or remove the key")


def _explain_missing(root: MapNode, loc: Loc, report: Report, words: Words) -> None:
    *owner, key = loc
    node = find(root, tuple(owner))
    if isinstance(node, MapNode) and key in node.lost:
        return  # misspelt, and said so
    fields = words.model_of(tuple(owner)).model_fields
    field = fields.get(str(key)) or next(each for each in fields.values() if each.alias == key)
    example = _KEY_IN_QUOTES.sub(r"\1:", json.dumps(field.examples[0])) if field.examples else "..."
    if len(owner) > 1:
        example = example.replace("NAME.", f"{owner[1]}.")
    inside = f" in {words.describe(root, tuple(owner))}" if owner else ""
    message = f"required key {quoted(str(key))} is missing{inside}"
    report.error(node, "MISSING_KEY", message, f"add {key}: {example}")


def _explain_sections(root: MapNode, report: Report) -> None:
    """What is missing of calls; a section that is there, however wrong, is not."""
    for name in needed({*root.entries, *root.lost}):
        if name not in root.entries:
            _explain_missing(root, (name,), report, DIALPLAN)


def _explain_extra(root: MapNode, loc: Loc, report: Report, words: Words) -> None:
    *owner, step = loc
    key = str(step)
    node = find(root, tuple(owner))
    assert isinstance(node, MapNode)
    model = words.model_of(tuple(owner))
    inside = f" in {words.describe(root, tuple(owner))}" if owner else ""
    node.lost.add(key)
    if key in model.RESERVED:
        message = f"{quoted(key)} is reserved for a later version{inside}"
        report.error(node.keys[key], "RESERVED_KEY", message, f"remove it: {model.RESERVED[key]}")
        return
    known = [field.alias or name for name, field in model.model_fields.items()]
    meant = _ELSEWHERE.get(key.lower())
    close = [meant] if meant in known else difflib.get_close_matches(key.lower(), known, n=1)
    if close:
        node.lost.add(close[0])
    hint = f"did you mean {quoted(close[0])}?" if close else f"known keys: {', '.join(known)}" if known else "remove it"
    shown = f"unknown key {quoted(key)}"
    if model is AuthModel and not close:  # perhaps what follows a comma in a password without quotes
        shown = "a key that is none"
    report.error(node.keys[key], "UNKNOWN_KEY", f"{shown}{inside}", hint)


def _model(owner: Loc) -> type[Section]:
    of_messages = model_of_message_part(owner)
    if of_messages is not None:
        return of_messages
    if owner[3:4] == ("when",) or (owner[:1] == ("routes",) and owner[2:3] == ("when",)):
        return WhenModel
    if owner[:1] == ("routes",) and owner[2:3] == ("outbound",):
        return OutboundModel
    if owner[:1] in {("routes",), ("tenants",)} and owner[2:3] == ("limits",):
        return LimitsModel
    if owner[:1] == ("trunks",) and len(owner) > 2:
        return _OF_TRUNKS[str(owner[2])]
    if owner[:1] == ("alerts",):
        return model_of_alerts(owner)
    if owner[:2] == ("console", "tokens"):
        return ConsoleTokenModel
    if owner == ("dns", "ttl"):
        return TtlModel
    return _MODELS[str(owner[0])] if owner else FileModel


DIALPLAN = Words(describe, _model)

# --------------------------------------------------------------------------- recovery


def cut(root: MapNode, details: list[ErrorDetails]) -> None:
    """Cut all that is wrong out of the nodes."""
    doomed: dict[int, tuple[Node, set[int | str]]] = {}
    for detail in details:
        if detail["type"] != "missing":
            *owner, step = detail["loc"]
            parent = find(root, tuple(owner))
            if isinstance(parent, ScalarNode):  # one that was written without its brackets
                *owner, step = owner
                parent = find(root, tuple(owner))
            doomed.setdefault(id(parent), (parent, set()))[1].add(step)
    for parent, steps in doomed.values():
        _remove(parent, steps)


def _remove(parent: Node, steps: set[int | str]) -> None:
    if isinstance(parent, ListNode):
        kept = [index for index in range(len(parent.items)) if index not in steps]
        parent.numbers = [index + 1 for index in kept]
        parent.items = [parent.items[index] for index in kept]
    elif isinstance(parent, MapNode):
        for key in parent.entries.keys() & steps:
            parent.lost.add(key)
            del parent.entries[key]

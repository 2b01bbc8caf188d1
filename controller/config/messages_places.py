"""Places of messages' sections: which model is there, and what an operator calls them.

Owns the words for findings about `providers`, `cascades`, `policies`, `templates` and `messages`.
"""

from __future__ import annotations

from controller.config.diagnostics import quoted
from controller.config.http_provider import model_below
from controller.config.messages_cascades import CascadeModel, StepModel
from controller.config.messages_daemon import CallbackModel, ClientModel, FraudModel, MessagesModel, TokenModel
from controller.config.messages_policies import PolicyModel, TemplateModel
from controller.config.messages_providers import ProviderModel, SenderModel
from controller.config.missed import MissedModel
from controller.config.names import KINDS
from controller.config.section import Section
from controller.config.smpp import SmppModel
from controller.config.smtp import SmtpModel
from controller.config.source import ListNode, MapNode, Node, ScalarNode

Loc = tuple[int | str, ...]


def model_of_message_part(owner: Loc) -> type[Section] | None:
    """The model whose keys stand at a place; None if that is no place of messages."""
    match owner:
        case ("providers", _):
            return ProviderModel
        case ("providers", _, "senders", _):
            return SenderModel
        case ("providers", _, "smpp"):
            return SmppModel
        case ("providers", _, "smtp"):
            return SmtpModel
        case ("providers", _, "http", *steps):
            return model_below(tuple(steps))
        case ("cascades", _):
            return CascadeModel
        case ("cascades", _, "steps", _):
            return StepModel
        case ("policies", _):
            return PolicyModel
        case ("templates", _):
            return TemplateModel
        case ("routes", _, "missed"):
            return MissedModel
        case ("messages",):
            return MessagesModel
        case ("messages", "tokens", _):
            return TokenModel
        case ("messages", "clients", _):
            return ClientModel
        case ("messages", "clients", _, "callback"):
            return CallbackModel
        case ("messages", "fraud"):
            return FraudModel
        case _:
            return None


def describe_message_part(root: Node, loc: Loc) -> tuple[list[str], list[int | str]]:
    """What a place is called, and the keys below it that are still to be named."""
    match loc:
        case ("cascades", str(name), "steps", int(index), *rest):
            return [f"cascade {quoted(name)}", f"step {_number(root, loc[:3], index)}"], [*rest]
        case ("providers", str(name), "senders", int(index), *rest):
            return [f"provider {quoted(name)}", f"sender {_number(root, loc[:3], index)}"], [*rest]
        case ("providers" | "cascades" | "templates" as section, str(name), *rest):
            return [f"{KINDS[section]} {quoted(name)}"], [*rest]
        case ("policies", int(index), *rest):
            return [f"policy {_named(root, loc[:1], index)}"], [*rest]
        case ("messages", "tokens", int(index), *rest):
            return ["messages", f"token {_named(root, loc[:2], index)}"], [*rest]
        case ("messages", "clients", str(name), *rest):
            return ["messages", f"client {quoted(name)}"], [*rest]
        case ("messages", *rest):
            return ["messages"], [*rest]
        case _:
            return [], [*loc]


def _named(root: Node, parent: Loc, index: int) -> str:
    """An item of a list by its name, or its number."""
    items = _find(root, parent)
    item = items.items[index] if isinstance(items, ListNode) and index < len(items.items) else None
    name = item.entries.get("name") if isinstance(item, MapNode) else None
    if isinstance(name, ScalarNode) and (name.origin or name.text):
        return quoted(name.origin or name.text)
    return str(_number(root, parent, index))


def _number(root: Node, parent: Loc, index: int) -> int:
    """The place of an item as the operator counts, what was cut out included."""
    items = _find(root, parent)
    return items.numbers[index] if isinstance(items, ListNode) and items.numbers else index + 1


def _find(root: Node, loc: Loc) -> Node | None:
    node: Node | None = root
    for step in loc:
        if isinstance(node, MapNode) and isinstance(step, str):
            node = node.entries.get(step)
        elif isinstance(node, ListNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node

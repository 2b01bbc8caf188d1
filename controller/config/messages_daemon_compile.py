"""`messages` -> what the daemon of messages is to know: its API, its tenants, its limits.

Owns what these keys have to say to each other, and which tenants there are.
"""

from __future__ import annotations

import difflib
from types import MappingProxyType
from typing import Any

from controller.config.diagnostics import quoted
from controller.config.doors import check_listen, check_tokens
from controller.config.messages_daemon import ClientModel, MessagesModel, TokenModel
from controller.config.places import Places
from controller.config.source import MapNode
from controller.config.validate import Loc
from controller.types.messages import ApiToken, Callback, Client, Messaging

_NOTHING = Messaging({}, {})
#: Scopes of what is of all tenants: a token for these alone names none.
OF_ALL = ("operate", "erase")


def known_tenants(places: Places) -> set[str]:
    """Who has a token, or stands under `clients`."""
    daemon = places.file.messages
    return {*daemon.clients, *(token.tenant for token in daemon.tokens if token.tenant)} if daemon else set()


def use_tenant(places: Places, tenant: str, loc: Loc, inside: Loc, known: set[str] | None = None) -> None:
    """Report a tenant that nobody is."""
    known = known_tenants(places) if known is None else known
    assert isinstance(places.root, MapNode)
    daemon = places.root.entries.get("messages")
    lost = daemon.lost if isinstance(daemon, MapNode) else set[str]()
    if not tenant or tenant in known or "messages" in places.root.lost or lost & {"tokens", "clients"}:
        return
    close = difflib.get_close_matches(tenant, sorted(known), n=1)
    hint = (
        f"did you mean {quoted(close[0])}?" if close else "give it a token under 'messages', or name it under 'clients'"
    )
    message = f"unknown tenant {quoted(tenant)} in {places.describe(inside)}"
    places.report.error(places.at(*loc), "UNKNOWN_NAME", message, hint)


def build_daemon(places: Places) -> dict[str, Any]:
    """The fields of `Messaging` that stand under `messages`."""
    model = places.file.messages or MessagesModel()
    fields: dict[str, Any] = {
        "tokens": _tokens(places, model),
        "clients": MappingProxyType(_clients(places, model)),
        "public": model.public or "",
        "store": model.store,
        "limits": MappingProxyType(dict(model.limits)),
    }
    if model.listen is not None:
        risk = "the API would take tokens and numbers in clear from the network"
        check_listen(places, "messages", model.listen, cleartext=model.cleartext, risk=risk)
        fields |= {"host": model.listen.host, "port": model.listen.port}
    if model.per_prefix is not None:
        fields["max_per_prefix"] = model.per_prefix
    fields |= {key: value for key in ("lease", "grace", "workers") if (value := getattr(model, key)) is not None}
    if model.fraud is not None:
        fields |= _fraud(places, model)
    return fields


def _fraud(places: Places, model: MessagesModel) -> dict[str, float]:
    assert model.fraud is not None
    node = places.map_at("messages", "fraud")
    narrow = _NOTHING.fraud_narrow if model.fraud.narrow is None else model.fraud.narrow
    refuse = _NOTHING.fraud_refuse if model.fraud.refuse is None else model.fraud.refuse
    if narrow > refuse and not node.lost:
        at = node.keys["narrow" if "narrow" in node.keys else "refuse"]
        message = f"'narrow' ({narrow:g}) is above 'refuse' ({refuse:g}) in {places.describe(('messages', 'fraud'))}"
        places.report.error(at, "OUT_OF_RANGE", message, "a score that narrows the pool comes before one that refuses")
    return {"fraud_narrow": narrow, "fraud_refuse": refuse}


def _tokens(places: Places, model: MessagesModel) -> tuple[ApiToken, ...]:
    check_tokens(places, "messages", model.tokens)
    for index, token in enumerate(model.tokens):
        _check_tenant(places, token, index)
    return tuple(
        ApiToken(each.name, each.sha256, each.tenant, tuple(dict.fromkeys(each.scopes))) for each in model.tokens
    )


def _check_tenant(places: Places, token: TokenModel, index: int) -> None:
    """Cascades are of a tenant; a token without one is for what is of all."""
    node = places.map_at("messages", "tokens", index)
    wanted = [scope for scope in token.scopes if scope not in OF_ALL]
    if token.tenant or not wanted or node.lost & {"tenant", "scopes"}:
        return
    message = f"required key 'tenant' is missing in {places.describe(('messages', 'tokens', index))}"
    hint = f'add tenant: "acme"; without one a token is for {" and ".join(map(quoted, OF_ALL))} alone'
    places.report.error(node, "MISSING_KEY", message, hint)


def _clients(places: Places, model: MessagesModel) -> dict[str, Client]:
    """All tenants: those with a token and nothing else as well."""
    plain = {token.tenant: ClientModel() for token in model.tokens if token.tenant}
    keep = {} if model.keep is None else {"keep": model.keep}
    clients = {}
    for name, each in {**plain, **model.clients}.items():
        own = keep if each.keep is None else {"keep": each.keep}
        where = places.where(places.at("messages", "clients", name)) if name in model.clients else ""
        told = each.callback
        callback = None if told is None else Callback(told.url, told.secret, told.transitions)
        clients[name] = Client(name, callback, each.rate or 0.0, where=where, **own)
    return clients

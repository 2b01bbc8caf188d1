"""Providers, cascades, policies and templates -> the frozen classes.

Owns what the keys of one of them have to say to each other, and the names that they use. What all of them together mean for
somebody who is to be reached is `messages_checks`; the daemon's own section is `messages_daemon_compile`.
"""

from __future__ import annotations

import difflib
import re
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from controller.config.certificates import Certificates
from controller.config.diagnostics import Mistake, quoted
from controller.config.formats import parse_country
from controller.config.http_compile import compile_http, goes_in_clear
from controller.config.http_provider import HttpModel
from controller.config.messages_cascades import CascadeModel, StepModel
from controller.config.messages_checks import check_messaging
from controller.config.messages_daemon_compile import build_daemon, known_tenants, use_tenant
from controller.config.messages_policies import ANY, PolicyModel
from controller.config.messages_providers import ELSE, ProviderModel
from controller.config.messages_values import kind_of_sender, parse_language
from controller.config.places import Places
from controller.config.section import Section
from controller.config.smpp import SmppModel, compile_smpp
from controller.config.smtp import SmtpModel, compile_smtp
from controller.config.source import ListNode, MapNode, Node, to_data
from controller.config.validate import Loc
from controller.types import Milestone
from controller.types.messages import (
    ANYWHERE,
    ByTrunks,
    CascadeRules,
    Channel,
    Dedup,
    Messaging,
    NumberKind,
    Policy,
    Provider,
    Sender,
    Step,
    Templates,
)

#: Which channels a driver can carry; HTTP carries what its preset says, or anything.
_CARRIES = {
    "smpp": (Channel.SMS,),
    "smtp": (Channel.EMAIL,),
    "via": (Channel.VOICE, Channel.SIP),
    "http": tuple(channel for channel in Channel if channel not in (Channel.VOICE, Channel.SIP)),
}
_DRIVER_HINTS = (
    "a provider is reached in one way",
    "add preset: NAME, http: {...}, smpp: {...}, smtp: {...}, or for voice via: [TRUNK]",
)
#: Keys of HTTP providers that say nothing to other drivers.
_OF_HTTP = ("account", "token", "secret", "url", "vars", "http", "preset")
_STATUS = re.compile(r"ESME_[A-Z0-9]{2,30}|[4-6][0-9]{2}")
_A = TypeVar("_A", bound=Section)


def build_messaging(places: Places, certificates: Certificates) -> Messaging | None:
    """All that the dialplan says about messages; None where it says nothing."""
    file = places.file
    if not (file.providers or file.cascades or file.policies or file.templates or file.messages):
        return None
    tenants = known_tenants(places)
    providers = {name: _provider(places, certificates, name, model) for name, model in file.providers.items()}
    cascades = {name: _cascade(places, name, model, providers) for name, model in file.cascades.items()}
    messaging = Messaging(
        MappingProxyType(providers),
        MappingProxyType(cascades),
        _policies(places, tenants),
        templates=MappingProxyType({name: _templates(places, name) for name in file.templates}),
        **build_daemon(places),
    )
    check_messaging(places, messaging)
    return messaging


# --------------------------------------------------------------------------- providers


def _provider(places: Places, certificates: Certificates, name: str, model: ProviderModel) -> Provider:
    loc = ("providers", name)
    driver, settings = _settings(places, certificates, name, model)
    dedup = settings.dedup if driver == "http" and settings is not None else Dedup.NONE
    if driver in (Channel.VOICE, Channel.SIP):
        dedup = Dedup.LOOKUP  # the process for calls knows what it was ordered
    more: dict[str, Any] = {} if model.floor is None else {"floor": model.floor}
    return Provider(
        name,
        model.channel,
        driver,
        settings,
        dedup,
        model.upstream,
        model.route_class,
        MappingProxyType(_costs(places, name, model)),
        tuple(dict.fromkeys(model.countries)),
        tuple(_senders(places, name, model)),
        model.rate or 0.0,
        where=places.where(places.key(*loc)),
        **more,
    )


def _settings(places: Places, certificates: Certificates, name: str, model: ProviderModel) -> tuple[str, Any]:
    """The driver of a provider and what it is to know; None after errors."""
    loc = ("providers", name)
    node = places.map_at(*loc)
    ways = ["smpp", "smtp", "via", *(["http"] if "http" in node.entries else ["preset"])]
    key = places.one_of(ways, loc, _DRIVER_HINTS)
    if key is None or len(set(ways) & node.entries.keys()) > 1:
        return "", None
    for other in () if key in ("http", "preset") else _OF_HTTP:
        if other in node.entries:
            message = f"{quoted(key)} and {quoted(other)} exclude each other in {places.describe(loc)}"
            places.report.error(node.keys[other], "BOTH_KEYS", message, f"{quoted(other)} is of providers behind HTTP")
    if "caller" in node.entries and key != "via":
        message = f"'caller' has no effect in {places.describe(loc)}: only calls have a caller"
        places.report.error(node.keys["caller"], "NO_EFFECT", message, "remove it, or name the number under 'senders'")
    carries = _CARRIES["http" if key == "preset" else key]
    if model.channel not in carries and "channel" not in node.lost:
        message = f"{quoted(key)} does not carry {quoted(model.channel)} in {places.describe(loc)}"
        hint = f"it carries {', '.join(carries)}"
        places.report.error(places.at(*loc, "channel"), "WRONG_CHANNEL", message, hint)
        return key, None
    wrong = partial(_wrong, places, loc if key in ("http", "preset") else (*loc, key))
    trust = partial(certificates.trust, (*loc, key, "ca"))
    match key:
        case "smpp":
            smpp = _strict(places, SmppModel, (*loc, key))
            return "smpp", smpp and compile_smpp(smpp, trust, wrong)
        case "smtp":
            smtp = _strict(places, SmtpModel, (*loc, key))
            return "smtp", smtp and compile_smtp(smtp, trust, wrong)
        case "via":
            trunks = places.distinct("trunks", model.via or (), (*loc, "via"))
            return str(model.channel), ByTrunks(tuple(trunks), model.caller or "")
        case _:
            return "http", _http(places, name, model, wrong)


def _http(places: Places, name: str, model: ProviderModel, wrong: Any) -> Any:
    loc = ("providers", name)
    node = places.map_at(*loc)
    if node.lost & {*_OF_HTTP, "channel"} or "channel" not in node.entries:
        return None  # what is missing now may be what was wrong
    changes = to_data(node.entries["http"]) if "http" in node.entries else {}
    if changes and _strict(places, HttpModel, (*loc, "http")) is None:
        return None
    daemon = places.file.messages
    public = (daemon.public if daemon else None) or ""
    whole = "http" not in node.entries or _is_whole(node.entries["http"])

    def found(key: str, code: str, message: str, hint: str) -> None:
        if whole or key != "http":  # what is missing there now may be what was wrong
            wrong(key, code, message, hint)

    settings = compile_http(model, changes, name, model.channel, public, found)
    unsure = "messages" in getattr(places.root, "lost", ()) or (daemon and "public" in places.map_at("messages").lost)
    if settings is not None and settings.webhook is not None and not public and not unsure:
        message = f"the webhooks of provider {quoted(name)} have nowhere to go"
        hint = 'add messages: {public: "https://..."}, the URL by which it reaches us'
        places.report.error(places.key(*loc), "MISSING_KEY", message, hint)
    if settings is not None and goes_in_clear(settings):
        message = f"numbers, texts and tokens go to provider {quoted(name)} in clear"
        places.report.warning(places.key(*loc), "NOT_TLS", message, "write https://, or a loopback address of a proxy")
    return settings


def _is_whole(node: Node) -> bool:
    """Whether nothing that was wrong was cut out of it."""
    if isinstance(node, MapNode):
        return not node.lost and all(map(_is_whole, node.entries.values()))
    return not isinstance(node, ListNode) or (not node.numbers and all(map(_is_whole, node.items)))


def _strict(places: Places, model: type[_A], loc: Loc) -> _A | None:
    """The model at a place, if nothing is wrong there."""
    try:
        return model.model_validate(to_data(places.at(*loc)))
    except ValidationError:
        return None


def _wrong(places: Places, loc: Loc, key: str, code: str, message: str, hint: str) -> None:
    """A finding of a driver about one of its keys, or about all of it."""
    node = places.map_at(*loc)
    at = node.entries.get(key) or (places.key(str(loc[0]), str(loc[1])) if key == "" or len(loc) == 2 else node)
    places.report.error(at, code, f"{message} in {places.describe(loc)}", hint)


def _costs(places: Places, name: str, model: ProviderModel) -> dict[str, float]:
    loc = ("providers", name, "cost")
    for country in model.cost if "cost" in places.map_at("providers", name).entries else ():
        if country != ELSE:
            _check_key(places, loc, country, parse_country)
    return {ANYWHERE if country == ELSE else country: cost for country, cost in model.cost.items()}


def _senders(places: Places, name: str, model: ProviderModel) -> list[Sender]:
    senders: list[Sender] = []
    seen: dict[str, str] = {}
    for index, each in enumerate(model.senders):
        loc = ("providers", name, "senders", index)
        node = places.at(*loc)
        if not each.id:
            continue  # said so
        kind = each.kind or kind_of_sender(each.id) or _kind_of_number(each.id)
        if kind is NumberKind.SHORT_CODE and not each.countries and not getattr(node, "lost", ()):
            message = f"short code {quoted(each.id)} has no country in {places.describe(loc)}"
            places.report.error(
                node, "MISSING_KEY", message, "add countries: [US]: the same digits are others' elsewhere"
            )
        if each.id in seen:
            message = f"{quoted(each.id)} stands twice in {places.describe(('providers', name))}"
            places.report.error(node, "DUPLICATE", message, f"first at {seen[each.id]}: remove one of the two")
        seen.setdefault(each.id, str(node))
        if each.tenant is not None:
            use_tenant(places, each.tenant, (*loc, "tenant"), loc)
        countries = tuple(dict.fromkeys(each.countries))
        can = tuple(dict.fromkeys(each.can))
        senders.append(Sender(each.id, kind, countries, can, each.rate or 0.0, each.tenant or "", places.where(node)))
    return senders


def _kind_of_number(number: str) -> NumberKind:
    """What the numbering plan of its country says; `OTHER` where it says nothing."""
    from controller.messages.region import NotANumber, read_recipient

    try:
        return read_recipient(number).kind
    except NotANumber:
        return NumberKind.OTHER


def _check_key(places: Places, loc: Loc, key: str, parse: Any) -> None:
    """A key that is a value: read it, and report what is wrong with it."""
    try:
        parse(key)
    except Mistake as mistake:
        at = places.map_at(*loc).keys[key]
        places.report.error(at, mistake.code, f"{mistake.message} in {places.describe(loc)}", mistake.hint)


# --------------------------------------------------------------------------- cascades


def _cascade(places: Places, name: str, model: CascadeModel, providers: dict[str, Provider]) -> CascadeRules:
    loc = ("cascades", name)
    given = {
        key: value
        for key in ("window", "max_attempts", "max_cost", "value", "patience")
        if (value := getattr(model, key)) is not None
    }
    for cause in model.causes:
        _check_key(places, (*loc, "causes"), cause, _parse_cause)
    steps = [_step(places, (*loc, "steps", index), step, providers) for index, step in enumerate(model.steps)]
    return CascadeRules(
        name,
        tuple(step for step in steps if step is not None),
        causes=MappingProxyType(dict(model.causes)),
        where=places.where(places.key(*loc)),
        **given,
    )


def _step(places: Places, loc: Loc, model: StepModel, providers: dict[str, Provider]) -> Step | None:
    node = places.map_at(*loc)
    hints = ("a step is one or the other", "add send: sms, or another channel, or call: voice")
    places.one_of(["send", "call"], loc, hints)
    channel = model.send or model.call
    if channel is None:
        return None
    via = places.distinct("providers", model.via or (), (*loc, "via"))
    for index, other in enumerate(model.via or ()):
        known = providers.get(other)
        if known is not None and known.channel is not channel and known.settings is not None:
            message = f"provider {quoted(other)} carries {known.channel}, not {channel} in {places.describe(loc)}"
            hint = f"name providers of channel {channel} ({quoted(other)} is defined at {known.where})"
            places.report.error(places.at(*loc, "via", index), "WRONG_CHANNEL", message, hint)
    for provider in providers.values():
        if provider.channel is channel and model.via is None:
            places.names.use("providers", provider.name, node, "")
    if model.via is None and not any(provider.channel is channel for provider in providers.values()):
        _say_no_provider(places, loc, channel)
    until = model.until
    if until is None:
        until = Milestone.ACCEPTED if channel is Channel.EMAIL else Milestone.ANSWERED
    more: dict[str, Any] = {} if model.wait is None else {"wait": model.wait}
    return Step(
        channel,
        until,
        providers=tuple(via),
        order=model.order,
        fanout=model.fanout or 0,
        where=places.where(node),
        **more,
    )


def _say_no_provider(places: Places, loc: Loc, channel: Channel) -> None:
    if any("channel" in places.map_at("providers", name).lost for name in places.file.providers):
        return  # perhaps it is that one
    if isinstance(places.root, MapNode) and "providers" in places.root.lost:
        return
    key = "call" if channel is Channel.VOICE and "call" in places.map_at(*loc).entries else "send"
    message = f"no provider carries {channel} in {places.describe(loc)}"
    hint = f"add one with channel: {channel} to 'providers', or remove the step"
    places.report.error(places.at(*loc, key), "NO_PROVIDER", message, hint)


def _parse_cause(text: str) -> None:
    from controller.messages.verdicts import DEFAULTS

    if text in DEFAULTS and text != "*":
        return
    if _STATUS.fullmatch(text):
        return
    close = difflib.get_close_matches(text, [*DEFAULTS], n=1)
    hint = f"did you mean {quoted(close[0])}?" if close else "write a word such as undelivered, 429 or ESME_RSYSERR"
    raise Mistake("BAD_CAUSE", f"{quoted(text)} is not a cause", hint)


# --------------------------------------------------------------------------- policies and templates


def _policies(places: Places, tenants: set[str]) -> tuple[Policy, ...]:
    policies = []
    seen: dict[str, str] = {}
    for index, model in enumerate(places.file.policies):
        loc = ("policies", index)
        node = places.at(*loc)
        if model.name and model.name in seen:
            message = f"duplicate policy {quoted(model.name)}"
            places.report.error(
                places.at(*loc, "name"), "DUPLICATE", message, f"first at {seen[model.name]}: rename one"
            )
        seen.setdefault(model.name, str(node))
        for place, tenant in enumerate(model.tenant):
            use_tenant(places, tenant, (*loc, "tenant", place), loc, tenants)
        policies.append(_policy(places, loc, model))
    return tuple(policies)


def _policy(places: Places, loc: Loc, model: PolicyModel) -> Policy:
    if model.cascade is not None:
        places.use("cascades", model.cascade, (*loc, "cascade"))
    only = places.distinct("providers", model.only, (*loc, "only"))
    without = places.distinct("providers", model.without, (*loc, "without"))
    return Policy(
        model.name,
        tuple(dict.fromkeys(model.tenant)),
        tuple(dict.fromkeys(model.country)),
        tuple(dict.fromkeys(model.operator)),
        tuple(dict.fromkeys(model.kind)),
        tuple(dict.fromkeys(model.use_case)),
        tuple(dict.fromkeys(model.traffic)),
        model.cascade or "",
        model.allow,
        tuple(dict.fromkeys(model.channels)),
        tuple(without),
        tuple(only),
        tuple(dict.fromkeys(model.sender)),
        model.max_attempts,
        model.max_cost,
        model.window,
        where=places.where(places.at(*loc)),
    )


def _templates(places: Places, name: str) -> Templates:
    model = places.file.templates[name]
    texts = _by_language(places, ("templates", name, "text"), model.text)
    return Templates(name, texts, _by_language(places, ("templates", name, "subject"), model.subject or {}))


def _by_language(places: Places, loc: Loc, texts: dict[str, str]) -> MappingProxyType[str, str]:
    found = {}
    for language, text in texts.items():
        if language != ANY:
            _check_key(places, loc, language, parse_language)
        found["" if language == ANY else language] = text
    return MappingProxyType(found)

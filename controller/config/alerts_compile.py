"""`alerts` -> whom the process for operators tells of what.

Owns what these keys have to say to each other.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from controller.config.alerts import (
    WAYS,
    AlertMatchModel,
    AlertRouteModel,
    AlertsModel,
    AlertWebhookModel,
    AppriseModel,
    EmailModel,
    NotifierModel,
    PagerDutyModel,
    SlackModel,
)
from controller.config.diagnostics import quoted
from controller.config.places import Places
from controller.config.smtp import PORTS
from controller.config.validate import Loc
from controller.types.alerts import (
    HOLD,
    SETTLE,
    Alertmanager,
    AlertRoute,
    Alerts,
    Apprise,
    Email,
    Match,
    Mqtt,
    Notifier,
    PagerDuty,
    Slack,
    Step,
    Target,
    Webhook,
)
from controller.types.smtp import Smtp, SmtpSecurity


def build_alerts(places: Places, model: AlertsModel) -> Alerts:
    """Whom to tell of what."""
    notifiers = [_notifier(places, name, each) for name, each in model.notifiers.items()]
    section = places.map_at("alerts")
    known = None if "notifiers" in section.lost or not model.notifiers else list(model.notifiers)
    used: set[str] = set()
    routes = [_route(places, index, each, known, used) for index, each in enumerate(model.routes)]
    _check_names(places, model)
    _check_order(places, model)
    if not places.report.errors:
        for name in model.notifiers:
            if name not in used:
                key = places.map_at("alerts", "notifiers").keys[name]
                message = f"notifier {quoted(name)} is never used"
                places.report.warning(key, "UNUSED", message, "use it in the 'notify' of a route, or remove it")
    return Alerts(tuple(each for each in notifiers if each is not None), tuple(routes))


# --------------------------------------------------------------------------- notifiers


def _notifier(places: Places, name: str, model: NotifierModel) -> Notifier | None:
    loc: Loc = ("alerts", "notifiers", name)
    hints = ("a notifier is one of them: give each way a name of its own", f"write one of {', '.join(WAYS)}")
    way = places.one_of(WAYS, loc, hints)
    settings = getattr(model, way) if way is not None else None
    if way == "mqtt" and places.file.mqtt is None and "mqtt" not in places.map_at().lost:
        message = f"there is no broker for notifier {quoted(name)}"
        places.report.error(places.map_at(*loc).keys["mqtt"], "NO_BROKER", message, "write 'mqtt', or another way")
    target = Mqtt() if way == "mqtt" else _target(places, (*loc, str(way)), settings)
    where = places.where(places.map_at("alerts", "notifiers").keys[name])
    return Notifier(name, target, where) if target is not None else None


def _target(places: Places, loc: Loc, model: object) -> Target | None:
    match model:
        case PagerDutyModel():
            return PagerDuty(model.routing_key, model.url)
        case AlertWebhookModel():
            return Webhook(model.url, model.secret)
        case SlackModel():
            return Slack(model.hook)
        case EmailModel():
            return _email(places, loc, model)
        case AppriseModel():
            return Apprise(tuple(model.urls))
        case None:
            return None
        case _:
            url = getattr(model, "url", None)
            return Alertmanager(url) if url else None


def _email(places: Places, loc: Loc, model: EmailModel) -> Email:
    if (model.user is None) != (model.password is None) and not places.map_at(*loc).lost:
        written, missing = ("password", "user") if model.user is None else ("user", "password")
        message = f"'{written}' without '{missing}' in {places.describe(loc)}"
        places.report.error(places.at(*loc, written), "MISSING_KEY", message, f"add {missing}: ...")
    if model.security is SmtpSecurity.OFF and model.password:
        message = f"the password would go in clear in {places.describe(loc)}"
        places.report.error(places.at(*loc, "security"), "NOT_TLS", message, "write security: starttls or tls")
    port = model.port or PORTS[model.security]
    smtp = Smtp(
        model.host, port, model.sender, "callward", model.user or "", model.password or "", security=model.security
    )
    return Email(smtp, tuple(model.to))


# --------------------------------------------------------------------------- routes


def _route(
    places: Places, index: int, model: AlertRouteModel, known: Collection[str] | None, used: set[str]
) -> AlertRoute:
    loc: Loc = ("alerts", "routes", index)
    if model.quiet is not None and model.quiet_unless is not None:
        message = f"'quiet' and 'quiet_unless' exclude each other in {places.describe(loc)}"
        hint = "keep one: quiet while that calendar is open, or while it is closed"
        places.report.error(places.map_at(*loc).keys["quiet_unless"], "BOTH_KEYS", message, hint)
    for key, calendar in (("quiet", model.quiet), ("quiet_unless", model.quiet_unless)):
        if calendar is not None:
            places.use("hours", calendar, (*loc, key))
    steps = tuple(
        Step(step.after, _names(places, step.notify, (*loc, "escalate", number, "notify"), known, used))
        for number, step in enumerate(model.escalate)
    )
    return AlertRoute(
        model.name or f"route-{index + 1}",
        _match(places, (*loc, "match"), model.match or AlertMatchModel()),
        _names(places, model.notify, (*loc, "notify"), known, used),
        HOLD if model.hold is None else model.hold,
        SETTLE if model.settle is None else model.settle,
        model.group_by,
        model.quiet or "",
        model.quiet_unless or "",
        steps,
    )


def _match(places: Places, loc: Loc, model: AlertMatchModel) -> Match:
    carriers = dict.fromkeys(trunk.carrier for trunk in places.file.trunks.values() if trunk.carrier)
    for index, name in enumerate(model.carrier):
        if name not in carriers and places.file.trunks:
            _unknown(places, "carrier", name, (*loc, "carrier", index), carriers)
    for index, name in enumerate(model.site):
        places.use("sites", name, (*loc, "site", index))
    return Match(frozenset(model.kind), frozenset(model.severity), frozenset(model.carrier), frozenset(model.site))


def _names(
    places: Places, names: Iterable[str], loc: Loc, known: Collection[str] | None, used: set[str]
) -> tuple[str, ...]:
    found: list[str] = []
    for index, name in enumerate(names):
        if name in found:
            message = f"notifier {quoted(name)} stands twice in {places.describe(loc)}"
            places.report.error(places.at(*loc, index), "DUPLICATE", message, "remove one of the two")
        elif known is not None and name not in known:
            _unknown(places, "notifier", name, (*loc, index), known)
        else:
            found.append(name)
    used |= {*found}
    return tuple(found)


def _unknown(places: Places, what: str, name: str, loc: Loc, known: Collection[str]) -> None:
    close = difflib.get_close_matches(name, known, n=1)
    listed = " or ".join(quoted(each) for each in list(known)[:8])
    where = "one under 'notifiers'" if what == "notifier" else "a trunk with it"
    hint = f"did you mean {quoted(close[0])}?" if close else f"write {listed}" if listed else f"define {where}"
    message = f"unknown {what} {quoted(name)} in {places.describe(loc[:-1])}"
    places.report.error(places.at(*loc), "UNKNOWN_NAME", message, hint)


def _check_names(places: Places, model: AlertsModel) -> None:
    seen: dict[str, str] = {}
    for index, route in enumerate(model.routes):
        node = places.at("alerts", "routes", index, "name")
        if route.name is not None and route.name in seen:
            hint = f"first at {seen[route.name]}: each has its own"
            places.report.error(node, "DUPLICATE", f"duplicate route {quoted(route.name)} in alerts", hint)
        seen.setdefault(route.name or "", str(node))


def _check_order(places: Places, model: AlertsModel) -> None:
    """The last route takes what no other did, and nothing stands behind a route that takes all."""
    if not model.routes or "routes" in places.map_at("alerts").lost:
        return
    *others, last = [_takes_all(places, index, route) for index, route in enumerate(model.routes)]
    for index, takes_all in enumerate(others):
        if takes_all:
            message = f"nothing is left for what stands behind {places.describe(('alerts', 'routes', index))}"
            node = places.at("alerts", "routes", index + 1)
            places.report.error(node, "UNREACHABLE", message, "give the one before a 'match', or make it the last")
            return
    if not last:
        at = ("alerts", "routes", len(model.routes) - 1)
        message = "alerts that match no route would reach nobody"
        hint = "end with a route without 'match': what nobody thought of is what people have to hear of"
        places.report.error(places.at(*at), "NO_ROUTE", message, hint)


def _takes_all(places: Places, index: int, route: AlertRouteModel) -> bool:
    node = places.map_at("alerts", "routes", index)
    if "match" in node.lost:
        return False
    match = route.match
    if match is None:
        return True
    lost = places.map_at("alerts", "routes", index, "match").lost
    return not (match.kind or match.severity or match.carrier or match.site or lost)

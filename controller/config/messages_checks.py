"""What providers, cascades and policies mean together: whether somebody can be reached at all, and in time.

Owns the findings that need all of them. It judges by the functions that plan (controller.messages), so that what it says is
what will happen. Health, limits and fraud are of the moment, and nothing that a file can be blamed for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from controller.config.diagnostics import quoted
from controller.config.duration import show_duration
from controller.config.places import Places
from controller.config.source import MapNode, Node
from controller.messages.policy import Rules, Subject, resolve
from controller.messages.routes import Need, find_routes, upstream_of
from controller.types import Milestone
from controller.types.messages import CascadeRules, Channel, Messaging, Policy, RouteClass, Step

#: Keys of a policy that take ways away, by its fields.
_NARROWING = {
    "only": "only",
    "without": "without",
    "sender_kinds": "sender",
    "channels": "channels",
    "max_cost": "max_cost",
}
#: Channels whose providers tell that a message was read.
_TELL_READ = frozenset((Channel.WHATSAPP, Channel.RCS, Channel.VIBER, Channel.TELEGRAM))
_LISTED = 5  # countries that a finding names


class _Case(NamedTuple):
    """Somebody whom a policy is for, and a cascade."""

    policy: int  # who is to blame
    cascade: str
    tenant: str
    ways: tuple[str, ...]  # providers, or the upstream that they share


_Found = dict[_Case, list[str]]


def check_messaging(places: Places, messaging: Messaging) -> None:
    """Report what leaves people unreachable."""
    if places.report.errors:
        return  # what is missing may be what was wrong
    for cascade in messaging.cascades.values():
        _check_window(places, cascade)
    _check_policies(places, messaging)
    if not places.report.errors:
        for cascade in messaging.cascades.values():
            _warn_never_read(places, cascade)
            _warn_late(places, messaging, cascade)
            _warn_shared(places, messaging, cascade)


# --------------------------------------------------------------------------- time


def _check_window(places: Places, cascade: CascadeRules) -> None:
    """What does not fit into the window is never sent."""
    loc = ("cascades", cascade.name)
    node = places.map_at(*loc)
    at = node.keys.get("window") or places.key(*loc)
    shortest = sum(step.wait for step in cascade.steps)
    if shortest > cascade.window:
        message = (
            f"cascade {quoted(cascade.name)} takes {show_duration(shortest)} if everybody is silent, "
            f"and its window is {show_duration(cascade.window)}"
        )
        hint = f"write window: {show_duration(shortest)}, or shorter waits"
        places.report.error(at, "TOO_LONG", message, hint)


def _warn_never_read(places: Places, cascade: CascadeRules) -> None:
    """A step that waits for what its channel never tells is never enough: people get the same once more by the next."""
    for index, step in enumerate(cascade.steps):
        if step.until is Milestone.CONFIRMED and step.channel not in _TELL_READ:
            message = f"step {index + 1} of cascade {quoted(cascade.name)} waits in vain: {step.channel} never tells what was read"
            at = places.at("cascades", cascade.name, "steps", index, "until")
            places.report.warning(at, "NO_EFFECT", message, "write until: delivered")


def _warn_late(places: Places, messaging: Messaging, cascade: CascadeRules) -> None:
    """A step behind others that may take all the time, or all the messages."""
    loc = ("cascades", cascade.name)
    begins, attempts = 0.0, 0
    for index, step in enumerate(cascade.steps):
        why = more = ""
        if begins >= cascade.window:
            why = f"{show_duration(begins)} may have gone by then, and the window is {show_duration(cascade.window)}"
            more = "a shorter wait, or a longer window"
        elif attempts >= cascade.max_attempts:
            why = f"{attempts} messages may have been sent by then, and max_attempts is {cascade.max_attempts}"
            more = "or more max_attempts"
        if why:
            message = f"step {index + 1} of cascade {quoted(cascade.name)} may never have its turn: {why}"
            hint = f"write a lower fanout before it, {more}"
            places.report.warning(places.at(*loc, "steps", index), "UNREACHABLE", message, hint)
            return
        tries = len(_providers(messaging, step))
        tries = min(tries, step.fanout) if step.fanout else tries
        begins += step.wait * tries
        attempts += tries


def _providers(messaging: Messaging, step: Step) -> list[str]:
    names = step.providers or messaging.providers
    return [name for name in names if messaging.providers[name].channel is step.channel]


def _warn_shared(places: Places, messaging: Messaging, cascade: CascadeRules) -> None:
    """A cascade whose providers all have one upstream ends with it."""
    names = {name for step in cascade.steps for name in _providers(messaging, step)}
    upstreams = {upstream_of(messaging.providers[name]) for name in names}
    if len(upstreams) != 1:
        return
    what = f"provider {quoted(*names)}" if len(names) == 1 else f"upstream {quoted(*upstreams)}"
    message = f"all of cascade {quoted(cascade.name)} hangs on {what}"
    at = places.key("cascades", cascade.name)
    places.report.warning(at, "SHARED_DOMAIN", message, "add a step or a provider with another upstream")


# --------------------------------------------------------------------------- policies


def _check_policies(places: Places, messaging: Messaging) -> None:
    """A country that a policy allows must have a way that can be used, and another one for when that fails."""
    none: _Found = {}
    single: _Found = {}
    shared: _Found = {}
    named = sorted(_named_countries(messaging))
    where = {policy.name: policy.countries for policy in messaging.policies}
    concerning = _by_tenant(messaging.policies)
    seen: set[Subject] = set()
    known: dict[tuple[object, ...], list[str]] = {}
    for policy in messaging.policies:
        for subject in _subjects(policy, named):
            if subject in seen:
                continue
            seen.add(subject)
            rules = resolve(_for_country(concerning[subject.tenant], subject.country), subject)
            for cascade in _cascades(messaging, rules) if rules.allow else ():
                ways, free = (_known_ways(known, messaging, cascade, each, subject) for each in (rules, Rules()))
                asked = any(subject.country in where[name] for name in rules.applied)
                upstreams = {upstream_of(messaging.providers[name]) for name in ways}
                if not ways and (asked or free):
                    found, what = none, tuple(ways)
                elif len(ways) == 1 and (asked or len(free) > 1):
                    found, what = single, tuple(ways)
                elif len(ways) > 1 and len(upstreams) == 1 and ways != free:
                    found, what = shared, tuple(upstreams)
                else:
                    continue
                case = _Case(_to_blame(messaging, rules, cascade, subject), cascade.name, subject.tenant, what)
                countries = found.setdefault(case, [])
                if subject.country not in countries:
                    countries.append(subject.country)
    _report(places, messaging, none, single, shared)


def _report(places: Places, messaging: Messaging, none: _Found, single: _Found, shared: _Found) -> None:
    """Errors for countries that are named, warnings for all others: perhaps nobody ever sends there."""
    what = "without anybody who could carry cascade {cascade}"
    hint = "let it use a provider that delivers there and has a sender for it, or write allow: false"
    _report_each(places, messaging, none, "NO_WAY", what, hint)
    what = "with {way} alone in cascade {cascade}"
    hint = "let it use another provider that delivers there and has a sender for it: without one there is no fallback"
    _report_each(places, messaging, single, "NO_FALLBACK", what, hint)
    if places.report.errors:
        return
    for case, countries in shared.items():
        what = f"with upstream {quoted(*case.ways)} alone in cascade {quoted(case.cascade)}"
        message = f"{_leaves(messaging, case, countries)} {what}"
        places.report.warning(
            _at(places, messaging, case), "SHARED_DOMAIN", message, "let it use another upstream as well"
        )


def _report_each(places: Places, messaging: Messaging, found: _Found, code: str, what: str, hint: str) -> None:
    for case, countries in found.items():
        way = quoted(case.ways[0]) if case.ways else ""
        says = what.format(cascade=quoted(case.cascade), way=way)
        at = _at(places, messaging, case)
        if any(countries):
            places.report.error(at, code, f"{_leaves(messaging, case, countries)} {says}", hint)
        elif not places.report.errors:
            places.report.warning(at, code, f"{_leaves(messaging, case, countries)} {says}", hint)


def _leaves(messaging: Messaging, case: _Case, countries: list[str]) -> str:
    policy = messaging.policies[case.policy]
    where = ", ".join(country or "other countries" for country in countries[:_LISTED])
    more = f" and {len(countries) - _LISTED} more" if len(countries) > _LISTED else ""
    whom = f" of tenant {quoted(case.tenant)}" if case.tenant and case.tenant not in policy.tenants else ""
    return f"policy {quoted(policy.name)} leaves {where}{more}{whom}"


def _at(places: Places, messaging: Messaging, case: _Case) -> Node:
    node = places.at("policies", case.policy)
    assert isinstance(node, MapNode)
    keys = [key for field, key in _NARROWING.items() if getattr(messaging.policies[case.policy], field)]
    return next((node.keys[key] for key in (*keys, "country", "name") if key in node.keys), node)


def _to_blame(messaging: Messaging, rules: Rules, cascade: CascadeRules, subject: Subject) -> int:
    """The narrowest policy without which there would be another way; else the narrowest that takes something away."""
    place = {policy.name: index for index, policy in enumerate(messaging.policies)}
    applied = [place[name] for name in rules.applied]
    before = len(_ways(messaging, cascade, rules, subject))
    for index in applied:
        others = [policy for other, policy in enumerate(messaging.policies) if other != index]
        if len(_ways(messaging, cascade, resolve(others, subject), subject)) > before:
            return index
    narrowing = (index for index in applied if any(getattr(messaging.policies[index], field) for field in _NARROWING))
    return next(narrowing, applied[0])


def _by_tenant(policies: tuple[Policy, ...]) -> dict[str, list[Policy]]:
    """Policies that may hold for each tenant, in the order of the file; "" is any other tenant."""
    tenants = {"", *(tenant for policy in policies for tenant in policy.tenants)}
    found: dict[str, list[Policy]] = {tenant: [] for tenant in tenants}
    for policy in policies:
        for tenant in policy.tenants or tenants:
            found[tenant].append(policy)
    return found


def _for_country(policies: Iterable[Policy], country: str) -> list[Policy]:
    """Of these the ones that may hold there: most dialplans have one for each country."""
    return [policy for policy in policies if not policy.countries or country in policy.countries]


def _subjects(policy: Policy, named: Iterable[str]) -> Iterable[Subject]:
    """Whom it is for: each of its tenants in each of its countries, or in all that anything names."""
    takes_away = any(getattr(policy, field) for field in _NARROWING)
    for tenant in policy.tenants or ("",):
        for country in policy.countries or ((*named, "") if takes_away else ()):
            yield Subject(
                tenant,
                country,
                next(iter(policy.operators), ""),
                next(iter(policy.kinds), None),
                next(iter(policy.use_cases), ""),
                next(iter(policy.classes), RouteClass.STANDARD),
            )


def _cascades(messaging: Messaging, rules: Rules) -> Iterable[CascadeRules]:
    """Those that requests will use: the one that policy names, else any."""
    return (messaging.cascades[rules.cascade],) if rules.cascade else messaging.cascades.values()


def _ways(messaging: Messaging, cascade: CascadeRules, rules: Rules, subject: Subject) -> list[str]:
    """Providers that could carry any step."""
    need = Need(subject.country, route_class=subject.route_class, most=rules.max_cost)
    routes = find_routes(messaging, cascade.steps, rules, need)
    return list(dict.fromkeys(provider.name for step in routes.steps for provider in step.providers))


def _known_ways(
    known: dict[tuple[object, ...], list[str]],
    messaging: Messaging,
    cascade: CascadeRules,
    rules: Rules,
    subject: Subject,
) -> list[str]:
    """The same, once for all subjects for whom it is the same."""
    about = rules.channels, rules.only, rules.without, rules.sender_kinds, rules.max_cost
    key = (cascade.name, subject.country, subject.route_class, *about)
    if key not in known:
        known[key] = _ways(messaging, cascade, rules, subject)
    return known[key]


def _named_countries(messaging: Messaging) -> set[str]:
    named: set[str] = set()
    for policy in messaging.policies:
        named.update(policy.countries)
    for provider in messaging.providers.values():
        named.update(provider.countries, *(sender.countries for sender in provider.senders))
    return named

"""Which policies hold for a request, and what they come to together.

Owns the layers: for a tenant in a country, for a tenant, for a country, for all. What chooses (`cascade`, `allow`,
`channels`, `only`) comes from the narrowest policy that says it. What forbids (`without`, `sender_kinds`) adds up, and of
what caps the least counts: no rule of a country is lost by a word about a tenant. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from controller.types.messages import Channel, NumberKind, Policy, RouteClass

KEPT = 4096  # answers that are remembered


@dataclass(frozen=True, slots=True)
class Subject:
    """What policies look at. "" and None: not known."""

    tenant: str = ""
    country: str = ""  # ISO 3166
    operator: str = ""  # MCC-MNC, or the name of a range
    kind: NumberKind | None = None
    use_case: str = ""
    route_class: RouteClass = RouteClass.STANDARD


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a subject."""

    cascade: str = ""  # "": nobody says
    allow: bool = True
    channels: frozenset[Channel] | None = None  # None: all
    only: frozenset[str] | None = None  # providers; None: all
    without: frozenset[str] = frozenset()
    sender_kinds: frozenset[NumberKind] | None = None  # None: any
    max_attempts: int | None = None
    max_cost: float | None = None
    window: float | None = None
    applied: tuple[str, ...] = ()  # names of the policies, the narrowest first
    by: Mapping[str, str] = field(default_factory=dict)  # key of the dialplan -> the policy that decided it


#: Conditions of a policy: its field, and that of a subject.
_CONDITIONS = (
    ("tenants", "tenant"),
    ("countries", "country"),
    ("operators", "operator"),
    ("kinds", "kind"),
    ("use_cases", "use_case"),
    ("classes", "route_class"),
)


def applies(policy: Policy, subject: Subject) -> bool:
    """Whether all that it asks for is so."""
    return all(not (wanted := getattr(policy, wants)) or getattr(subject, has) in wanted for wants, has in _CONDITIONS)


def resolve(policies: Iterable[Policy], subject: Subject) -> Rules:
    """What holds. Of two policies of one layer that with more conditions is the narrower, else the later one."""
    holding = [(place, policy) for place, policy in enumerate(policies) if applies(policy, subject)]
    holding.sort(key=lambda each: _rank(*each), reverse=True)
    by: dict[str, str] = {}
    chosen: dict[str, object] = {}
    without: set[str] = set()
    kinds: frozenset[NumberKind] | None = None
    for _, policy in holding:
        for key, value in _choices(policy):
            if key not in chosen:
                chosen[key] = value
                by[key] = policy.name
        for provider in policy.without:
            by.setdefault(f"without {provider}", policy.name)
        without.update(policy.without)
        if policy.sender_kinds:
            kinds = frozenset(policy.sender_kinds) if kinds is None else kinds & frozenset(policy.sender_kinds)
            by.setdefault("sender", policy.name)
        for key in ("max_attempts", "max_cost", "window"):
            cap, least = getattr(policy, key), chosen.get(key)
            if cap is not None and (least is None or cap < least):
                chosen[key] = cap
                by[key] = policy.name
    applied = tuple(policy.name for _, policy in holding)
    return Rules(without=frozenset(without), sender_kinds=kinds, applied=applied, by=by, **chosen)  # type: ignore[arg-type]


def _choices(policy: Policy) -> Iterable[tuple[str, object]]:
    """What it says of the keys of which the narrowest counts."""
    if policy.cascade:
        yield "cascade", policy.cascade
    if policy.allow is not None:
        yield "allow", policy.allow
    if policy.channels:
        yield "channels", frozenset(policy.channels)
    if policy.only:
        yield "only", frozenset(policy.only)


def _rank(place: int, policy: Policy) -> tuple[int, int, int]:
    """How narrow it is."""
    layer = 2 * bool(policy.tenants) + bool(policy.countries)
    more = sum(map(bool, (policy.operators, policy.kinds, policy.use_cases, policy.classes)))
    return layer, more, place


class Rulebook:
    """All policies, with the answers that were given."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies = tuple(policies)
        self._named = {
            has: frozenset(value for policy in self._policies for value in getattr(policy, wants))
            for wants, has in _CONDITIONS
        }
        self._known: dict[Subject, Rules] = {}

    def narrow(self, subject: Subject, countries: frozenset[str] = frozenset()) -> Subject:
        """The subject without what no policy asks for (nor, of countries, anybody else): so that there are few."""
        named = self._named
        return Subject(
            subject.tenant if subject.tenant in named["tenant"] else "",
            subject.country if subject.country in named["country"] or subject.country in countries else "",
            subject.operator if subject.operator in named["operator"] else "",
            subject.kind if subject.kind in named["kind"] else None,
            subject.use_case if subject.use_case in named["use_case"] else "",
            subject.route_class,
        )

    def rules(self, subject: Subject) -> Rules:
        """What holds for a subject."""
        found = self._known.get(subject)
        if found is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            found = self._known[subject] = resolve(self._policies, subject)
        return found

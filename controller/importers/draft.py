"""A dialplan in the making: what is known of trunks, endpoints, chains and routes -> its text, with TODOs.

Owns names (each once, of the letters that the language allows), what is the same as something that is there already, and
the writing. What it writes is laid out by `config.layout`. Must not know where anything comes from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from controller.config.address import parse_number, parse_prefix, parse_trunk_uri, parse_user
from controller.config.diagnostics import Mistake
from controller.config.layout import format_text

_LETTERS = re.compile(r"[^A-Za-z0-9_.-]+")
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_LONGEST = 64
_REPLY, _PROGRESS = 2.0, 8.0  # seconds: what stages inherit
_LONGEST_TIME = 3600.0
HEAD = """\
# {made}
# What is marked TODO is yours to decide. Then look at what it promises: callward check FILE
#
# yaml-language-server: $schema=./callward.schema.json
"""


@dataclass(frozen=True, slots=True)
class Trunk:
    """A way to somewhere. ``place``: HOST[:PORT], "" where nobody has told; ``more`` keys in the order in which they are
    written."""

    place: str = ""
    transport: str = ""
    more: Mapping[str, object] = field(default_factory=dict)
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Who rings: a ``number`` that carriers know, or a ``user`` of a PBX."""

    via: tuple[str, ...]
    number: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """As the language has it; times are seconds, 0 for none."""

    ring: tuple[str, ...]
    mode: str = ""
    stagger: float = 0.0
    time: float = 0.0
    strips_media: bool = False
    todo: str = ""


@dataclass(slots=True)
class _Route:
    keys: Mapping[str, object]
    todo: str = ""


@dataclass(slots=True)
class Draft:
    """What will be the dialplan. ``pbx``: the trunk of the system that all is made from."""

    pbx: str = ""
    trunks: dict[str, Trunk] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    chains: dict[str, tuple[tuple[Stage, ...], str]] = field(default_factory=dict)  # stages, what to do at the end
    comments: dict[str, str] = field(default_factory=dict)  # endpoint -> who it is
    _routes: dict[tuple[str, str], _Route] = field(default_factory=dict)  # by kind and number

    def add_trunk(self, wanted: str, trunk: Trunk) -> str:
        """Its name; ``wanted`` if nobody has it."""
        name = free_name(wanted, self.trunks, "trunk")
        self.trunks[name] = trunk
        return name

    def add_endpoint(self, wanted: str, endpoint: Endpoint) -> str:
        """Its name: that of the same one, if there is one."""
        for name, known in self.endpoints.items():
            if known == endpoint:
                return name
        name = free_name(wanted, self.endpoints, "endpoint")
        self.endpoints[name] = endpoint
        return name

    def add_chain(self, wanted: str, stages: Iterable[Stage], todo: str = "") -> str:
        """Its name: that of the same one, if there is one."""
        whole = tuple(stages)
        for name, known in self.chains.items():
            if known == (whole, todo):
                return name
        name = free_name(wanted, self.chains, "chain")
        self.chains[name] = whole, todo
        return name

    def add_did(self, number: str, chain: str, todo: str = "") -> bool:
        """A number, or "*"; False where it has a route already."""
        return self._add_route("did", number, {"did": number, "chain": chain}, todo)

    def add_prefix(self, prefix: str, chain: str, todo: str = "") -> bool:
        """The beginning of numbers; False where that has a route already."""
        return self._add_route("prefix", prefix, {"prefix": prefix, "chain": chain}, todo)

    def add_outbound(self, prefix: str, pbx: str, via: Iterable[str], todo: str = "") -> bool:
        """Calls of ``pbx`` to numbers that begin so, "*" for all; False where they have a route already."""
        keys = {"outbound": {"prefix": prefix}, "from": [pbx], "via": [*via]}
        return self._add_route("outbound", prefix, keys, todo)

    def _add_route(self, kind: str, number: str, keys: Mapping[str, object], todo: str) -> bool:
        known = self._routes.setdefault((kind, number.removeprefix("+")), _Route(keys, todo)).keys
        return all(known[key] == keys[key] for key in ("chain", "from", "via") if key in keys)  # else it is another one

    @property
    def routes(self) -> list[Mapping[str, object]]:
        """All of them."""
        return [route.keys for route in self._routes.values()]

    # ----------------------------------------------------------------------- writing

    def write(self, made: str) -> str:
        """The dialplan as text. ``made``: what it was made from."""
        if not self.chains:
            self._add_somebody()
        trunks = [_trunk(name, trunk) for name, trunk in self.trunks.items()]
        lines = [HEAD.format(made=_comment(made)) + "version: 1", ""]
        lines += ["listen:", '  - udp: "0.0.0.0:5060"  # TODO: the address of this machine that carriers and PBXs call']
        lines += ['    tcp: "0.0.0.0:5060"'] if "transport=tcp" in "".join(trunks) else []
        lines += ['  - {udp: "[::]:5060", tcp: "[::]:5060"}'] if "sip:[" in "".join(trunks) else []
        lines += ["", "trunks:", *trunks, "", "endpoints:"]
        for name, endpoint in self.endpoints.items():
            who = {"number": endpoint.number} if endpoint.number else {"user": endpoint.user}
            said = _comment(self.comments.get(name, ""))
            lines.append(f"  {name}: {_flow({**who, 'via': endpoint.via})}" + (f"  # {said}" if said else ""))
        lines += ["", "chains:"]
        for name, (stages, todo) in self.chains.items():
            lines.append(f"  {name}:")
            for stage in stages:
                lines += _stage(stage)
            lines += [f"    # TODO: {_comment(todo)}"] if todo else []
        lines += ["", "routes:"]
        lines += [f"  - {_flow(route.keys)}" + _todo(route.todo) for route in self._routes.values()]
        return format_text("\n".join(lines) + "\n", "dialplan")

    def _add_somebody(self) -> None:
        """A dialplan has numbers of its own: where only calls outward were found, somebody has to write them."""
        name = self.add_endpoint("front-desk", Endpoint((self.pbx,), user="100"))
        self.comments[name] = "TODO: who is rung"
        self.add_did("*", self.add_chain("main", [Stage((name,))]), "your numbers, one by one")


def _trunk(name: str, trunk: Trunk) -> str:
    uri, todo = _uri(name, trunk)
    keys = _flow({"uri": uri, **trunk.more})
    line = f"  {name}: {keys}" + _todo("; ".join(filter(None, (todo, trunk.todo))))
    if "password" not in str(trunk.more):
        return line
    return f"  # TODO: keep the password in a file, and name that here: password: ${{file:{name}.password}}\n{line}"


def _uri(name: str, trunk: Trunk) -> tuple[str, str]:
    """The `uri` of a trunk, and what is left to do. An address that the language refuses becomes one that leads nowhere (RFC
    6761); TLS needs a certificate, so nobody speaks it unasked."""
    if trunk.place and ";" not in trunk.place:
        uri = f"sip:{trunk.place}" + (";transport=tcp" if trunk.transport == "tcp" else "")
        try:
            if parse_trunk_uri(uri).host not in {"0.0.0.0", "::"}:
                return uri, "it spoke TLS: see 'tls' of trunks" if trunk.transport == "tls" else ""
        except Mistake:
            pass
    host = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:60].strip("-") or "trunk"
    return f"sip:{host}.invalid", f"its address; {trunk.place} cannot be one" if trunk.place else "its address"


def _stage(stage: Stage) -> list[str]:
    keys: dict[str, object] = {"ring": [*stage.ring]}
    if stage.mode:
        keys["mode"] = stage.mode
    if stage.stagger:
        keys["stagger"] = show_time(stage.stagger)
    if stage.time:
        keys["for"] = show_time(stage.time)
        if stage.time < _PROGRESS:  # what is inherited is longer than the stage
            keys["no_progress"] = show_time(stage.time)
        if stage.time <= _REPLY:
            keys["no_reply"] = show_time(stage.time / 2)
    if stage.strips_media:
        keys["early_media"] = "strip"
    rows = [f"{key}: {_flow(value)}" for key, value in keys.items()]
    rows[0] += _todo(stage.todo)
    return [f"    {'-' if not number else ' '} {row}" for number, row in enumerate(rows)]


def _todo(text: str) -> str:
    return f"  # TODO: {_comment(text)}" if text else ""


def _comment(text: str) -> str:
    """What somebody else wrote must not end the line."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("${", "$ {")  # what others wrote must not have a file or a variable of ours read
    return (
        text
        if isinstance(value, int) or (_SAFE.fullmatch(text) and not text.isdigit())
        else json.dumps(text, ensure_ascii=False)
    )


def show_time(seconds: float) -> str:
    """As the language writes it: within its bounds, in the largest unit that fits."""
    seconds = min(max(seconds, 0.01), _LONGEST_TIME)
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    return f"{round(seconds * 1000)}ms"


def free_name(wanted: str, taken: Mapping[str, object], otherwise: str) -> str:
    """A name that the language allows and that nobody has yet."""
    name = _LETTERS.sub("-", wanted).strip("-.")[:_LONGEST] or otherwise
    known = {each.lower() for each in taken}  # host names are made of them, which know no capitals
    number = 1
    found = name
    while found.lower() in known:
        number += 1
        found = f"{name[: _LONGEST - 8]}-{number}"
    return found


def make_account(user: str, account: str, *, registers: bool, domain: str = "") -> dict[str, object]:
    """`auth`, and `register` where it is asked for. ``account``: the name that is registered, where it is another one."""
    found: dict[str, object] = {"auth": {"user": user, "password": "replace me"}}
    account = account or user
    if registers and is_user(account):
        own = {"user": account} if account != user else {}
        own |= {"domain": domain} if _HOST.fullmatch(domain) else {}
        found["register"] = own or True
    return found


def is_number(text: str) -> bool:
    """Whether the language takes it for a number."""
    return _is_taken(parse_number, text)


def is_user(text: str) -> bool:
    """Whether the language takes it for the user part of a URI."""
    return _is_taken(parse_user, text)


def is_prefix(text: str) -> bool:
    """Whether the language takes it for the beginning of numbers."""
    return _is_taken(parse_prefix, text)


def _is_taken(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except Mistake:
        return False
    return True

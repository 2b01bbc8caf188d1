"""The registration of a trunk: what is left out is filled in, and what cannot come to anything is reported.

Owns the findings about `register`. Must not look names up: a registrar is looked up when it is used.
"""

from __future__ import annotations

from controller.config.address import HostPort, parse_user
from controller.config.diagnostics import Mistake, quoted
from controller.config.model import TrunkModel
from controller.config.places import Places
from controller.types import Listen, Register
from sip.uri import bracketed


def compile_register(places: Places, trunk: str, model: TrunkModel, listen: tuple[Listen, ...]) -> Register | None:
    """What a trunk registers, None where it does not. ``listen`` are our listeners, () where they are not known."""
    register = model.registration
    if register is None:
        return None
    loc = ("trunks", trunk, "register")
    places.names.use("trunks", trunk, places.at("trunks", trunk), "")  # somebody calls in by it: it is not unused
    user = register.user or _user_of(model)
    lost = places.map_at("trunks", trunk).lost | getattr(places.at(*loc), "lost", set())
    if user is None and not lost & {"user", "auth"}:
        message = f"the registration of trunk {quoted(trunk)} has no user"
        hint = 'add register: {user: "..."}, the name of the account, or auth: {user: ..., password: ...}'
        places.report.error(places.map_at("trunks", trunk).keys["register"], "MISSING_KEY", message, hint)
    registrars = _registrars(places, trunk, register.registrars, listen)
    more = {} if register.expires is None else {"expires": register.expires}
    return Register(user or "", register.domain or bracketed(model.uri.host), registrars=registrars, **more)


def _user_of(model: TrunkModel) -> str | None:
    """The name that credentials are for is mostly that of the account."""
    try:
        return parse_user(model.auth.user) if model.auth is not None else None
    except Mistake:
        return None


def _registrars(places: Places, trunk: str, uris: list[HostPort], listen: tuple[Listen, ...]) -> tuple[str, ...]:
    loc = ("trunks", trunk, "register", "registrars")
    seen: set[HostPort] = set()
    for index, uri in enumerate(uris):
        at = places.at(*loc, index)
        if uri in seen:
            message = f"a registrar of trunk {quoted(trunk)} stands twice"
            places.report.error(at, "DUPLICATE", message, "remove one of the two")
        seen.add(uri)
        if any(uri[:3] == (ours.host, ours.port, ours.transport) for ours in listen):
            message = f"trunk {quoted(trunk)} would register at the address we listen on"
            places.report.error(at, "LOOP", message, "write the address of the carrier's registrar")
        if listen and uri.transport not in {ours.transport for ours in listen}:
            name = uri.transport.upper()
            message = f"a registrar of trunk {quoted(trunk)} is reached over {name}, and nothing listens on {name}"
            hint = f"add {{{uri.transport}: \"IP:PORT\"}} to 'listen': calls come in by it as well"
            places.report.error(at, "NO_LISTENER", message, hint)
    return tuple(
        f"sip:{bracketed(uri.host)}:{uri.port}" + ("" if uri.transport == "udp" else f";transport={uri.transport}")
        for uri in uris
    )

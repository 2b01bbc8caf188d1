"""Users -> what checks their passwords, and whether there is a listener on which somebody is asked for one.

Owns the findings about `users` and `phones` against each other. Passwords end here: what goes on are their hashes.
"""

from __future__ import annotations

from controller.config.address import HostPort
from controller.config.diagnostics import quoted
from controller.config.listen import Listeners
from controller.config.model import TrunkModel
from controller.config.places import Places
from controller.config.source import MapNode
from controller.types import REALM, Listen, User
from sip.authenticator import hash_user

_NOT_WHERE_PHONES_REGISTER = {
    "register": "its user registers here; to register at a carrier write the address of that as uri",
    "listener": "it is called over the connection on which its user has registered",
}


def place_of(places: Places, trunk: str, model: TrunkModel, listeners: Listeners) -> HostPort:
    """Where a trunk is. One that is where its user registers is nowhere until then, on a listener for phones."""
    if not model.uri.registered:
        return model.uri
    at = places.at("trunks", trunk, "uri")
    keys = places.map_at("trunks", trunk).keys
    for key, why in _NOT_WHERE_PHONES_REGISTER.items():
        if key in keys and (key != "register" or model.registration is not None):
            message = f"'uri: registered' and '{key}' exclude each other in trunk {quoted(trunk)}"
            places.report.error(keys[key], "BOTH_KEYS", message, f"remove {key}: {why}")
    if (
        isinstance(places.root, MapNode)
        and "users" not in places.root.lost
        and not any(user.trunk == trunk for user in places.file.users.values())
    ):
        message = f"trunk {quoted(trunk)} is where its user registers, and no user has it"
        places.report.error(at, "MISSING_KEY", message, f"add trunk: {trunk} to one of 'users'")
    ours = next((ours for ours in listeners.listen if ours.phones), None)
    if ours is None:
        if listeners.all_known:
            message = f"nobody could register for trunk {quoted(trunk)}: no listener has 'phones: true'"
            places.report.error(at, "NO_LISTENER", message, "add {tcp: \"IP:PORT\", phones: true} to 'listen'")
        return model.uri
    return model.uri._replace(host="::" if ":" in ours.host else "0.0.0.0", transport=ours.transport)


def compile_users(places: Places, listen: tuple[Listen, ...], *, all_known: bool) -> dict[str, User]:
    """The users of a file. ``all_known`` says that no listener is wrong itself."""
    users: dict[str, User] = {}
    for name, model in places.file.users.items():
        if model.trunk is not None:
            places.use("trunks", model.trunk, ("users", name, "trunk"))
        where = places.where(places.key("users", name))
        users[name] = User(name, hash_user(name, REALM, model.password), model.trunk or "", where)
    for index, entry in enumerate(places.file.listen):
        if entry.phones and entry.udp is not None:
            alone = entry.tcp is None and entry.tls is None
            message = "phones are asked for a password over TCP and TLS, and this listener is on UDP"
            message += "" if alone else " as well"
            how = "write tcp or tls instead" if alone else "write the UDP listener as an entry of its own"
            hint = f"{how}: over UDP anybody can send in the name of anybody"
            places.report.error(places.at("listen", index, "udp"), "BAD_LISTEN", message, hint)
        elif entry.phones and not users:
            message = "nobody could call by this listener: there are no users"
            hint = 'add users: {anna: {password: "${file:anna.password}"}}, or remove phones'
            places.report.error(places.map_at("listen", index).keys["phones"], "MISSING_KEY", message, hint)
    if users and all_known and not any(ours.phones for ours in listen):
        message = "no user is ever asked for a password: no listener has 'phones: true'"
        places.report.error(
            places.at("users"), "NO_LISTENER", message, "add {tcp: \"IP:PORT\", phones: true} to 'listen'"
        )
    return users

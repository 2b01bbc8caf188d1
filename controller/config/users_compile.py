"""Users -> what checks their passwords, and whether there is a listener on which somebody is asked for one.

Owns the findings about `users` and `phones` against each other. Passwords end here: what goes on are their hashes.
"""

from __future__ import annotations

from controller.config.places import Places
from controller.types import REALM, Listen, User
from sip.authenticator import hash_user


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
            message = "phones are asked for a password over TCP, and this listener is on UDP as well"
            hint = "write the UDP listener as an entry of its own: over UDP anybody can send in the name of anybody"
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

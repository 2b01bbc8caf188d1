"""Numbers within header values: found, exchanged, put into addresses of ours.

Owns the one place where text becomes an address of ours: names are quoted, users escaped, line ends impossible.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote as escape

from sip.errors import RemoteProtocolError
from sip.guise import address_in
from sip.headers import find_uri
from sip.message import Message
from sip.text import clean, quote
from sip.uri import bracketed, parse_uri

_USER = "-_.!~*'()&=+$,;?/"  # RFC 3261 §25.1: what may stand in a user part as it is

Number = Callable[[str], str]  # how a number is rewritten


def make_address(user: str, host: str, name: str = "", params: str = "") -> str:
    """An address of ours: ``"NAME" <sip:USER@HOST;PARAMS>``."""
    written = escape(clean(user), safe=_USER, errors="ignore")
    uri = f"<sip:{written}{'@' if written else ''}{bracketed(clean(host))}{clean(params)}>"
    return f"{quote(name)} {uri}" if name else uri


def rewrite_user(value: str, number: Number) -> str:
    """A header value with the number in its SIP URI rewritten; any other value as it is."""
    try:
        text = find_uri(value)
        user = parse_uri(text).user
    except RemoteProtocolError:
        return value
    written = number(user) if user else user
    if written == user:
        return value
    scheme, _, rest = text.partition(":")
    userinfo, _, host = rest.rpartition("@")
    bare = userinfo.partition(":")[0].partition(";")[0]
    uri = f"{scheme}:{escape(clean(written), safe=_USER, errors='ignore')}{userinfo[len(bare) :]}@{host}"
    address = address_in(value)
    before, _, after = address.rpartition(text)  # a display name may hold it as well
    return f"{before}{uri}{after}{value[len(address) :]}"


def rewrite_all(message: Message, name: str, number: Number) -> None:
    """The same for every value of a header, each in its place."""
    if name not in message.names:
        return
    before = message.get_all(name)
    after = [rewrite_user(value, number) for value in before]
    if after != before:
        replace_all(message, name, after)


def replace_all(message: Message, name: str, values: list[str]) -> None:
    """Put these values in the place of all that a header has, one a line; none takes it away."""
    at = message.names.index(name) if name in message.names else len(message.names)
    kept = [index for index, other in enumerate(message.names) if other != name]
    message.lines[:] = [message.lines[index] for index in kept]
    message.names[:] = [message.names[index] for index in kept]
    title = "-".join(part.capitalize() for part in name.split("-"))
    message.lines[at:at] = [f"{title}: {clean(value)}" for value in values]
    message.names[at:at] = [name] * len(values)

"""What the INVITE of an attempt is dressed in: From, To, who is asserted, what is hidden, who diverted.

Owns the policies of the trunk that the call goes to and of the one it comes from, applied to one copy of the request.
What must be undone in responses, and known to later requests of the dialog, is in the `Dress`; nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.planes.border.diversion import UNCONDITIONAL, Why, add_diversion, add_history
from controller.planes.border.values import make_address, replace_all, rewrite_all, rewrite_user
from controller.rules.identity import as_routed, asserted_number, is_diverted, shown_number
from controller.rules.numbers import read_number, write_number
from controller.types import Asserted, Dialplan, Identity, Offer, Trunk
from sip.guise import IDENTITY, NOTHING, Note, address_in, exchange, keep, remove
from sip.message import Request
from sip.text import clean
from sip.uri import parse_uri

#: RFC 3323 §4.1: who wants to be nobody is called so.
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
#: What tells of a person beside From (RFC 3323 §5.1, §5.2); what routing needs stays.
_PERSONAL = frozenset(("subject", "call-info", "organization", "user-agent", "reply-to", "in-reply-to"))
_HISTORY = frozenset(("diversion", "history-info"))
_SIGNED = frozenset(("identity", "identity-info"))  # RFC 8224 §4: it vouches for the From that is replaced
_STRANGER = Identity(trusted=False)
_PLAIN = Identity()


@dataclass(slots=True)
class Dress:
    """What becomes of one INVITE; None where From or To stay."""

    caller: str | None  # address in From
    callee: str | None  # address in To
    caller_as: str | None  # what the callee's passport remembers (`sip.route`)
    callee_as: str | None
    note: Note | None  # what our Via remembers
    edit: Callable[[Request], None]

    def put_on(self, request: Request) -> None:
        """Change the copy that is sent."""
        self.exchange(request)
        self.edit(request)

    def exchange(self, request: Request) -> None:
        """The same for a CANCEL, of which nothing but From and To is like its INVITE's."""
        if self.caller is not None:
            exchange(request, "from", self.caller)
        if self.callee is not None:
            exchange(request, "to", self.callee)


def make_dress(
    dialplan: Dialplan,
    offer: Offer,
    invite: Request,
    trunk: Trunk,
    theirs: Trunk | None,
    host: str,
    why: Callable[[], Why] = lambda: UNCONDITIONAL,
) -> Dress | None:
    """The dress of an INVITE on its way to ``trunk``, None where it goes as it is. ``theirs`` is the trunk that it came
    from, ``host`` our address as ``trunk`` knows it; ``why`` says why the call was diverted."""
    sender = invite.require("from")
    if (
        trunk.identity is None
        and trunk.format is None
        and (theirs is None or (theirs.identity is None and theirs.format is None))
        and (theirs is not None or IDENTITY.isdisjoint(invite.names))
        and sender.isascii()
    ):
        return None
    identity = trunk.identity or _PLAIN
    source = _STRANGER if theirs is None else theirs.identity or _PLAIN
    privacy = _privacy_of(invite)
    caller = _new_sender(dialplan, offer, trunk, theirs, sender, host, privacy)
    receiver = invite.require("to")
    callee = address_in(rewrite_user(receiver, _translate(theirs, trunk, called=True)))
    new_from = caller if caller != address_in(sender) else None
    new_to = callee if callee != address_in(receiver) else None
    hides = not identity.trusted or (theirs is not None and not source.trusted)
    note = Note(keep(sender) if new_from is not None else "", keep(receiver) if new_to is not None else "", hides=hides)

    def edit(request: Request) -> None:
        _edit_identity(request, dialplan, offer, trunk, theirs, source, host, privacy)
        _edit_history(request, dialplan, offer, trunk, theirs, host, privacy, why)

    return Dress(
        new_from,
        new_to,
        note.sender if new_from is not None else None,
        note.receiver if new_to is not None else None,
        note if note != NOTHING else None,
        edit,
    )


def _translate(theirs: Trunk | None, trunk: Trunk, *, called: bool = False) -> Callable[[str], str]:
    """Numbers of one trunk as those of another. ``called``: what came may have a prefix, which is of the Request-URI."""
    came = theirs.format if theirs is not None else None
    return lambda user: write_number(trunk.format, read_number(came, user, called=called))


def _new_sender(
    dialplan: Dialplan,
    offer: Offer,
    trunk: Trunk,
    theirs: Trunk | None,
    sender: str,
    host: str,
    privacy: frozenset[str],
) -> str:
    """The address in From."""
    identity = trunk.identity or _PLAIN
    number = shown_number(dialplan, offer, trunk)
    if number:
        return make_address(write_number(trunk.format, number), identity.domain or host, identity.name)
    if "user" in privacy and not identity.trusted:
        return ANONYMOUS
    return clean(address_in(rewrite_user(sender, _translate(theirs, trunk))))


def _edit_identity(
    request: Request,
    dialplan: Dialplan,
    offer: Offer,
    trunk: Trunk,
    theirs: Trunk | None,
    source: Identity,
    host: str,
    privacy: frozenset[str],
) -> None:
    """Who is asserted to call: what the source may say of it, what the trunk may hear, and what we say ourselves."""
    identity = trunk.identity or _PLAIN
    shown = shown_number(dialplan, offer, trunk)
    if shown:
        remove(request, _SIGNED)
    if not source.trusted or shown or identity.asserted is not Asserted.OFF:
        remove(request, IDENTITY)
    if not identity.trusted and "none" not in privacy:
        remove(request, IDENTITY)
    if not identity.trusted and privacy & {"user", "header"}:
        remove(request, _PERSONAL)
    for name in IDENTITY:
        rewrite_all(request, name, _translate(theirs, trunk))
    ours = asserted_number(dialplan, offer, trunk)
    if ours:
        name = "p-asserted-identity" if identity.asserted is Asserted.ASSERTED else "p-preferred-identity"
        value = make_address(write_number(trunk.format, ours), identity.domain or host, identity.name)
        replace_all(request, name, [value])


def _edit_history(
    request: Request,
    dialplan: Dialplan,
    offer: Offer,
    trunk: Trunk,
    theirs: Trunk | None,
    host: str,
    privacy: frozenset[str],
    why: Callable[[], Why],
) -> None:
    """Who diverted the call before, and that we do."""
    identity = trunk.identity or _PLAIN
    if not identity.trusted and privacy & {"header", "history", "session"}:
        remove(request, _HISTORY)
    for name in _HISTORY:
        rewrite_all(request, name, _translate(theirs, trunk))
    if not (identity.diversion or identity.history) or not is_diverted(dialplan, offer):
        return
    did = as_routed(dialplan, offer.did)
    if read_number(trunk.format, parse_uri(request.uri).user, called=True) == did:
        return
    number = write_number(trunk.format, did)
    if identity.diversion:
        add_diversion(request, number, host, why())
    if identity.history:
        add_history(request, number, host, why(), request.uri)


def _privacy_of(request: Request) -> frozenset[str]:
    """What the caller wants hidden (RFC 3323 §4.2): the words of Privacy in lower case."""
    if "privacy" not in request.names:
        return frozenset()
    words = ";".join(request.get_all("privacy")).replace(",", ";").lower().split(";")
    return frozenset(word.strip() for word in words)

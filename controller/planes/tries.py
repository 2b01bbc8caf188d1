"""Requests to trunks that ask for credentials: one request with all its tries, and which try was made of an INVITE.

Owns how a try differs from the request as it would leave otherwise: number, branch and credentials, nothing else; so
whatever else a trunk is to see is there before. Why the numbers are right stands in `sip.sequence`. `Tries` lives as
long as the request is open; the tries that `Legs` notes are a memory that may be lost. Must not send anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from controller.credentials import Accounts
from controller.planes.peers import Peers
from sip import sequence
from sip.account import MAX_TRIES, Account, Tried
from sip.element import Element
from sip.fork import Goodbye
from sip.headers import MAX_CSEQ
from sip.message import Request, Response
from sip.transaction import Hop

#: INVITEs whose try is known: what is pushed out is as after a restart.
MAX_NOTED = 4096
#: Makes the Via of a try: the mark for the path tag (`sip.sequence.mark`), and the number that goes out.
ViaMaker = Callable[[int, int], str]
#: Call-ID, From tag, CSeq as its sender has them.
InviteKey = tuple[str, str, int]


class Tries:
    """One request on such a leg, the user of its response context or a part of its attempt."""

    __slots__ = (
        "_account",
        "_accounts",
        "_guesses",
        "_leg",
        "_make_via",
        "_plain",
        "_rack",
        "_tried",
        "hop",
        "key",
        "lines",
        "number",
        "trunk",
    )

    def __init__(
        self, accounts: Accounts, account: Account | None, leg: Leg, plain: Request, hop: Hop, make_via: ViaMaker
    ) -> None:
        """``plain`` is the request as it would leave without all this; ``account`` is None where it goes to somebody who
        must not get credentials."""
        self._accounts = accounts
        self._account = account
        self._leg = leg
        self._plain = plain
        self._make_via = make_via
        self._tried = Tried()
        self._rack: tuple[int, int, str] | None = None  # of a PRACK
        self._guesses: list[int] = []  # which tries of the INVITE that it is about there may be
        self.trunk = leg.trunk
        self.hop = hop
        self.number = 0  # of the try that is under way
        self.lines: list[str] = []  # the credentials that it had
        self.key: InviteKey = plain.call_id, plain.from_tag, plain.cseq[0]

    def request(self) -> Request:
        """The request of the current try; ask once for each."""
        plain = self._plain
        request = plain.copy()
        number = sequence.number_of(plain.cseq[0], self.number, self._leg.first)
        sequence.renumber(request, number)
        request.replace_first_value("via", self._make_via(self.number, number))
        if self._rack is not None:
            response, cseq, method = self._rack
            about = sequence.number_of(cseq, self._guesses[0], self._leg.first)
            request.set("rack", f"RAck: {response} {about} {method}")
        self.lines = self._account.dress(request, self._tried) if self._account is not None else []
        return request

    def again(self, response: Response) -> Request | None:
        """The next try after this final response, None where there is none. Why a challenge is not answered, or the
        answer not taken, is told in `Accounts.refused`."""
        status = response.status
        if status in (401, 407):
            another = self._learn(response)
        else:
            another = status == 481 and len(self._guesses) > 1
            del self._guesses[:1]
        if not another or self.number == sequence.LAST_TRY:
            return None
        self.number += 1
        return self.request()

    def let_in(self) -> None:
        """The other side answered something else than a challenge."""
        if self._account is not None:
            self._account.refusals = 0

    def guess(self, rack: tuple[int, int, str], guesses: list[int]) -> None:
        """It is a PRACK about an INVITE of which one of these tries was answered; ask before `request`."""
        self._rack, self._guesses = rack, guesses

    def _learn(self, response: Response) -> bool:
        if self._account is None:
            return False
        why = self._account.learn(response, self._tried)
        if why:
            self._accounts.note_refusal(self.trunk, why)
        return not why


class Leg(NamedTuple):
    """The side of a dialog where a request goes, if credentials may be asked for there."""

    trunk: str
    first: int | None  # as in `sip.sequence.number_of`
    tried: int = 0  # which try of the first INVITE was answered


class Legs:
    """Makes the requests of such legs, and remembers the tries of INVITEs."""

    def __init__(self, element: Element, accounts: Accounts, peers: Peers) -> None:
        self._element = element
        self._peers = peers
        self.accounts = accounts
        self._noted: dict[InviteKey, tuple[int, list[str]]] = {}

    def begin(self, leg: Leg, plain: Request, hop: Hop, make_via: ViaMaker) -> Tries:
        """The tries of a request; ``plain`` is the copy that would leave without all this."""
        # Whoever asks elsewhere, where a Contact may have led, would get what a password can be guessed from.
        account = self.accounts.find(leg.trunk) if self._peers.speaks_for(leg.trunk, hop.host) else None
        tries = Tries(self.accounts, account, leg, plain, hop, make_via)
        rack = sequence.rack_of(plain) if "rack" in plain.names else None
        if rack is not None:
            tries.guess(rack, self._tries_of((plain.call_id, plain.from_tag, rack[1]), leg))
        return tries

    def copies(self, leg: Leg, plain: Request, hop: Hop, make_via: ViaMaker) -> Iterator[tuple[Request, Hop]]:
        """What an ACK or a CANCEL is sent on as, each with the number of its INVITE: one copy if its try is known,
        else one for each that there may have been."""
        cseq = plain.cseq[0]
        key = plain.call_id, plain.from_tag, cseq
        for tried in self._tries_of(key, leg):
            number = sequence.number_of(cseq, tried, leg.first)
            request = plain.copy()
            sequence.renumber(request, number)
            request.replace_first_value("via", make_via(tried, number))
            noted = self._noted.get(key)
            if request.method == "ACK" and noted is not None and noted[0] == tried:
                for line in noted[1]:  # RFC 3261 §22.1: those of its INVITE
                    request.append(line.partition(":")[0].lower(), line)
            yield request, hop

    def say_goodbye_again(self, goodbye: Goodbye, response: Response) -> Goodbye | None:
        """A BYE of ours to somebody who answered in vain, again if it was challenged, else None."""
        if response.status not in (401, 407) or not self._peers.speaks_for(goodbye.owner, goodbye.hop.host):
            return None
        account = self.accounts.find(goodbye.owner)
        if account is None:
            return None
        tried = goodbye.tried or Tried()
        if account.learn(response, tried):
            return None
        bye = goodbye.request.copy()
        sequence.renumber(bye, min(bye.cseq[0] + 1, MAX_CSEQ))
        bye.replace_first_value("via", self._element.via_for(goodbye.request, "BYE", hop=goodbye.hop))
        account.dress(bye, tried)
        return Goodbye(goodbye.owner, bye, goodbye.hop, tried)

    def note(self, tries: Tries) -> None:
        """An INVITE leaves, or is answered: its ACK must be numbered by this try."""
        self._noted.pop(tries.key, None)
        if len(self._noted) >= MAX_NOTED:
            del self._noted[next(iter(self._noted))]
        self._noted[tries.key] = tries.number, tries.lines

    def _tries_of(self, key: InviteKey, leg: Leg) -> list[int]:
        if key[2] == leg.first:
            return [leg.tried]
        noted = self._noted.get(key)
        return [noted[0]] if noted is not None else list(range(MAX_TRIES + 1))

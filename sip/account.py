"""An account at somebody who asks for digest credentials: what we know of his challenges, and the next credentials.

Owns the nonces and their counts. Who asked once is sent credentials with the next request at once, so that a call costs
no second round trip; what is remembered may be lost without harm. `Account` lives as long as its user and password,
`Tried` as long as one request with all its tries. Must not send, number or route anything.

When a challenge is answered (RFC 7616 §3.3, §3.4): if the request had no credentials for its realm, or if the nonce has
changed since; `MAX_ANSWERS` times for one realm. A challenge with the very nonce that was just used means that the
password is wrong, unless it says ``stale``.

Who is answered: whoever asks first. A proxy passes on what somebody behind it says, so whoever is called may ask for
credentials as well, and from an answer he could guess the password at leisure. So a challenge in a realm of its own is
answered if the request had no credentials at all; one that comes in spite of credentials for another realm is not, but
where these went ahead the request is sent once more without any, to hear who asks first. Where realms are named, only
they get an answer. He may also pretend to be of the right realm and refuse what he gets; so a refusal is one when it
is the second in a row (`refusals`).

The cnonce is computed from the nonce: one for each, so that a server which makes the session key of ``-sess`` once per
nonce and one that makes it per request agree, and an INVITE that is sent again by another life of us has the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from sip.digest import MAX_COUNT, Algorithm, Challenge, choose, hash_a1, make_credentials, parse_challenges, realm_of
from sip.message import Request, Response

#: Answers to one realm within one request: its challenge, and one more when the nonce was old.
MAX_ANSWERS = 2
#: How often a request is sent again: credentials that went ahead were of another realm, none, an old nonce.
MAX_TRIES = 3
#: Challenges that are remembered; their realms are the other side's to choose.
MAX_KNOWN = 4

_Key = tuple[str, str]  # header for the answer, realm


class Tried:
    """What has been tried for one request."""

    __slots__ = ("answers", "bare", "count", "own", "sent")

    def __init__(self) -> None:
        self.count = 0  # tries after the first
        self.bare = False  # the next try has no credentials
        self.own: Collection[str] = ()  # the realms that were asked for when there were none
        self.sent: dict[_Key, str] = {}  # the nonces that were answered with the last try
        self.answers: dict[_Key, int] = {}  # challenges that were taken up


class _Known:
    """The last challenge of a realm."""

    __slots__ = ("challenge", "count", "ha1")

    def __init__(self, challenge: Challenge, ha1: str) -> None:
        self.challenge = challenge
        self.ha1 = ha1
        self.count = 0  # how often its nonce was used


class Account:
    """See the top of the file."""

    def __init__(
        self,
        user: str,
        password: str,
        cnonce_of: Callable[[str], str],
        *,
        realms: Collection[str] = (),
        allowed: frozenset[Algorithm] = frozenset(Algorithm),
    ) -> None:
        """``realms`` are those that get an answer, none named: whoever asks first; ``cnonce_of`` makes a cnonce of a
        nonce."""
        self._user = user
        self._password = password
        self._cnonce_of = cnonce_of
        self._realms = realms
        self._allowed = allowed
        self._known: dict[_Key, _Known] = {}
        self.refusals = 0  # requests whose credentials were refused since the last that was let in

    def learn(self, response: Response, tried: Tried) -> str:
        """Take in a 401 or 407 to a request. "" when it is worth another try, else why it is not, for people."""
        asked = parse_challenges(response)
        if not asked:
            return f"{response.status} without a digest challenge that can be answered"
        realms = self._realms or self._realms_of(asked, tried)
        mine = [challenge for challenge in asked if challenge.realm in realms]
        if not mine:
            if self._realms or tried.own or tried.count >= MAX_TRIES:
                return f"credentials asked for in the realm {asked[0].realm[:40]!r}, which is not that of the account"
            tried.bare = True
            tried.count += 1
            return ""
        wanted = choose(mine, self._allowed)
        if not wanted:
            self.refusals += 1
            return f"credentials asked for by {mine[0].algorithm.value}, which 'auth' does not allow"
        if tried.count >= MAX_TRIES:
            self.refusals += 1
            return f"credentials asked for again and again in the realm {wanted[0].realm[:40]!r}"
        fresh = False
        for challenge in wanted:
            key = challenge.header, challenge.realm
            used = tried.sent.get(key)
            if used is not None and used == challenge.nonce and not challenge.stale:
                continue
            answers = tried.answers.get(key, 0)
            if answers >= MAX_ANSWERS:
                continue
            tried.answers[key] = answers + 1
            self._keep(key, challenge)
            fresh = True
        if fresh:
            tried.count += 1
            return ""
        self.refusals += 1
        for challenge in wanted:
            self._known.pop((challenge.header, challenge.realm), None)
        return f"credentials refused in the realm {wanted[0].realm[:40]!r}"

    def dress(self, request: Request, tried: Tried) -> list[str]:
        """Put all credentials that we have into a request that is about to leave; those that it has for the same realms
        go. Returns the lines that were added."""
        tried.sent = {}
        added: list[str] = []
        if tried.bare:
            tried.bare = False
            return added
        for key, known in self._known.items():
            challenge = known.challenge
            if known.count >= MAX_COUNT:
                continue
            known.count += 1
            _remove(request, *key)
            line = make_credentials(
                challenge,
                known.ha1,
                user=self._user,
                request=request,
                count=known.count,
                cnonce=self._cnonce_of(challenge.nonce),
            )
            request.append(key[0], line)
            added.append(line)
            tried.sent[key] = challenge.nonce
        return added

    @staticmethod
    def _realms_of(asked: Collection[Challenge], tried: Tried) -> Collection[str]:
        """Those that may be answered in this request, where none are named."""
        if not tried.sent and not tried.own:
            tried.own = {challenge.realm for challenge in asked}
        return tried.own or {realm for _, realm in tried.sent}

    def _keep(self, key: _Key, challenge: Challenge) -> None:
        known = self._known.pop(key, None)
        if (
            known is None
            or known.challenge.nonce != challenge.nonce
            or known.challenge.algorithm != challenge.algorithm
        ):
            ha1 = hash_a1(challenge.algorithm, self._user, challenge.realm, self._password)
            known = _Known(challenge, ha1)
        self._known[key] = known
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]


def _remove(request: Request, header: str, realm: str) -> None:
    if header not in request.names:
        return
    for index in range(len(request.names) - 1, -1, -1):
        if request.names[index] == header and realm_of(request.lines[index].partition(":")[2]) == realm:
            del request.names[index], request.lines[index]

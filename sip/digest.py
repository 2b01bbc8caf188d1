"""Digest authentication, both halves: answering a challenge, and checking such an answer (RFC 7616, RFC 8760).

Owns the texts of challenges and credentials, which of several challenges is answered, and the arithmetic. It knows no
nonce by heart and counts none: who answers brings nonce count and cnonce (`sip.account`), who checks decides whether
the nonce is one of its own. Passwords go in, and only hashes come out. Must not choose where a message goes.

* Several challenges may come at once, one a line (RFC 8760 §2.2), some of them of schemes that nobody knows here: those
  are passed over. The strongest is answered, the topmost of equals; which ones are strong enough is the caller's to say.
* Texts are hashed as they are meant, escapes undone, in the bytes in which they came.
* Of the two qualities ``auth`` is preferred: ``auth-int`` breaks where somebody on the way mends an address in the body.
* ``charset`` is UTF-8 whatever is asked; ``userhash`` is never used by us and understood from others.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from sip.errors import RemoteProtocolError
from sip.message import Message, Request, Response

#: RFC 7616 §3.4: eight digits.
MAX_COUNT = 0xFFFFFFFF

# No two neighbours of a pattern may match the same text, or a datagram of blanks takes seconds to refuse.
_SCHEME = re.compile(r"[\s,]*+([A-Za-z0-9!%*_+`'~.\-]++)(?=\s|\Z)")
_PARAM = re.compile(
    r"""[\s,]*+([A-Za-z0-9!%*_+`'~.\-]++)\s*+=\s*+(?:"((?:[^"\\]++|\\.)*+)"|([^\s",]++))\s*+(?=,|\Z)""", re.DOTALL
)
_END = re.compile(r"[\s,]*+\Z")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'(["\\])')
_COUNT = re.compile(r"[0-9A-Fa-f]{8}\Z")

_CHALLENGES = {"www-authenticate": "authorization", "proxy-authenticate": "proxy-authorization"}
_HEADERS = {"authorization": "Authorization", "proxy-authorization": "Proxy-Authorization"}


class Algorithm(Enum):
    """The hash functions of RFC 8760 §2.1, by their names on the wire."""

    MD5 = "MD5"
    SHA256 = "SHA-256"
    SHA512_256 = "SHA-512-256"

    @property
    def strength(self) -> int:
        """Bits that a collision-free hash of this size would have; 0 where it is broken."""
        return 0 if self is Algorithm.MD5 else 256

    def hash(self, data: bytes) -> str:
        """The digest of ``data`` in hexadecimal, lower case."""
        if self is Algorithm.MD5:
            return hashlib.md5(data, usedforsecurity=False).hexdigest()
        return hashlib.new("sha256" if self is Algorithm.SHA256 else "sha512_256", data).hexdigest()


_ALGORITHMS = {algorithm.value.lower(): algorithm for algorithm in Algorithm}
_ALL = frozenset(Algorithm)


def hash_a1(algorithm: Algorithm, user: str, realm: str, password: str) -> str:
    """What stands for a password in all that follows: H(A1) of RFC 7616 §3.4.2, before any ``-sess``."""
    return algorithm.hash(_bytes(f"{user}:{realm}:{password}"))


def hash_user(algorithm: Algorithm, user: str, realm: str) -> str:
    """The user name as a client sends it that hides it (``userhash``, RFC 7616 §3.4.4)."""
    return algorithm.hash(_bytes(f"{user}:{realm}"))


# --------------------------------------------------------------------------- who answers


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge that we can answer."""

    realm: str
    nonce: str
    algorithm: Algorithm = Algorithm.MD5
    session: bool = False  # "-sess"
    qop: str = ""  # the quality that we would use: "auth", "auth-int", or "" (RFC 2069)
    opaque: str | None = None
    stale: bool = False  # the password was right, the nonce is old
    header: str = "authorization"  # where credentials for it go, canonical name


def parse_challenges(response: Response) -> list[Challenge]:
    """The digest challenges of a response that can be answered, in order; what is unknown or broken is passed over."""
    challenges: list[Challenge] = []
    for name, answer in _CHALLENGES.items():
        if name not in response.names:
            continue
        for scheme, params in _credentials_in(response, name):
            if scheme == "digest":
                challenge = _read_challenge(params, answer)
                if challenge is not None:
                    challenges.append(challenge)
    return challenges


def choose(challenges: Iterable[Challenge], allowed: frozenset[Algorithm] = _ALL) -> list[Challenge]:
    """Those to be answered: for each realm of each header the strongest that is ``allowed``, the topmost of equals."""
    best: dict[tuple[str, str], Challenge] = {}
    for challenge in challenges:
        if challenge.algorithm not in allowed:
            continue
        known = best.get((challenge.header, challenge.realm))
        if known is None or challenge.algorithm.strength > known.algorithm.strength:
            best[challenge.header, challenge.realm] = challenge
    return list(best.values())


def realm_of(value: str) -> str | None:
    """The realm of credentials, None where there is none to be read."""
    found = _take_apart(value)
    return found[0][1].get("realm") if found else None


def make_credentials(
    challenge: Challenge, ha1: str, *, user: str, request: Request, count: int = 1, cnonce: str = ""
) -> str:
    """The header line that answers ``challenge`` for ``request``. ``ha1`` is `hash_a1` for its algorithm and realm,
    ``count`` how often its nonce was used, this time included (1 to `MAX_COUNT`)."""
    nc = f"{count:08x}"
    uri, algorithm = request.uri, challenge.algorithm
    response = _respond(challenge, ha1, challenge.qop, nc, cnonce, request.method, uri, request.body)
    parts = [
        f"username={_quote(user)}",
        f"realm={_quote(challenge.realm)}",
        f"nonce={_quote(challenge.nonce)}",
        f"uri={_quote(uri)}",
        f'response="{response}"',
        f"algorithm={algorithm.value}{'-sess' if challenge.session else ''}",
    ]
    if challenge.qop:
        parts += [f"cnonce={_quote(cnonce)}", f"qop={challenge.qop}", f"nc={nc}"]
    if challenge.opaque is not None:
        parts.append(f"opaque={_quote(challenge.opaque)}")
    return f"{_HEADERS[challenge.header]}: Digest {', '.join(parts)}"


# --------------------------------------------------------------------------- who asks


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody answered. Before `verify` is believed: ``nonce`` must be ours and fresh, ``count`` not seen with it
    before, and ``uri`` mean what the request line does (RFC 7616 §3.4.6)."""

    user: str  # or its hash, see `userhash`
    realm: str
    nonce: str
    uri: str
    response: str = field(repr=False)
    algorithm: Algorithm = Algorithm.MD5
    session: bool = False
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    opaque: str | None = None
    userhash: bool = False

    @property
    def count(self) -> int:
        """How often the client says that it used the nonce; 0 without a quality of protection."""
        return int(self.nc, 16) if self.nc else 0


def make_challenge(
    realm: str, nonce: str, algorithm: Algorithm, *, qop: str = "auth", stale: bool = False, proxy: bool = False
) -> str:
    """The header line of one challenge; several algorithms are several lines, the preferred one first."""
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    parts = [f"realm={_quote(realm)}", f"nonce={_quote(nonce)}", f"algorithm={algorithm.value}"]
    if qop:
        parts.append(f'qop="{qop}"')
    if stale:
        parts.append("stale=true")
    return f"{name}: Digest {', '.join(parts)}"


def parse_credentials(request: Request, *, proxy: bool = False) -> list[Credentials]:
    """All digest credentials of a request, of one of the two headers.

    Raises `RemoteProtocolError` for those that are broken, by whatever algorithm they claim.
    """
    found = _credentials_in(request, "proxy-authorization" if proxy else "authorization", strict=True)
    return [_read_credentials(params) for scheme, params in found if scheme == "digest"]


def verify(credentials: Credentials, ha1: str, method: str, body: bytes = b"") -> bool:
    """Whether somebody who knows ``ha1`` (`hash_a1`) wrote these for such a request; takes as long either way."""
    c = credentials
    expected = _respond(c, ha1, c.qop, c.nc, c.cnonce, method, c.uri, body)
    return hmac.compare_digest(_bytes(c.response.lower()), expected.encode())


# --------------------------------------------------------------------------- inside


def _respond(
    asked: Challenge | Credentials, ha1: str, qop: str, nc: str, cnonce: str, method: str, uri: str, body: bytes
) -> str:
    """RFC 7616 §3.4.1 to §3.4.3."""
    digest = asked.algorithm.hash
    if asked.session:
        ha1 = digest(_bytes(f"{ha1}:{asked.nonce}:{cnonce}"))
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 += f":{digest(body)}"
    middle = f"{asked.nonce}:{nc}:{cnonce}:{qop}" if qop else asked.nonce
    return digest(_bytes(f"{ha1}:{middle}:{digest(_bytes(a2))}"))


def _credentials_in(message: Message, name: str, *, strict: bool = False) -> Iterator[tuple[str, dict[str, str]]]:
    """(scheme, parameters) of every line of a header. The comma of these stands between parameters (RFC 3261 §7.3.1),
    and yet there are senders that put two challenges on a line."""
    for value in message.get_lines(name):
        found = _take_apart(value)
        if found is None:
            if strict:
                raise RemoteProtocolError(f"malformed {_HEADERS.get(name, name)}")
            continue
        yield from found


def _take_apart(value: str) -> list[tuple[str, dict[str, str]]] | None:
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while _END.match(value, at) is None:
        match = _PARAM.match(value, at)
        if match is not None and found:
            name = match[1].lower()
            if name in found[-1][1]:
                return None
            found[-1][1][name] = _ESCAPED.sub(r"\1", match[2]) if match[2] is not None else match[3]
        else:
            match = _SCHEME.match(value, at)
            if match is None:
                return None
            found.append((match[1].lower(), {}))
        at = match.end()
    return found


def _read_challenge(params: dict[str, str], header: str) -> Challenge | None:
    algorithm, session = _read_algorithm(params)
    if algorithm is None or "realm" not in params or "nonce" not in params:
        return None
    qop = ""
    if "qop" in params:
        offered = [part.strip().lower() for part in params["qop"].split(",")]
        qop = next((known for known in ("auth", "auth-int") if known in offered), "")
        if not qop:
            return None
    if session and not qop:
        return None  # its A1 needs a cnonce, which may not be sent
    return Challenge(
        params["realm"],
        params["nonce"],
        algorithm,
        session,
        qop,
        params.get("opaque"),
        params.get("stale", "").lower() == "true",
        header,
    )


def _read_credentials(params: dict[str, str]) -> Credentials:
    algorithm, session = _read_algorithm(params)
    qop, nc = params.get("qop", "").lower(), params.get("nc", "")
    missing = [name for name in ("username", "realm", "nonce", "uri", "response") if name not in params]
    if algorithm is None or missing or qop not in ("", "auth", "auth-int") or (session and not qop):
        raise RemoteProtocolError(f"digest credentials without {missing[0]}" if missing else "unknown kind of digest")
    if qop and (_COUNT.match(nc) is None or "cnonce" not in params):
        raise RemoteProtocolError("digest credentials without nonce count or cnonce")
    return Credentials(
        params["username"],
        params["realm"],
        params["nonce"],
        params["uri"],
        params["response"],
        algorithm,
        session,
        qop,
        nc if qop else "",
        params.get("cnonce", ""),
        params.get("opaque"),
        params.get("userhash", "").lower() == "true",
    )


def _read_algorithm(params: dict[str, str]) -> tuple[Algorithm | None, bool]:
    name = params.get("algorithm", "MD5").lower()
    session = name.endswith("-sess")
    return _ALGORITHMS.get(name.removesuffix("-sess")), session


def _quote(text: str) -> str:
    if '"' in text or "\\" in text:
        text = _SPECIAL.sub(r"\\\1", text)
    return f'"{text}"'


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")

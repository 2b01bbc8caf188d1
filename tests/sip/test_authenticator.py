"""The asking half of digest: what proves somebody, what does not, and that neither can be told from the answer."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import pytest

from sip.account import Account, Tried
from sip.authenticator import LIFE, Authenticator, Known, hash_user
from sip.digest import Algorithm
from sip.errors import RemoteProtocolError
from sip.message import Request, Response
from sip.parser import parse_message, validate
from tests.sip.wire import parsed, request
from tests.torture.mutants import mutate

REALM = "pbx.example"
HOST = "198.51.100.7"
URI = "sip:+15557000@192.0.2.10"
PASSWORDS = {"anna": "open sesame", "ben": 'Käse & "Brot"'}
SECRET = bytes(range(32))


def make(**more: object) -> Authenticator:
    users = {user: hash_user(user, REALM, password) for user, password in PASSWORDS.items()}
    return Authenticator(REALM, users, SECRET, **more)  # type: ignore[arg-type]


class Phone:
    """A client, written on the answering half."""

    def __init__(self, user: str = "anna", password: str = "", allowed: frozenset[Algorithm] = frozenset(Algorithm)):
        self.account = Account(user, password or PASSWORDS.get(user, "?"), lambda nonce: "c0ffee", allowed=allowed)
        self.tried = Tried()

    def answer(self, challenge: str, method: str = "INVITE", uri: str = URI) -> Request:
        """A request with credentials for a challenge."""
        response = Response(401, "Unauthorized", ["www-authenticate"], [challenge])
        assert self.account.learn(response, self.tried) == ""
        message = parsed(request(method, uri))
        self.account.dress(message, self.tried)
        return message


def changed(message: Request, pattern: str, to: str) -> Request:
    """The same with something else in its credentials."""
    line = message.require("authorization")
    assert re.search(pattern, line)
    copy = message.copy()
    copy.set("authorization", f"Authorization: {re.sub(pattern, to, line, count=1)}")
    return copy


def test_right_credentials_prove_their_user_once() -> None:
    guard = make()
    for number, user in enumerate(PASSWORDS):
        now = 100.0 + number
        message = Phone(user).answer(guard.challenge(HOST, now))
        assert guard.check(message, HOST, now + 1.0) == Known(user)
        assert guard.check(message, HOST, now + 1.0) == Known(stale=True)


def test_request_without_credentials_proves_nobody() -> None:
    assert make().check(parsed(request()), HOST, 1.0) == Known()


@pytest.mark.parametrize(
    ("pattern", "to"),
    [
        ('uri="[^"]*"', 'uri="sip:+19005551234@192.0.2.10"'),
        ('username="anna"', 'username="ben"'),
        ('username="anna"', 'username="nobody"'),
        ('realm="[^"]*"', 'realm="other.example"'),
        ("nc=00000001", "nc=00000002"),
        ("qop=auth", "qop=auth-int"),
        (", qop=auth", ""),
        ("algorithm=SHA-256", "algorithm=MD5"),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ("algorithm=SHA-256, ", ""),
        ('cnonce="c0ffee"', 'cnonce="coffee"'),
        ('nonce="....', 'nonce="AAAA'),
        ('response="....', 'response="0000'),
        ('response="[^"]*"', 'response=""'),
        ("Digest", "Basic"),
        ("Digest", "Digest userhash=true,"),
        ("Digest ", "Digest , , ="),
    ],
)
def test_credentials_that_are_wrong_anywhere_prove_nobody(pattern: str, to: str) -> None:
    guard = make()
    message = Phone().answer(guard.challenge(HOST, 1.0))
    assert not guard.check(changed(message, pattern, to), HOST, 2.0).user
    assert guard.check(message, HOST, 2.0).user == "anna", "what failed used nothing up"


def test_credentials_for_one_request_are_none_for_another() -> None:
    guard = make()
    message = Phone().answer(guard.challenge(HOST, 1.0))
    for method, uri in (("REGISTER", URI), ("INVITE", "sip:+19005551234@192.0.2.10"), ("INVITE", f"{URI};a=b")):
        other = parsed(request(method, uri, cseq_method=method))
        other.append("authorization", f"Authorization: {message.require('authorization')}")
        assert guard.check(other, HOST, 2.0) == Known()


def test_weaker_hash_is_not_taken() -> None:
    guard = make()
    challenge = guard.challenge(HOST, 1.0)
    assert "algorithm=SHA-256" in challenge
    message = Phone().answer(challenge.replace("SHA-256", "MD5"))
    assert guard.check(message, HOST, 2.0) == Known()


def test_nonce_is_good_for_its_time_in_its_life_and_at_its_host() -> None:
    guard = make()
    challenge = guard.challenge(HOST, 100.0)
    message = Phone().answer(challenge)
    old, early = Known(stale=True), Known(stale=True)
    assert guard.check(message, HOST, 100.0 + LIFE) == old
    assert guard.check(message, HOST, 99.0) == early
    assert guard.check(message, "203.0.113.9", 101.0) == Known(stale=True)
    users = {"anna": hash_user("anna", REALM, PASSWORDS["anna"])}
    assert Authenticator(REALM, users, b"another life").check(message, HOST, 101.0) == Known(stale=True)
    assert guard.check(message, HOST, 101.0) == Known("anna")


def test_second_use_of_a_nonce_is_asked_again_and_the_phone_goes_on_by_itself() -> None:
    guard, phone = make(), Phone()
    first = phone.answer(guard.challenge(HOST, 1.0))
    assert guard.check(first, HOST, 1.0).user == "anna"
    again = parsed(request("INVITE", URI))
    phone.tried = Tried()
    phone.account.dress(again, phone.tried)
    assert "nc=00000002" in again.require("authorization")
    known = guard.check(again, HOST, 2.0)
    assert known == Known(stale=True)
    assert guard.check(phone.answer(guard.challenge(HOST, 2.0, stale=known.stale)), HOST, 2.0).user == "anna"


@pytest.mark.parametrize("phone", [Phone("nobody"), Phone("anna", "wrong"), Phone("", "x"), Phone("anna\x00", "x")])
def test_unknown_user_and_wrong_password_look_alike(phone: Phone) -> None:
    guard = make()
    message = phone.answer(guard.challenge(HOST, 1.0))
    assert guard.check(message, HOST, 2.0) == guard.check(parsed(request()), HOST, 2.0) == Known()


def test_same_work_is_done_whether_a_user_exists_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = make()
    hashed: list[int] = []
    compute = Algorithm.hash

    def count(self: Algorithm, data: bytes) -> str:
        hashed.append(len(data))
        return compute(self, data)

    work = []
    for user in ("anna", "neil"):  # names of one length
        message = Phone(user, "wrong").answer(guard.challenge(HOST, 1.0))
        monkeypatch.setattr(Algorithm, "hash", count)
        assert not guard.check(message, HOST, 2.0).user
        monkeypatch.undo()
        work.append(hashed.copy())
        hashed.clear()
    assert work[0] == work[1] != []


def test_memory_of_used_nonces_is_bounded_and_forgets_nothing_that_could_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sip.authenticator.MAX_USED", 10)
    guard = make()
    used = []
    for number in range(35):
        now = 1.0 + number / 100
        message = Phone().answer(guard.challenge(HOST, now))
        assert guard.check(message, HOST, now).user or number % 11 == 10, "one that was made at the very moment is old"
        used.append(message)
        assert len(guard._used) <= 10
    assert not any(guard.check(message, HOST, 1.4).user for message in used)
    late = 1.4 + 2 * LIFE
    assert guard.check(Phone().answer(guard.challenge(HOST, late)), HOST, late).user
    assert len(guard._used) == 1


def test_users_are_swapped() -> None:
    guard = make()
    message = Phone().answer(guard.challenge(HOST, 1.0))
    guard.swap({})
    assert guard.check(message, HOST, 1.0) == Known()


# --------------------------------------------------------------------------- forgeries

Trick = Callable[[Request, Request, random.Random], Request]


def _splice(good: Request, other: Request, dice: random.Random) -> Request:
    """The credentials of one request in another."""
    copy = other.copy()
    copy.set("authorization", f"Authorization: {good.require('authorization')}")
    return copy


def _twist(good: Request, other: Request, dice: random.Random) -> Request:
    """A parameter of the credentials has the value of another request's, or of another parameter."""
    line, theirs = good.require("authorization"), other.require("authorization")
    found = re.findall(r'(\w+)=("[^"]*"|[^,\s]+)', dice.choice((line, theirs)))
    name, _ = dice.choice(found)
    _, value = dice.choice(found)
    return changed(good, rf'\b{name}=("[^"]*"|[^,\s]+)', lambda _: f"{name}={value}")  # type: ignore[arg-type]


def _double(good: Request, other: Request, dice: random.Random) -> Request:
    """Two sets of credentials, one of them somebody else's."""
    copy = other.copy()
    at = dice.randrange(len(copy.lines) + 1)
    copy.names.insert(at, "authorization")
    copy.lines.insert(at, f"Authorization: {good.require('authorization')}")
    return copy


def _redirect(good: Request, other: Request, dice: random.Random) -> Request:
    """The same credentials, another number or method."""
    method = dice.choice((good.method, "REGISTER", "MESSAGE", "invite"))
    digits = "".join(dice.choice("0123456789+%;@ ") for _ in range(dice.choice((1, 2, 12))))
    uri = dice.choice((good.uri.replace("+15557", digits), good.uri + digits, good.uri.upper(), other.uri))
    copy = good.copy()
    copy.method, copy.uri = method, uri
    return copy


TRICKS: tuple[Trick, ...] = (_splice, _twist, _double, _redirect)


def forge(many: int, seed: int) -> dict[str, int]:
    """Let so many mutated requests try to get in; returns what became of them.

    Half are made of requests that have been let in already, half of ones whose nonce is still good. The digest covers
    the method, the Request-URI and the user (RFC 7616 §3.4.3): what is let in with all three as they were is the request
    itself, whatever else was done to it, and it is let in once.
    """
    dice, guard = random.Random(seed), make()
    seen = {"refused": 0, "broken": 0, "itself": 0}
    now, per_pair = 0.0, 20
    for number in range(many):
        if number % per_pair == 0:
            now += 0.01
            users = dice.sample(sorted(PASSWORDS), 2)
            uris = [f"sip:+1555{dice.randrange(7000, 7999)}@192.0.2.10" for _ in users]
            pair = [
                Phone(user).answer(guard.challenge(HOST, now), uri=uri) for user, uri in zip(users, uris, strict=True)
            ]
            allowed = {(user, "INVITE", uri) for user, uri in zip(users, uris, strict=True)}
            is_used = number // per_pair % 2 == 1
            if is_used:
                assert all(guard.check(each, HOST, now).user for each in pair)
        good, other = dice.sample(pair, 2)
        mutant = mutate(good.encode(), dice)
        data = mutant if dice.random() < 0.5 else dice.choice(TRICKS)(good, other, dice).encode()
        try:
            message = parse_message(data)
            validate(message)
        except RemoteProtocolError:
            seen["broken"] += 1
            continue
        if not isinstance(message, Request):
            seen["broken"] += 1
            continue
        user = guard.check(message, HOST, now).user
        if not user:
            seen["refused"] += 1
            continue
        what = f"seed {seed}, number {number}: {user} by {data!r}"
        assert not is_used, f"a nonce was used twice: {what}"
        assert (user, message.method, message.uri) in allowed, f"forged: {what}"
        seen["itself"] += 1
    return seen


def test_no_mutated_request_gets_in() -> None:
    seen = forge(15_000, seed=1)
    assert seen["refused"] > 5_000
    assert seen["itself"] > 50, "mutants that leave alone what the digest covers show that the others were close"


@pytest.mark.long
def test_none_of_100_000_mutated_requests_gets_in() -> None:
    seen = forge(100_000, seed=2)
    assert seen["refused"] > 40_000

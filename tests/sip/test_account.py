from __future__ import annotations

import pytest

from sip.account import MAX_KNOWN, MAX_TRIES, Account, Tried
from sip.digest import Algorithm, hash_a1, make_challenge, parse_credentials, verify
from sip.message import Request, Response

SHA, MD5 = Algorithm.SHA256, Algorithm.MD5


def account(**options: object) -> Account:
    return Account("u", "hunter2", lambda nonce: f"c{nonce}", **options)  # type: ignore[arg-type]


def request(*lines: str) -> Request:
    return Request("INVITE", "sip:+1555@sbc", [line.partition(":")[0].lower() for line in lines], list(lines))


def challenge(*lines: str) -> Response:
    return Response(407, "", [line.partition(":")[0].lower() for line in lines], list(lines))


def ask(
    nonce: str, realm: str = "r", algorithm: Algorithm = SHA, *, stale: bool = False, proxy: bool = True
) -> Response:
    return challenge(make_challenge(realm, nonce, algorithm, stale=stale, proxy=proxy))


def nonces(sent: Request) -> list[tuple[str, int]]:
    """Nonce and count of the credentials in a request, which must be right."""
    found = [*parse_credentials(sent, proxy=True), *parse_credentials(sent)]
    assert all(verify(one, hash_a1(one.algorithm, "u", one.realm, "hunter2"), "INVITE") for one in found)
    return [(one.nonce, one.count) for one in found]


def test_the_first_call_is_challenged_and_the_next_ones_are_not() -> None:
    ours, first = account(), Tried()
    plain = request()
    assert ours.dress(plain, first) == []
    assert ours.learn(ask("n1"), first) == ""
    again = request()
    lines = ours.dress(again, first)
    assert nonces(again) == [("n1", 1)]
    assert lines == again.lines
    for count in (2, 3):
        later = request()
        ours.dress(later, Tried())
        assert nonces(later) == [("n1", count)]


@pytest.mark.parametrize("stale", [True, False])
def test_a_nonce_that_got_old_is_replaced_once(stale: bool) -> None:
    ours, before = account(), Tried()
    ours.learn(ask("n1"), before)
    ours.dress(request(), before)
    tried = Tried()
    ours.dress(request(), tried)
    assert ours.learn(ask("n2", stale=stale), tried) == ""
    again = request()
    ours.dress(again, tried)
    assert nonces(again) == [("n2", 1)]
    assert ours.learn(ask("n3", stale=stale), tried) == ""  # a server of single-use nonces under load
    ours.dress(request(), tried)
    assert "refused" in ours.learn(ask("n4", stale=stale), tried)


def test_the_same_nonce_again_means_a_wrong_password_unless_it_says_stale() -> None:
    ours, tried = account(), Tried()
    ours.learn(ask("n1"), tried)
    ours.dress(request(), tried)
    assert ours.learn(ask("n1", stale=True), tried) == ""
    again = request()
    ours.dress(again, tried)
    assert nonces(again) == [("n1", 2)]
    assert ours.learn(ask("n1"), tried) == "credentials refused in the realm 'r'"


def test_after_a_refusal_the_next_request_waits_to_be_asked() -> None:
    ours, tried = account(), Tried()
    ours.learn(ask("n1"), tried)
    ours.dress(request(), tried)
    assert ours.learn(ask("n1"), tried)
    assert ours.dress(request(), Tried()) == []


def test_a_proxy_and_somebody_behind_it_may_both_ask_where_both_are_named() -> None:
    ours, tried = account(realms=("proxy", "server")), Tried()
    ours.learn(ask("n1", "proxy"), tried)
    ours.dress(request(), tried)
    assert ours.learn(ask("n2", "server", proxy=False), tried) == ""
    both = request()
    ours.dress(both, tried)
    assert nonces(both) == [("n1", 2), ("n2", 1)]


def test_somebody_behind_the_trunk_gets_no_answer() -> None:
    ours, tried = account(), Tried()
    ours.learn(ask("n1", "carrier"), tried)
    ours.dress(request(), tried)
    why = ours.learn(ask("n2", "evil"), tried)
    assert why == "credentials asked for in the realm 'evil', which is not that of the account"
    assert ours.refusals == 0, "the trunk is not to blame"


def test_somebody_behind_the_trunk_gets_no_answer_when_credentials_went_ahead() -> None:
    ours = account()
    ours.learn(ask("n1", "carrier"), before := Tried())
    ours.dress(request(), before)
    tried = Tried()
    ours.dress(request(), tried)
    assert ours.learn(ask("n2", "evil"), tried) == ""
    bare = request()
    assert ours.dress(bare, tried) == []
    assert ours.learn(ask("n3", "carrier"), tried) == "", "it was the trunk that let us in"
    again = request()
    ours.dress(again, tried)
    assert nonces(again) == [("n3", 1)]
    assert "not that of the account" in ours.learn(ask("n4", "evil"), tried)


def test_a_trunk_that_asks_in_another_realm_each_time_is_answered() -> None:
    ours = account()
    for number in range(20):
        tried, sent = Tried(), request()
        ours.dress(sent, tried)
        for _ in range(3):
            if any(realm == f"r{number}" for _, realm in tried.sent):
                break
            assert ours.learn(ask(f"n{number}", f"r{number}"), tried) == ""
            sent = request()
            ours.dress(sent, tried)
        assert (f"n{number}", 1) in nonces(sent)
    full = request()
    ours.dress(full, Tried())
    assert len(nonces(full)) == MAX_KNOWN


def test_tries_are_bounded_whoever_asks() -> None:
    ours, tried = account(realms=[f"realm {number}" for number in range(9)]), Tried()
    for number in range(MAX_TRIES):
        assert ours.learn(ask("n", f"realm {number}"), tried) == ""
        ours.dress(request(), tried)
    assert ours.learn(ask("n", "realm 8"), tried) == "credentials asked for again and again in the realm 'realm 8'"


def test_the_strongest_that_is_allowed_is_used() -> None:
    both = challenge(make_challenge("r", "weak", MD5, proxy=True), make_challenge("r", "strong", SHA, proxy=True))
    for allowed, nonce in ((frozenset(Algorithm), "strong"), (frozenset({MD5}), "weak")):
        ours, sent = account(allowed=allowed), request()
        assert ours.learn(both, Tried()) == ""
        ours.dress(sent, Tried())
        assert nonces(sent) == [(nonce, 1)]


def test_what_is_not_answered_is_said_in_words() -> None:
    ours = account(realms=("mine",), allowed=frozenset({SHA}))
    assert ours.learn(ask("n", "mine", MD5), Tried()) == ("credentials asked for by MD5, which 'auth' does not allow")
    assert ours.learn(ask("n", "theirs"), Tried()) == (
        "credentials asked for in the realm 'theirs', which is not that of the account"
    )
    assert ours.learn(challenge('Proxy-Authenticate: Basic realm="mine"'), Tried()) == (
        "407 without a digest challenge that can be answered"
    )
    assert ours.dress(request(), Tried()) == []


def test_credentials_of_the_caller_for_other_realms_pass_and_for_ours_give_way() -> None:
    ours = account()
    ours.learn(ask("n1"), Tried())
    other = 'Proxy-Authorization: Digest username="x", realm="other", nonce="1", uri="sip:a", response="0"'
    same = 'Proxy-Authorization: Digest username="x", realm="r", nonce="1", uri="sip:a", response="0"'
    basic = "Authorization: Bearer abc"
    sent = request(other, same, basic)
    lines = ours.dress(sent, Tried())
    assert sent.lines == [other, basic, *lines]


def test_the_same_nonce_gets_the_same_bytes_in_another_life() -> None:
    sent = []
    for _ in range(2):
        ours, invite = account(), request()
        ours.learn(ask("n1"), Tried())
        ours.dress(invite, Tried())
        sent.append(invite.encode())
    assert sent[0] == sent[1]


def test_the_password_shows_nowhere() -> None:
    assert "hunter2" not in repr(account())
